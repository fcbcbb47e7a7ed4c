/** Podman and Buildah: no daemon; everything they keep is in the sandbox. */
import { openSandbox } from './sandbox.mjs'

export const podmanNeeds = { podman: 'podman', conmon: 'conmon' }
export const buildahNeeds = { buildah: 'buildah' }
export const rootlessNeeds = { ...podmanNeeds, newuidmap: 'uidmap', setpriv: 'util-linux' }

const storage = '--root $WORK/data --runroot $WORK/run --storage-driver vfs'

const settings = `
mkdir -p $WORK/etc
echo '{"default":[{"type":"insecureAcceptAnything"}]}' > $WORK/etc/policy.json
cat > $WORK/etc/containers.conf <<END
[containers]
log_driver = "k8s-file"
cgroupns = "private"
[network]
network_config_dir = "$WORK/networks"
[engine]
infra_image = "localhost/infra:latest"
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "$RUNTIME"
[engine.runtimes]
tsrun = ["$RUNTIME"]
END
mkdir -p $WORK/.config/containers; cp $WORK/etc/* $WORK/.config/containers/
`

/** The machine's own files of this name are hidden, not changed. */
const subids = `
printf 'ada:100000:65536\\ncontainers:200000:65536\\n' > $WORK/subids
for file in /etc/subuid /etc/subgid; do mount --bind $WORK/subids $file; done
`

/** All Podmans of a user share their locks (/dev/shm/libpod_lock): two that make them at the same time get in each other's way. */
const oneFirst = '( flock 9; podman ps -aq >&2 ) 9</run/lock'

/** Podman has a program of its own for the first container of a pod, which Debian packages apart. */
const importImages = `
${oneFirst}
podman import -q -c 'ENV PATH=/bin' $WORK/root.tar bb >&2 &&
podman import -q -c 'CMD ["sleep", "100000"]' $WORK/root.tar infra >&2`

const removeAll = 'podman pod rm -f -a -t 0 >/dev/null; podman rm -f -a -t 0 >/dev/null'

/** @param {'tsrun' | 'runc'} runtime */
export async function startPodman(runtime) {
  const podman = `env PODMAN_IGNORE_CGROUPSV1_WARNING=1 CONTAINERS_CONF=$WORK/etc/containers.conf /usr/bin/podman ${storage} --tmpdir $WORK/podman --cgroup-manager cgroupfs --runtime $RUNTIME`
  const sandbox = await openSandbox({ engine: 'podman', runtime, commands: { podman } })
  await prepared(sandbox, `${subids} ${importImages}`)
  return {
    ...sandbox,
    clean: () => sandbox.run(`${removeAll}; rm -rf $WORK/scratch; mkdir $WORK/scratch`),
    stop: () =>
      sandbox.run(
        'podman rm -f -a -t 0; rmdir /sys/fs/cgroup/*/libpod_parent/conmon /sys/fs/cgroup/*/libpod_parent || true',
      ),
  }
}

/** What the user has: a name, a home, a directory at run time, and ids of its own. */
const makeUser = `
mkdir -p $WORK/home $WORK/networks /run/ada/tmp
cp -r $WORK/.config $WORK/home/
printf 'root:x:0:0:root:/root:/bin/sh\\nada:x:1000:1000::%s/home:/bin/sh\\n' $WORK > $WORK/passwd
printf 'root:x:0:\\nada:x:1000:\\n' > $WORK/group
for file in passwd group; do mount --bind $WORK/$file /etc/$file; done
chown -R ada:ada $WORK/home $WORK/networks $WORK/scratch /run/ada; chmod 700 /run/ada
`

/** The same as a user without any privilege: storage, runtime and all. @param {'tsrun' | 'runc'} runtime */
export async function startRootless(runtime) {
  const user =
    'setpriv --reuid ada --regid ada --clear-groups env PODMAN_IGNORE_CGROUPSV1_WARNING=1 HOME=$WORK/home USER=ada'
  const place = 'XDG_RUNTIME_DIR=/run/ada TMPDIR=/run/ada/tmp'
  const podman = `${user} ${place} /usr/bin/podman --root $WORK/home/data --runroot /run/ada/run --storage-driver vfs --cgroup-manager cgroupfs --runtime $RUNTIME`
  const sandbox = await openSandbox({ engine: 'podman-rootless', runtime, commands: { podman } })
  await prepared(sandbox, `${subids}${makeUser}${importImages}`)
  return {
    ...sandbox,
    clean: () => sandbox.run(`${removeAll}; rm -rf $WORK/scratch; mkdir $WORK/scratch; chown ada $WORK/scratch`),
    stop: () => sandbox.run('podman rm -f -a -t 0; kill $(cat /run/ada/libpod/tmp/pause.pid)'),
  }
}

/** @param {'tsrun' | 'runc'} runtime */
export async function startBuildah(runtime) {
  const buildah = `env BUILDAH_RUNTIME=$RUNTIME CONTAINERS_CONF=$WORK/etc/containers.conf /usr/bin/buildah ${storage}`
  const sandbox = await openSandbox({ engine: 'buildah', runtime, commands: { buildah } })
  await prepared(sandbox, 'buildah --version >&2')
  return {
    ...sandbox,
    clean: () => sandbox.run('buildah rm -a >/dev/null; rm -rf $WORK/scratch; mkdir $WORK/scratch'),
    stop: () => sandbox.run('buildah rm -a'),
  }
}

async function prepared(sandbox, command) {
  const { exitCode, stderr } = await sandbox.run(`${settings}${command}`)
  if (exitCode === 0) return
  await sandbox.close()
  throw new Error(`${sandbox.engine} does not work here: ${stderr}`)
}
