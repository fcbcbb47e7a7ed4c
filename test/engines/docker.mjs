/** Docker: a daemon with the runtime as its default, and an image made of busybox. */
import { existsSync } from 'node:fs'
import { openSandbox, runtimes } from './sandbox.mjs'

export const needs = { dockerd: 'docker.io', docker: 'docker.io', containerd: 'containerd', iptables: 'iptables' }
export const composeNeeds = { ...needs, 'docker-compose': 'docker-compose' }
export const registryNeeds = { ...needs, 'docker-registry': 'docker-registry' }

/** For the benchmarks: the executable beside the other form. */
const standalone = existsSync(runtimes.standalone) ? `--add-runtime standalone=${runtimes.standalone}` : ''

const daemon = (runtime, flags) =>
  `dockerd --config-file $WORK/daemon.json --data-root $WORK/data --exec-root $WORK/exec --pidfile $WORK/docker.pid \
-H unix://$WORK/docker.sock --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent $CGROUP --storage-driver overlay2 \
--bip 172.30.0.1/24 --default-address-pool base=172.31.0.0/16,size=24 \
--add-runtime tsrun=${runtimes.tsrun} ${standalone} --default-runtime ${runtime} ${flags}`

/** One by one: where many go at once, Docker 20.10 may wait for itself for ever (libnetwork's locks), with any runtime. */
const removeAll = `
docker ps -aq | xargs -r -n 1 docker rm -fv >/dev/null
rm -rf $WORK/scratch; mkdir $WORK/scratch`

const stopDaemon = 'kill $(cat $WORK/docker.pid); eventually test ! -e $WORK/docker.pid'

/** The sandbox, and in it a daemon with these `flags`, after the script `before` has been run. */
async function start({ engine, runtime, flags = '', before = '' }) {
  const socket = 'unix://$WORK/docker.sock'
  const sandbox = await openSandbox({
    engine,
    runtime,
    commands: {
      docker: `/usr/bin/docker -H ${socket}`,
      'docker-compose': `env DOCKER_HOST=${socket} /usr/bin/docker-compose`,
    },
  })
  await sandbox.run(`echo {} > $WORK/daemon.json; ${before}`)
  sandbox.serve(daemon(runtime, flags), '$WORK/engine.log')
  const { exitCode, stderr } = await sandbox.run('eventually docker info && docker import $WORK/root.tar bb >&2')
  if (exitCode !== 0) {
    const log = await sandbox.run('tail -n 30 $WORK/engine.log')
    await sandbox.close()
    throw new Error(`dockerd did not start: ${stderr}${log.stdout}`)
  }
  return {
    ...sandbox,
    /** After each scenario: nothing of it is left for the next. */
    clean: () => sandbox.run(removeAll),
    stop: () => sandbox.run(stopDaemon),
  }
}

/** @param {'tsrun' | 'runc'} runtime */
export const startDocker = runtime => start({ engine: 'docker', runtime })

/** Root of the containers is user 100000 of the host. The machine's own /etc/subuid is hidden, not changed. */
export const startRemapped = runtime =>
  start({
    engine: 'docker-userns',
    runtime,
    flags: '--userns-remap daemon',
    before: `
      echo daemon:100000:65536 > $WORK/subids
      for file in /etc/subuid /etc/subgid; do mount --bind $WORK/subids $file; done`,
  })

/** @param {'tsrun' | 'runc'} runtime */
export const startCompose = runtime => start({ engine: 'compose', runtime })

const registry = `version: 0.1
storage: { filesystem: { rootdirectory: $WORK/registry } }
http: { addr: 127.0.0.1:5000 }
`

/** A daemon with a registry beside it, which keeps its images in the sandbox. */
export async function startRegistry(runtime) {
  const docker = await start({
    engine: 'registry',
    runtime,
    before: `cat > $WORK/registry.yml <<END\n${registry}END`,
  })
  docker.serve(
    "sh -c 'echo $$ > $WORK/registry.pid; exec docker-registry serve $WORK/registry.yml'",
    '$WORK/registry.log',
  )
  return { ...docker, stop: () => docker.run(`kill $(cat $WORK/registry.pid); ${stopDaemon}`) }
}

/** A swarm of this one daemon. */
export async function startSwarm(runtime) {
  const docker = await start({ engine: 'swarm', runtime })
  const { exitCode, stderr } = await docker.run(
    'docker swarm init --advertise-addr 127.0.0.1 --listen-addr 127.0.0.1:2377 >&2',
  )
  if (exitCode !== 0) {
    await docker.close()
    throw new Error(`the swarm did not start: ${stderr}`)
  }
  return {
    ...docker,
    clean: () => docker.run(`docker service ls -q | xargs -r docker service rm >/dev/null; ${removeAll}`),
    stop: () => docker.run(`docker swarm leave --force; ${stopDaemon}`),
  }
}

/** @param {'tsrun' | 'standalone' | 'runc'} runtime */
export const startExperimental = runtime => start({ engine: 'docker-saved', runtime, flags: '--experimental' })
