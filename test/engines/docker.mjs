/** Docker: a daemon with the runtime as its default, and an image made of busybox. */
import { openSandbox, runtimes } from './sandbox.mjs'

export const needs = { dockerd: 'docker.io', docker: 'docker.io', containerd: 'containerd', iptables: 'iptables' }

const daemon = runtime =>
  `dockerd --config-file $WORK/daemon.json --data-root $WORK/data --exec-root $WORK/exec --pidfile $WORK/docker.pid \
-H unix://$WORK/docker.sock --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent $CGROUP --storage-driver overlay2 \
--bip 172.30.0.1/24 --default-address-pool base=172.31.0.0/16,size=24 \
--add-runtime tsrun=${runtimes.tsrun} --default-runtime ${runtime}`

/** @param {'tsrun' | 'runc'} runtime */
export async function startDocker(runtime) {
  const socket = 'unix://$WORK/docker.sock'
  const sandbox = await openSandbox({
    engine: 'docker',
    runtime,
    commands: {
      docker: `/usr/bin/docker -H ${socket}`,
      'docker-compose': `env DOCKER_HOST=${socket} /usr/bin/docker-compose`,
    },
  })
  await sandbox.run('echo {} > $WORK/daemon.json')
  sandbox.serve(daemon(runtime), '$WORK/engine.log')
  const { exitCode, stderr } = await sandbox.run('eventually docker info && docker import $WORK/root.tar bb >&2')
  if (exitCode !== 0) {
    const log = await sandbox.run('tail -n 30 $WORK/engine.log')
    await sandbox.close()
    throw new Error(`dockerd did not start: ${stderr}${log.stdout}`)
  }
  return {
    ...sandbox,
    /** After each scenario: nothing of it is left for the next. */
    clean: () =>
      sandbox.run('docker ps -aq | xargs -r docker rm -fv >/dev/null; rm -rf $WORK/scratch; mkdir $WORK/scratch'),
    stop: () => sandbox.run('kill $(cat $WORK/docker.pid); eventually test ! -e $WORK/docker.pid'),
  }
}
