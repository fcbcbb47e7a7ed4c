import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { makeBundle } from '../bundle.js'
import { missing } from '../needs.js'
import { STAY_BUSY, until } from '../until.js'

const skip = { skip: missing('root', 'busybox') }

/** Clock ticks that the process has run for. */
function ticksOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}

t.test('a paused container stands still until it is resumed', skip, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => (config.process.args = ['/bin/sh', '-c', STAY_BUSY]))
  const container = await runtime.create({ id: id(), bundle, stdio: 'ignore' })
  await container.start()
  await container.pause()
  t.equal((await container.state()).status, 'paused')
  const before = ticksOf(container.pid)
  await sleep(100)
  t.equal(ticksOf(container.pid), before)
  await container.resume()
  t.equal((await container.state()).status, 'running')
  await until(() => ticksOf(container.pid) > before)
})

t.test('pause needs a created or running container, resume a paused one', skip, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => (config.process.args = ['/bin/sleep', '100']))
  const container = await runtime.create({ id: id(), bundle, stdio: 'ignore' })
  await container.pause()
  t.match(await container.state(), { status: 'paused' })
  await t.rejects(container.start(), {
    code: 'ERR_STATE_STATUS',
    message: /cannot start a container in the paused state/,
  })
  await container.resume()
  t.match(await container.state(), { status: 'created' })
  await container.start()
  await t.rejects(container.resume(), { code: 'ERR_STATE_STATUS', message: /container not paused/ })
  await container.pause()
  await t.rejects(container.pause(), { code: 'ERR_STATE_STATUS', message: /container not running/ })
  await container.delete({ force: true })
  await t.rejects(container.pause(), { code: 'ERR_STATE_NOT_FOUND' })
})

t.test('a paused container can be killed', skip, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => (config.process.args = ['/bin/sleep', '100']))
  const container = await runtime.create({ id: id(), bundle, stdio: 'ignore' })
  await container.start()
  await container.pause()
  await container.kill('KILL')
  t.match(await container.wait(), { signal: 'SIGKILL' })
})

t.test('exec in a paused container is refused, or waits for it to be resumed', skip, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => (config.process.args = ['/bin/sleep', '100']))
  const container = await runtime.create({ id: id(), bundle, stdio: 'ignore' })
  await container.start()
  await container.pause()
  await t.rejects(container.exec({ args: ['/bin/true'] }), {
    code: 'ERR_STATE_STATUS',
    message: /^cannot exec in a paused container .*ignorePaused/,
  })
  let isThere = false
  const waiting = container.exec({ args: ['/bin/sh', '-c', 'exit 6'], ignorePaused: true }).then(process => {
    isThere = true
    return process.wait()
  })
  await sleep(100)
  t.notOk(isThere)
  await container.resume()
  t.match(await waiting, { exitCode: 6 })
})

t.test('the processes of a container are told by their pids', skip, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => (config.process.args = ['/bin/sleep', '100']))
  const container = await runtime.create({ id: id(), bundle, stdio: 'ignore' })
  await container.start()
  const process = await container.exec({ args: ['/bin/sleep', '100'], stdio: 'ignore' })
  t.same(new Set(await container.processes()), new Set([container.pid, process.pid]))
  await process.kill()
  // The kernel takes a process out of its cgroup only a moment after its end.
  await until(async () => (await container.processes()).length === 1)
  t.strictSame(await container.processes(), [container.pid])
  await container.kill('KILL')
  await container.wait()
  await until(async () => (await container.processes()).length === 0)
})
