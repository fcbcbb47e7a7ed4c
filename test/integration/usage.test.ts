/** What results tell of what was used. */
import { spawnSync } from 'node:child_process'
import t, { type Test } from 'tap'
import { makeBundle } from '../bundle.js'
import { missing } from '../needs.js'

const skip = { skip: missing('root', 'busybox') }
const sh = (command: string) => ['/bin/sh', '-c', command]
const BUSY = 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done'

t.test('a run tells wall time, CPU time and the most memory', skip, async t => {
  const { runtime, bundle } = makeBundle(t)
  const { usage } = await runtime.run({
    bundle,
    args: sh(`${BUSY}; sleep 0.5; dd if=/dev/zero of=/dev/null bs=20M count=1`),
  })
  const { wallTime, cpuTime, peakMemory } = usage
  t.ok(wallTime !== null && wallTime >= 500 && wallTime < 60_000, `${wallTime} ms`)
  t.ok(cpuTime !== null && cpuTime.total > 20 && cpuTime.total < 60_000, `${cpuTime?.total} ms of CPU`)
  t.ok(cpuTime !== null && cpuTime.user + cpuTime.kernel > 0)
  if (peakMemory !== null) t.ok(peakMemory > 20_000_000 && peakMemory < 500_000_000, `${peakMemory} bytes`)
})

t.test('the result of an exec tells its own', skip, async t => {
  const { runtime, bundle, id } = makeBundle(t)
  const container = await runtime.create({ id: id(), bundle, args: ['/bin/sleep', '1000'], stdio: 'ignore' })
  await container.start()
  const busy = await container.run({ args: sh(BUSY) })
  const idle = await container.run({ args: sh('sleep 0.3') })
  t.ok((busy.usage.cpuTime?.total ?? 0) > 20)
  t.ok((idle.usage.cpuTime?.total ?? 1e9) < (busy.usage.cpuTime?.total ?? 0))
  // It is counted from when exec has returned, and the program has begun by then.
  t.ok((idle.usage.wallTime ?? 0) >= 200)
  t.equal(idle.usage.peakMemory, null, 'the kernel counts it by cgroup')
})

t.test('a container that somebody else has started has no wall time', skip, async t => {
  const { runtime, bundle, id } = makeBundle(t)
  const container = await runtime.create({ id: id(), bundle, args: ['/bin/sleep', '1000'], stdio: 'ignore' })
  await container.start()
  const other = await runtime.get(container.id)
  const waiting = other.wait()
  await container.kill('KILL')
  const { usage } = await waiting
  t.equal(usage.wallTime, null)
  t.ok(usage.cpuTime !== null)
  t.ok(((await container.wait()).usage.wallTime ?? -1) >= 0)
})

t.test('usage is known also if the container is deleted while it runs', skip, async t => {
  const { runtime, bundle, id } = makeBundle(t)
  for (let round = 0; round < 10; round++) {
    const container = await runtime.create({
      id: id(`c${round}`),
      bundle,
      args: ['/bin/sleep', '1000'],
      stdio: 'ignore',
    })
    await container.start()
    const waiting = container.wait()
    await container.delete({ force: true })
    const { usage, signal } = await waiting
    t.equal(signal, 'SIGKILL')
    t.ok((usage.cpuTime?.total ?? 0) > 0, `round ${round}`)
  }
})

t.test('statistics are there until delete', skip, async t => {
  const { runtime, bundle, id } = makeBundle(t)
  const container = await runtime.create({ id: id(), bundle, args: sh(BUSY), stdio: 'ignore' })
  await container.start()
  await container.wait()
  const { cpu } = await container.stats()
  t.ok((cpu?.usage.total ?? 0) > 20_000_000)
  await container.delete()
  await t.rejects(container.stats(), { code: 'ERR_STATE_NOT_FOUND' })
})

t.test('an exec that is killed for the memory limit says so', skip, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => {
    config.process.args = ['/bin/sleep', '1000']
    config.linux.resources = { memory: { limit: 20_000_000, swap: 20_000_000 } }
  })
  const container = await runtime.create({ id: id(), bundle, stdio: 'ignore' })
  await container.start()
  t.match(await container.run({ args: ['/bin/true'] }), { oomKilled: false })
  const greedy = ['/bin/dd', 'if=/dev/zero', 'of=/dev/null', 'bs=100M']
  t.match(await container.run({ args: greedy }), { signal: 'SIGKILL', oomKilled: true })
  t.match(await container.run({ args: sh(`${greedy.join(' ')}; exit 3`) }), { exitCode: 3, oomKilled: true })
  t.match(await container.run({ args: sh('kill -9 $$') }), { signal: 'SIGKILL', oomKilled: false }, 'by somebody else')
})

/** Runs a busy container with the built library in a mount namespace that `script` has changed. */
function usageIn(t: Test, script: string) {
  const { directory, bundle } = makeBundle(t)
  const program = `
    import { createRuntime } from '${process.cwd()}/dist/index.js'
    const runtime = createRuntime({ root: '${directory}/state-of-its-own', log: () => {} })
    const { usage } = await runtime.run({ bundle: '${bundle}', args: ['/bin/sh', '-c', '${BUSY}'] })
    console.log(JSON.stringify(usage))`
  const command = [process.execPath, '--input-type=module', '-e', program]
  const view = `umount -R /sys/fs/cgroup; ${script}; exec "$@"`
  const { stdout, stderr } = spawnSync('unshare', ['-m', 'sh', '-c', view, 'sh', ...command], { encoding: 'utf8' })
  t.equal(stderr, '')
  return JSON.parse(stdout)
}

t.test('the cgroup of version 2 counts too', { skip: missing('root', 'busybox', 'cgroup-v2') }, async t => {
  const { cpuTime } = usageIn(t, 'mount -t cgroup2 none /sys/fs/cgroup')
  t.ok(cpuTime.total > 20, `${cpuTime.total} ms`)
})

t.test('without a cgroup the first process tells, and nobody knows of memory', skip, async t => {
  const { cpuTime, peakMemory } = usageIn(t, ':')
  t.ok(cpuTime.total > 20, `${cpuTime.total} ms`)
  t.equal(peakMemory, null)
})
