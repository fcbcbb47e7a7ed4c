/** Podman and Buildah: no daemon; everything they keep is in the sandbox. */
import { openSandbox } from './sandbox.mjs'

export const podmanNeeds = { podman: 'podman', conmon: 'conmon' }
export const buildahNeeds = { buildah: 'buildah' }

const storage = '--root $WORK/data --runroot $WORK/runroot --storage-driver vfs'

const settings = `
mkdir -p $WORK/etc
echo '{"default":[{"type":"insecureAcceptAnything"}]}' > $WORK/etc/policy.json
cat > $WORK/etc/containers.conf <<END
[containers]
log_driver = "k8s-file"
cgroupns = "private"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "$RUNTIME"
[engine.runtimes]
tsrun = ["$RUNTIME"]
END
mkdir -p $WORK/.config/containers; cp $WORK/etc/* $WORK/.config/containers/
`

/** @param {'tsrun' | 'runc'} runtime */
export async function startPodman(runtime) {
  const podman = `env CONTAINERS_CONF=$WORK/etc/containers.conf /usr/bin/podman ${storage} --tmpdir $WORK/podman --cgroup-manager cgroupfs --runtime $RUNTIME`
  const sandbox = await openSandbox({ engine: 'podman', runtime, commands: { podman } })
  await prepared(sandbox, 'podman import -q $WORK/root.tar bb >&2')
  return {
    ...sandbox,
    clean: () =>
      sandbox.run(
        'podman pod rm -f -a -t 0 >/dev/null; podman rm -f -a -t 0 >/dev/null; rm -rf $WORK/scratch; mkdir $WORK/scratch',
      ),
    stop: () =>
      sandbox.run(
        'podman rm -f -a -t 0; rmdir /sys/fs/cgroup/*/libpod_parent/conmon /sys/fs/cgroup/*/libpod_parent || true',
      ),
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
