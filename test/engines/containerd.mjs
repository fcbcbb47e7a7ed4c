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
  await sandbox.run(`cat > $WORK/containerd.toml <<END\n${configuration}END`)
  sandbox.serve(
    "sh -c 'echo $$ > $WORK/containerd.pid; exec containerd --config $WORK/containerd.toml'",
    '$WORK/engine.log',
  )
  const { exitCode, stdout, stderr } = await sandbox.run(
    `eventually ctr version && layout 'localhost/bb:latest={"Env":["PATH=/bin"]}' && ctr image import $WORK/image.tar >&2 || tail -n 20 $WORK/engine.log`,
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
