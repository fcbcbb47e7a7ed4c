/** Many containers at the same time, and the program that makes them goes on. */
import t from 'tap'
import { createRuntime } from '../../lib/index.js'
import { createQueue } from '../../lib/launch/queue.js'
import { makeBundle } from '../bundle.js'
import { missing } from '../needs.js'

const nextTurn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

t.test('a queue lets so many in, in their order, each in a turn of its own', async t => {
  const queue = createQueue(2)
  const entered: number[] = []
  const calls = [0, 1, 2, 3].map(async number => {
    const leave = await queue.enter()
    entered.push(number)
    return leave
  })
  await Promise.resolve()
  t.strictSame(entered.length <= 1, true, 'one in a turn')
  for (let turns = 0; turns < 5; turns++) await nextTurn()
  t.strictSame(entered, [0, 1])
  const first = await calls[0]
  first?.()
  first?.()
  for (let turns = 0; turns < 5; turns++) await nextTurn()
  t.strictSame(entered, [0, 1, 2], 'to leave twice lets one in')
})

t.test('who waits in the queue can give up', async t => {
  const queue = createQueue(1)
  const leave = await queue.enter()
  const controller = new AbortController()
  const second = queue.enter(controller.signal)
  const third = queue.enter()
  controller.abort(new Error('enough'))
  await t.rejects(second, { message: 'enough' })
  leave()
  t.type(await third, 'function')
  await t.rejects(queue.enter(AbortSignal.abort(new Error('before'))), { message: 'before' })
})

t.test('who is let in and aborted before it begins keeps no place', async t => {
  const queue = createQueue(1)
  const controller = new AbortController()
  const first = queue.enter(controller.signal)
  const last = queue.enter()
  controller.abort(new Error('too late'))
  const leave = await first
  leave()
  t.type(await last, 'function')
})

t.test('nobody keeps all others waiting for longer than a second', async t => {
  const queue = createQueue(1)
  const leave = await queue.enter()
  ;(await queue.enter())()
  leave()
  leave()
  const one = await queue.enter()
  let isIn = false
  void queue.enter().then(() => {
    isIn = true
  })
  for (let turns = 0; turns < 5; turns++) await nextTurn()
  t.notOk(isIn, 'who has lost the place gives up none when it leaves')
  one()
})

t.test('concurrency is a whole number above 0', async t => {
  for (const concurrency of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '4' as unknown as number]) {
    t.throws(
      () => createRuntime({ root: '/run/tsrun-none', concurrency }),
      { name: 'ConfigError' },
      String(concurrency),
    )
  }
})

t.test('50 containers at once leave the event loop its turns', { skip: missing('root', 'busybox') }, async t => {
  const { runtime, bundle, configure } = makeBundle(t)
  // Each has a cgroup of its own, named after its id.
  configure(config => {
    delete config.linux.cgroupsPath
  })
  await runtime.run({ bundle })
  let turns = 0
  let running = true
  const count = (): void => {
    turns++
    if (running) setImmediate(count)
  }
  setImmediate(count)
  const results = await Promise.all(Array.from({ length: 50 }, () => runtime.run({ bundle })))
  running = false
  t.ok(results.every(({ exitCode }) => exitCode === 0))
  // Each begins in a turn of its own, and helpers are heard one in a turn.
  t.ok(turns > 50, `${turns} turns`)
})

t.test('a hook that takes long keeps no other container waiting', { skip: missing('root', 'busybox') }, async t => {
  const { directory, bundle, configure, id } = makeBundle(t)
  const runtime = createRuntime({ root: `${directory}/state`, concurrency: 1, log: () => {} })
  configure(config => {
    config.linux.cgroupsPath = `/${id('slow')}`
    config.hooks = { createRuntime: [{ path: '/bin/sleep', args: ['sleep', '1000'] }] }
  })
  const controller = new AbortController()
  const { signal } = controller
  const slow = runtime.create({ bundle, id: id('slow'), signal })
  await nextTurn()
  configure(config => {
    config.linux.cgroupsPath = `/${id('quick')}`
  })
  try {
    const { exitCode } = await runtime.run({ bundle, id: id('quick') })
    t.equal(exitCode, 0)
  } finally {
    controller.abort(new Error('enough'))
    await t.rejects(slow, { message: 'enough' })
  }
})

t.test('execs wait in the same queue, but not for one that waits', { skip: missing('root', 'busybox') }, async t => {
  const { directory, bundle, configure, id } = makeBundle(t)
  const runtime = createRuntime({ root: `${directory}/state`, concurrency: 1, log: () => {} })
  configure(config => {
    delete config.linux.cgroupsPath
    config.process.args = ['/bin/sleep', '1000']
  })
  await using container = await runtime.create({ bundle, id: id('queued') })
  await container.start()
  const results = await Promise.all(
    Array.from({ length: 20 }, (_, number) => container.run({ args: ['/bin/echo', String(number)] })),
  )
  t.strictSame(
    results.map(({ stdout }) => stdout.trim()),
    results.map((_, number) => String(number)),
  )
  await container.pause()
  const held = container.run({ args: ['/bin/true'], ignorePaused: true })
  const other = runtime.run({ bundle, id: id('other'), args: ['/bin/true'] })
  t.equal((await other).exitCode, 0)
  await container.resume()
  t.equal((await held).exitCode, 0)
})
