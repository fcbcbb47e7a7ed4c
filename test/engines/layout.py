"""layout NAME=CONFIG...: writes $WORK/image.tar, an OCI layout with an image for each NAME, made of $WORK/root.tar and this CONFIG."""

import hashlib, io, json, os, sys, tarfile

work = os.environ["WORK"]
kind = "application/vnd.oci.image."
machine = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
blobs = {}


def blob(data):
    digest = hashlib.sha256(data).hexdigest()
    blobs[digest] = data
    return {"digest": "sha256:" + digest, "size": len(data)}


def manifest(layer, diff, name, config):
    rootfs = {"type": "layers", "diff_ids": [diff]}
    document = {"architecture": machine, "os": "linux", "config": config, "rootfs": rootfs}
    content = {
        "schemaVersion": 2,
        "mediaType": kind + "manifest.v1+json",
        "config": {"mediaType": kind + "config.v1+json", **blob(json.dumps(document).encode())},
        "layers": [{"mediaType": kind + "layer.v1.tar", **layer}],
    }
    names = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": "latest"}
    return {"mediaType": content["mediaType"], **blob(json.dumps(content).encode()), "annotations": names}


def main(images):
    data = open(work + "/root.tar", "rb").read()
    layer = blob(data)
    pairs = [image.split("=", 1) for image in images]
    manifests = [manifest(layer, layer["digest"], name, json.loads(config)) for name, config in pairs]
    index = {"schemaVersion": 2, "manifests": manifests}
    files = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": json.dumps(index).encode()}
    files.update({"blobs/sha256/" + digest: data for digest, data in blobs.items()})
    with tarfile.open(work + "/image.tar", "w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


main(sys.argv[1:])
