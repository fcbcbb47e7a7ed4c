/** Names of the world outside are looked up in time, and so many at once. */
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { type LookupFrom, lookupPlaces, sharedLookups } from '../../lib/network/lookups.js'
import { missing } from '../needs.js'
import { until } from '../until.js'
import { makeWorld } from './world.js'

const from = (most = 64, signal = new AbortController().signal): LookupFrom => ({ places: lookupPlaces(most), signal })

/** A lookup whose answers the test gives. */
function heldLookup() {
  const asked: { readonly name: string; readonly signal: AbortSignal; answer(addresses: readonly string[]): void }[] =
    []
  const lookup = (name: string, { signal }: { readonly signal: AbortSignal }) =>
    new Promise<readonly string[]>(resolve => asked.push({ name, signal, answer: resolve }))
  return { lookup, asked }
}

t.test('what several want to know at the same time is asked once', async t => {
  const { lookup, asked } = heldLookup()
  const lookUp = sharedLookups(lookup, 10_000)
  const answers = Promise.all([lookUp('a', from()), lookUp('a', from()), lookUp('a', from())])
  await until(() => asked.length === 1)
  asked[0]?.answer(['192.0.2.1'])
  t.same(await answers, [['192.0.2.1'], ['192.0.2.1'], ['192.0.2.1']])
  t.notOk(asked[0]?.signal.aborted, 'it has come to its end')
  void lookUp('a', from())
  await until(() => asked.length === 2, 'later it is asked again')
  asked[1]?.answer([])
})

t.test('who gives up does not end it for the others', async t => {
  const { lookup, asked } = heldLookup()
  const lookUp = sharedLookups(lookup, 10_000)
  const [first, second] = [new AbortController(), new AbortController()]
  const one = lookUp('a', from(1, first.signal))
  const other = lookUp('a', from(1, second.signal))
  await until(() => asked.length === 1)
  first.abort(new Error('closed'))
  await t.rejects(one, { message: 'closed' } as const)
  t.notOk(asked[0]?.signal.aborted)
  asked[0]?.answer(['192.0.2.1'])
  t.same(await other, ['192.0.2.1'])
  const last = lookUp('b', from(1, second.signal))
  await until(() => asked.length === 2)
  second.abort(new Error('closed too'))
  await t.rejects(last, { message: 'closed too' } as const)
  t.ok(asked[1]?.signal.aborted, 'nobody waits for it any more')
  const again = lookUp('b', from())
  await until(() => asked.length === 3, 'who comes then has one of its own')
  asked[2]?.answer(['192.0.2.2'])
  t.same(await again, ['192.0.2.2'])
})

t.test('who comes just when the last of the others gives up gets an answer all the same', async t => {
  for (let later = 0; later < 12; later++) {
    const { lookup, asked } = heldLookup()
    const lookUp = sharedLookups(lookup, 10_000)
    const first = new AbortController()
    const one = lookUp('a', from(64, first.signal))
    await until(() => asked.length === 1)
    first.abort(new Error('closed'))
    for (let turn = 0; turn < later; turn++) await Promise.resolve()
    const other = lookUp('a', from())
    await t.rejects(one, { message: 'closed' } as const)
    await sleep(0)
    t.notOk(asked.at(-1)?.signal.aborted, `${later} microtasks later`)
    asked.at(-1)?.answer(['192.0.2.1'])
    t.same(await other, ['192.0.2.1'])
  }
})

t.test('one that does not end is given up in time, and keeps its place', async t => {
  const { lookup, asked } = heldLookup()
  const lookUp = sharedLookups(lookup, 50)
  const busy = from(2)
  t.same(await Promise.all(['a', 'b', 'c', 'd'].map(name => lookUp(name, busy))), [null, null, null, null])
  t.same(
    asked.map(({ name }) => name),
    ['a', 'b'],
  )
  t.ok(asked.every(({ signal }) => signal.aborted))
  void lookUp('e', from())
  await until(() => asked.length === 3, 'another container has places of its own')
  for (const { answer } of asked) answer(['192.0.2.1'])
  await sleep(0)
  const late = lookUp('f', busy)
  await until(() => asked.length === 4, 'there is room again')
  asked[3]?.answer(['192.0.2.4'])
  t.same(await late, ['192.0.2.4'])
})

t.test('a lookup that throws, at once or later, is an error of those who asked', async t => {
  const fail = (): never => {
    throw new Error('at once')
  }
  await t.rejects(sharedLookups(fail, 1000)('a', from()), { message: 'at once' } as const)
  const later = async (): Promise<never> => fail()
  const lookUp = sharedLookups(later, 1000)
  const busy = from(1)
  for (const name of ['a', 'b', 'c']) await t.rejects(lookUp(name, busy), { message: 'at once' } as const)
})

t.test(
  'a program is reset when its name is not resolved in time, which is told',
  { skip: missing('root', 'busybox') },
  async t => {
    const { lookup, asked } = heldLookup()
    const options = { allow: ['slow.test:80'], lookup, lookupTimeout: 100 }
    const { gateway, inside } = makeWorld(t, options)
    const box = await inside('echo x | busybox nc slow.test 80 2>&1; echo over')
    t.match(await box.output(), /over\n$/)
    t.match(gateway.denials, [{ host: 'slow.test', port: 80, reason: 'lookup-timeout', count: 1 }])
    t.equal(asked.length, 1)
    t.ok(asked[0]?.signal.aborted)
  },
)

t.test(
  'hundreds of names at once: some at a time, and all of them in the end',
  { skip: missing('root', 'busybox') },
  async t => {
    let [running, most] = [0, 0]
    const lookup = async (): Promise<readonly string[]> => {
      running += 1
      most = Math.max(most, running)
      await sleep(5)
      running -= 1
      throw new Error('there is none')
    }
    const { inside } = makeWorld(t, { allow: ['*:80'], lookup })
    const box = await inside(
      'for i in $(seq 200); do (busybox nc name$i.test 80 </dev/null 2>/dev/null) & done; wait; echo over',
    )
    t.match(await box.output(), /over\n$/)
    t.ok(most > 1 && most <= 64, `${most} at a time`)
  },
)
