/** containerd with its own client: `ctr run --runc-binary`. */
import { openSandbox } from './sandbox.mjs'

export const needs = { containerd: 'containerd', ctr: 'containerd' }

const configuration = `version = 2
root = "$WORK/data"
state = "$WORK/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "$WORK/containerd.sock"
`

/** What `ctr image import` reads: an OCI layout of one layer, made of the root file system. */
const makeImage = `
import hashlib, io, json, tarfile, os
work = os.environ['WORK']
blobs = {}
def blob(data):
    digest = hashlib.sha256(data).hexdigest()
    blobs[digest] = data
    return {'digest': 'sha256:' + digest, 'size': len(data)}
layer = open(work + '/root.tar', 'rb').read()
kind = 'application/vnd.oci.image.'
machine = {'x86_64': 'amd64', 'aarch64': 'arm64'}[os.uname().machine]
config = blob(json.dumps({'architecture': machine, 'os': 'linux', 'config': {'Env': ['PATH=/bin']},
    'rootfs': {'type': 'layers', 'diff_ids': ['sha256:' + hashlib.sha256(layer).hexdigest()]}}).encode())
manifest = blob(json.dumps({'schemaVersion': 2, 'mediaType': kind + 'manifest.v1+json',
    'config': {'mediaType': kind + 'config.v1+json', **config},
    'layers': [{'mediaType': kind + 'layer.v1.tar', **blob(layer)}]}).encode())
index = {'schemaVersion': 2, 'manifests': [{'mediaType': kind + 'manifest.v1+json', **manifest,
    'annotations': {'io.containerd.image.name': 'localhost/bb:latest', 'org.opencontainers.image.ref.name': 'latest'}}]}
files = {'oci-layout': b'{"imageLayoutVersion":"1.0.0"}', 'index.json': json.dumps(index).encode(),
    **{'blobs/sha256/' + digest: data for digest, data in blobs.items()}}
with tarfile.open(work + '/image.tar', 'w') as archive:
    for name, data in files.items():
        info = tarfile.TarInfo(name)
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
`

/** @param {'tsrun' | 'runc'} runtime */
export async function startContainerd(runtime) {
  const sandbox = await openSandbox({
    engine: 'containerd',
    runtime,
    commands: {
      // The namespace is also the cgroup that containers are below.
      ctr: '/usr/bin/ctr -a $WORK/containerd.sock -n $(basename $CGROUP)',
    },
  })
  await sandbox.run(
    `cat > $WORK/containerd.toml <<END\n${configuration}END\ncat > $WORK/image.py <<'END'\n${makeImage}END`,
  )
  sandbox.serve(
    "sh -c 'echo $$ > $WORK/containerd.pid; exec containerd --config $WORK/containerd.toml'",
    '$WORK/engine.log',
  )
  const { exitCode, stdout, stderr } = await sandbox.run(
    'eventually ctr version && python3 $WORK/image.py && ctr image import $WORK/image.tar >&2 || tail -n 20 $WORK/engine.log',
  )
  if (exitCode !== 0 || stdout !== '') {
    await sandbox.close()
    throw new Error(`containerd did not start: ${stdout}${stderr}`)
  }
  return {
    ...sandbox,
    clean: () =>
      sandbox.run(`
        for task in $(ctr task ls -q); do ctr task rm -f $task; done >/dev/null 2>&1
        for container in $(ctr container ls -q); do ctr container rm $container; done
        rm -rf $WORK/scratch; mkdir $WORK/scratch`),
    stop: () =>
      sandbox.run('kill $(cat $WORK/containerd.pid); eventually sh -c "! test -e /proc/$(cat $WORK/containerd.pid)"'),
  }
}
