/** containerd with its CRI plugin: what the kubelet calls for each pod. */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openSandbox, runtimes } from './sandbox.mjs'

export const needs = {
  containerd: 'containerd',
  ctr: 'containerd',
  '../lib/cni/bridge': 'containernetworking-plugins',
  ip: 'iproute2',
}

const player = join(dirname(fileURLToPath(import.meta.url)), 'cri', 'play.mjs')

export const plugin = 'plugins."io.containerd.grpc.v1.cri"'
/** `more`: lines of its options. */
export const runtimeSection = (name, path, more = '') => `
[${plugin}.containerd.runtimes.${name}]
  runtime_type = "io.containerd.runc.v2"
  [${plugin}.containerd.runtimes.${name}.options]
    BinaryName = "${path}"
${more}
`

/** Version 2 is also what containerd 2 reads, which writes it anew for itself. All runtimes are there, so that pods of two can be beside each other. */
const configuration = `version = 2
root = "$WORK/data"
state = "$WORK/state"
[grpc]
  address = "$WORK/containerd.sock"
[${plugin}]
  sandbox_image = "localhost/pause:latest"
  enable_selinux = false
  disable_apparmor = true
  # The first process of a pod gets -998, which takes CAP_SYS_RESOURCE.
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
[${plugin}.cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "$WORK/cni"
${Object.entries(runtimes)
  .filter(([, path]) => existsSync(path))
  .map(([name, path]) => runtimeSection(name, path))
  .join('')}`

const network = `{ "cniVersion": "0.4.0", "name": "pods", "plugins": [{ "type": "bridge", "bridge": "cni0", "isGateway": true,
  "ipam": { "type": "host-local", "dataDir": "$WORK/addresses", "ranges": [[{ "subnet": "10.88.0.0/16" }]],
  "routes": [{ "dst": "0.0.0.0/0" }] } }] }`

/** Ends as Kubernetes' own does when it is told to, and waits for nobody: children of others come to it. */
const pause = `{"Env":["PATH=/bin"],"Entrypoint":["sh","-c","trap exit TERM INT; for i in $(seq 1000); do sleep 1000 & wait; done"]}`

const files = `
mkdir -p $WORK/cni
cat > $WORK/containerd.toml <<END\n${configuration}END
cat > $WORK/cni/10-pods.conflist <<END\n${network}\nEND
# Started again when it ends, as a service is, until the file is there that says no. The shims of its pods go on without it.
cat > $WORK/serve <<'END'
while [ ! -e $WORK/stop ]; do containerd --config $WORK/containerd.toml & echo $! > $WORK/containerd.pid; wait; done
END
`

/** @param {'tsrun' | 'standalone' | 'runc'} name */
export async function startCri(name) {
  const sandbox = await openSandbox({
    engine: 'cri',
    runtime: name,
    commands: {
      ctr: '/usr/bin/ctr -a $WORK/containerd.sock -n k8s.io',
      cri: `env PODS=${process.env.PODS ?? ''} ${process.execPath} ${player}`,
    },
  })
  await sandbox.run(files)
  sandbox.serve('sh $WORK/serve', '$WORK/engine.log')
  const { exitCode, stdout, stderr } = await sandbox.run(`
    eventually ctr version && layout 'localhost/bb:latest={"Env":["PATH=/bin"]}' 'localhost/pause:latest=${pause}' &&
    ctr image import $WORK/image.tar >&2 && timeout 60 cri --ready || { tail -n 60 $WORK/engine.log; false; }`)
  if (exitCode !== 0) {
    await sandbox.close()
    throw new Error(`containerd's CRI did not start: ${stdout}${stderr}`)
  }
  return {
    ...sandbox,
    clean: () => sandbox.run('rm -rf $WORK/scratch; mkdir $WORK/scratch'),
    stop: () =>
      sandbox.run(
        'touch $WORK/stop; kill $(cat $WORK/containerd.pid); eventually sh -c "! test -e /proc/$(cat $WORK/containerd.pid)"; ip link del cni0',
      ),
  }
}
