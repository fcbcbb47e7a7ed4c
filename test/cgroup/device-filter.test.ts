import t from 'tap'
import { effectiveRules } from '../../lib/cgroup/device-rules.js'
import { assembleDeviceFilter } from '../../lib/cgroup/v2/device-filter.js'
import type { DeviceRule } from '../../lib/config/config.js'
import { type Access, decode, runFilter, unreachable } from './ebpf.js'
import { rules } from './resources.js'

/** `c 1:3 rw`. */
function access(text: string): Access {
  const [type, numbers = '', letters = ''] = text.split(' ')
  const [major = 0, minor = 0] = numbers.split(':').map(Number)
  return { type: type as Access['type'], major, minor, access: letters }
}

const allows = (list: readonly DeviceRule[], wanted: string) => runFilter(assembleDeviceFilter(list), access(wanted))

t.test('Nothing is allowed that no rule speaks of.', async t => {
  t.notOk(allows([], 'c 1:3 r'))
  t.notOk(allows(rules('allow c 1:3 r'), 'b 1:3 r'))
})

t.test('Of several rules the last one counts.', async t => {
  t.notOk(allows(rules('allow c 1:3', 'deny c 1:3'), 'c 1:3 r'))
  t.ok(allows(rules('deny c 1:3', 'allow c 1:3'), 'c 1:3 r'))
  t.ok(allows(rules('allow c 1:3', 'deny a', 'allow c 1:*'), 'c 1:3 rwm'))
  t.notOk(allows(rules('allow c 1:3', 'allow a', 'deny a'), 'c 1:3 r'))
})

t.test('A wildcard is any number, also in a rule for all kinds.', async t => {
  t.ok(allows(rules('allow c *:7'), 'c 200:7 r'))
  t.notOk(allows(rules('allow c *:7'), 'c 200:8 r'))
  t.ok(allows(rules('allow a 8:*'), 'b 8:1 r'))
  t.ok(allows(rules('allow a 8:*'), 'c 8:1 r'))
  t.notOk(allows(rules('allow a 8:*'), 'c 9:1 r'))
})

t.test('Access is settled bit by bit: two rules may allow what neither allows alone.', async t => {
  t.ok(allows(rules('allow c 1:* r', 'allow c 1:3 w'), 'c 1:3 rw'))
  t.notOk(allows(rules('allow c 1:* r', 'allow c 1:3 w'), 'c 1:3 rwm'))
})

t.test('Denied writing is not got around by asking for reading too.', async t => {
  const list = rules('allow c 1:3 rwm', 'deny c 1:3 w')
  t.ok(allows(list, 'c 1:3 r'))
  t.notOk(allows(list, 'c 1:3 w'))
  t.notOk(allows(list, 'c 1:3 rw'))
})

t.test('Numbers of 32 bits are compared as they are.', async t => {
  t.ok(allows(rules('allow c 4294967295:2147483648'), 'c 4294967295:2147483648 r'))
  t.notOk(allows(rules('allow c 4294967295:2147483648'), 'c 4294967295:2147483649 r'))
})

t.test('Every container may make nodes and use the devices that the runtime puts in it.', async t => {
  const list = effectiveRules(rules('deny a'))
  for (const needed of ['c 1:3 rwm', 'c 1:5 rw', 'c 1:9 r', 'c 5:0 rw', 'c 5:2 rw', 'c 136:77 rw']) {
    t.ok(allows(list, needed), needed)
  }
  t.notOk(allows(list, 'c 10:200 r'), 'net/tun is for the configuration to allow')
  t.ok(allows(effectiveRules(rules('deny a', 'allow c 10:200 rw')), 'c 10:200 rw'))
  t.ok(allows(list, 'b 8:0 m'))
  t.notOk(allows(list, 'b 8:0 r'))
  t.notOk(allows(list, 'b 8:0 rm'))
  t.notOk(allows(list, 'c 1:1 r'))
})

t.test('A rule for everything ends the program: dead code would not be loaded.', async t => {
  const lists = [
    [],
    rules('deny a'),
    rules('allow a'),
    rules('allow c 1:3', 'deny a', 'allow c 1:5'),
    rules('deny a r'),
  ]
  for (const list of lists) t.same(unreachable(assembleDeviceFilter(list)), [])
  t.equal(decode(assembleDeviceFilter(rules('allow c 1:3', 'deny a'))).length, 8)
})

/** What the configuration means, spelled out: for each bit the last rule that speaks of it. */
function expected(list: readonly DeviceRule[], wanted: Access): boolean {
  return [...wanted.access].every(letter => {
    const last = list.findLast(
      rule =>
        (rule.type === 'a' || rule.type === wanted.type) &&
        (rule.major ?? wanted.major) === wanted.major &&
        (rule.minor ?? wanted.minor) === wanted.minor &&
        rule.access.includes(letter),
    )
    return last?.allow ?? false
  })
}

/** The same numbers in every run. */
function* randomNumbers(seed: number): Generator<(below: number) => number> {
  let state = seed
  const next = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  for (;;) yield next
}

const LETTERS = ['r', 'w', 'm', 'rw', 'rm', 'wm', 'rwm']
const NUMBERS = [null, 1, 2, 3]

t.test('Any list means in the program what it means in the configuration.', async t => {
  const random = randomNumbers(7).next().value as (below: number) => number
  const pick = <T>(from: readonly T[]): T => from[random(from.length)] as T
  const anyRule = (): DeviceRule => {
    const numbers = { major: pick(NUMBERS), minor: pick(NUMBERS) }
    return { allow: random(2) === 1, type: pick(['a', 'b', 'c']), ...numbers, access: pick(LETTERS), origin: '' }
  }
  const wrong: unknown[] = []
  for (let round = 0; round < 2000; round++) {
    const list = Array.from({ length: random(7) }, anyRule)
    const program = assembleDeviceFilter(list)
    if (unreachable(program).length > 0) wrong.push({ list, dead: unreachable(program) })
    for (let probe = 0; probe < 6; probe++) {
      const wanted: Access = { type: pick(['b', 'c']), major: random(4), minor: random(4), access: pick(LETTERS) }
      if (runFilter(program, wanted) !== expected(list, wanted)) wrong.push({ list, wanted })
    }
  }
  t.same(wrong, [])
})
