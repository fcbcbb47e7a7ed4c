/** Docker, in a sandbox of its own, with both runtimes in one daemon. */
import { startDocker } from '../../test/engines/docker.mjs'
import { say } from '../machine.mjs'

const runtimes = ['tsrun', 'standalone', 'runc']

/** What a script has printed in the sandbox of an engine. @throws if it has failed */
export async function outputOf(engine, script) {
  const { exitCode, stdout, stderr } = await engine.run(script, { timeout: 600_000 })
  if (exitCode !== 0) throw new Error(`${script} ended with ${exitCode}: ${stderr}`)
  return stdout.trim()
}

/** The daemon, and what is measured with it. */
export async function makeDocker(time) {
  const docker = await startDocker('runc')
  for (const name of runtimes)
    await outputOf(docker, `docker run -d --name lasting-${name} --runtime ${name} bb sleep 100000`)
  const timed = async (cycles, words) =>
    (await outputOf(docker, `${time} ${cycles} docker ${words}`)).split('\n').map(Number)
  const subjects = runtimes.flatMap(name => [
    {
      what: 'docker run --rm',
      name: `docker with ${name}`,
      cycles: 3,
      run: cycles => timed(cycles, `run --rm --runtime ${name} bb true`),
    },
    {
      what: 'docker exec',
      name: `docker exec with ${name}`,
      cycles: 4,
      run: cycles => timed(cycles, `exec lasting-${name} true`),
    },
  ])
  const stop = async () => {
    await outputOf(docker, `docker rm -f ${runtimes.map(name => `lasting-${name}`).join(' ')}`)
    await docker.stop()
    await docker.close()
  }
  return { subjects, stop, crowd: options => crowd(docker, options) }
}

/** What there is of containers: all of it is in the sandbox, but for the cgroups. */
const count = `
docker ps -aq | wc -l
ps -e -o args= | grep -c -E '^(/usr/bin/)?containerd-shim|^sleep 100000' || :
grep -c overlay /proc/self/mountinfo || :
find /sys/fs/cgroup/*$CGROUP -mindepth 1 -type d 2>/dev/null | wc -l
ls -d $WORK/exec/runtime-*/moby/* 2>/dev/null | wc -l`

async function counts(docker) {
  const [containers, processes, mounts, cgroups, states] = (await outputOf(docker, count)).split('\n').map(Number)
  return { containers, processes, mounts, cgroups, states }
}

/** So many containers, started two at a time, alive together, and removed one by one. Times are seconds. */
async function crowd(docker, { runtime, size }) {
  say(`${size} containers at once with ${runtime}`)
  const before = await counts(docker)
  const began = performance.now()
  const start = `docker run -d --name crowd-N --runtime ${runtime} bb sleep 100000`
  await outputOf(docker, `seq ${size} | xargs -P 2 -I N ${start} >/dev/null`)
  const started = performance.now()
  const alive = Number(await outputOf(docker, 'docker ps -q --filter name=crowd- | wc -l'))
  await outputOf(docker, 'docker ps -aq --filter name=crowd- | xargs -n 1 docker rm -f >/dev/null')
  const removed = performance.now()
  const after = await counts(docker)
  const left = Object.fromEntries(Object.keys(before).map(name => [name, after[name] - before[name]]))
  return {
    runtime,
    size,
    alive,
    startSeconds: (started - began) / 1000,
    removeSeconds: (removed - started) / 1000,
    left,
  }
}
