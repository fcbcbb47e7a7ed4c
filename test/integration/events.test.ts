import t, { type Test } from 'tap'
import type { ContainerEvent } from '../../lib/index.js'
import { makeBundle, type TestConfig } from '../bundle.js'
import { missing } from '../needs.js'
import { until } from '../until.js'

const skip = { skip: missing('root', 'busybox') }
/** Fills memory until it is killed. */
const GREEDY = 'dd if=/dev/zero of=/dev/null bs=100M'

async function running(t: Test, command: string, change: (config: TestConfig) => void = () => {}) {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => {
    config.process.args = ['/bin/sh', '-c', command]
    change(config)
  })
  const container = await runtime.create({ id: id(), bundle, stdio: 'ignore' })
  await container.start()
  return container
}

t.test('statistics tell what the container uses', skip, async t => {
  const container = await running(t, 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; sleep 100', config => {
    config.linux.resources = { memory: { limit: 50_000_000 }, pids: { limit: 33 } }
  })
  await until(async () => ((await container.stats()).cpu?.usage.total ?? 0) > 1_000_000, 'a millisecond of CPU time')
  const { memory, pids } = await container.stats()
  t.match(pids, { limit: 33 })
  t.ok((pids?.current ?? 0) >= 1)
  t.ok(Math.abs((memory?.limit ?? 0) - 50_000_000) < 4096)
  t.ok((memory?.usage ?? 0) > 0)
  t.equal(memory?.oomKills, 0)
})

t.test('there are no events of a container that has ended', skip, async t => {
  const container = await running(t, 'exit 0')
  await container.wait()
  await t.rejects(container.events().next(), { code: 'ERR_STATE_STATUS', message: /is not running/ })
})

t.test('events come at the interval, and end with the container', skip, async t => {
  const container = await running(t, 'sleep 100')
  const times = [performance.now()]
  for await (const { type } of container.events({ interval: 100 })) {
    t.equal(type, 'stats')
    times.push(performance.now())
    if (times.length === 4) await container.kill('KILL')
  }
  // Another one may have been due when the container ended.
  t.ok(times.length >= 4 && times.length <= 6, `${times.length - 1} events`)
  t.ok((times[3] ?? 0) - (times[0] ?? 0) > 290, `not sooner than the interval: ${times}`)
})

t.test('an interval must be above zero', skip, async t => {
  const container = await running(t, 'sleep 100')
  for (const interval of [0, -1, Number.NaN]) {
    await t.rejects(container.events({ interval }).next(), {
      code: 'ERR_CONFIG_INVALID',
      message: /^interval: must be a number of milliseconds above 0/,
    })
  }
})

t.test('out of memory is told at the moment that it happens', skip, async t => {
  const container = await running(t, 'sleep 100', config => {
    config.linux.resources = { memory: { limit: 20_000_000, swap: 20_000_000 } }
  })
  const seen: ContainerEvent[] = []
  const first = withResolvers<number>()
  const reading = (async () => {
    for await (const event of container.events({ interval: 60_000 })) {
      seen.push(event)
      first.resolve(performance.now())
    }
  })()
  const process = await container.exec({ args: ['/bin/sh', '-c', GREEDY], stdio: 'ignore' })
  await process.wait()
  const ended = performance.now()
  t.ok((await first.promise) - ended < 30_000, 'not with the next statistics')
  t.equal(seen[0]?.type, 'oom')
  t.ok(((await container.stats()).memory?.oomKills ?? 0) > 0)
  await container.kill('KILL')
  await reading
})

function withResolvers<T>() {
  let resolve: (value: T) => void = () => {}
  const promise = new Promise<T>(done => {
    resolve = done
  })
  return { promise, resolve }
}

t.test('the out of memory that ends the container is told before the end', skip, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => {
    config.process.args = ['/bin/sh', '-c', `read line; exec ${GREEDY}`]
    config.linux.resources = { memory: { limit: 20_000_000, swap: 20_000_000 } }
  })
  const container = await runtime.create({ id: id(), bundle, stdio: ['pipe', 'ignore', 'ignore'] })
  await container.start()
  const types: string[] = []
  const reading = (async () => {
    for await (const { type } of container.events({ interval: 60_000 })) types.push(type)
  })()
  container.stdin?.end('go\n')
  await reading
  t.strictSame(types, ['oom'])
})

t.test('leaving the loop or aborting lets go of everything', skip, async t => {
  const container = await running(t, 'sleep 100')
  for await (const event of container.events({ interval: 10 })) {
    t.equal(event.type, 'stats')
    break
  }
  const controller = new AbortController()
  setTimeout(() => controller.abort(), 50)
  await t.rejects(container.events({ signal: controller.signal }).next(), { name: 'AbortError' })
})
