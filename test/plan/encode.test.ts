import { decode } from 'cbor-x'
import t from 'tap'
import { encodePlan } from '../../lib/plan/encode.js'
import { OP_CODES } from '../../lib/plan/ops.js'
import { makeOp, type Plan } from '../../lib/plan/plan.js'
import { SLOT_KIND_NAMES } from '../../lib/plan/rules.js'
import { GOOD } from './plans.js'

const encode = (...ops: ReturnType<typeof makeOp>[]) => encodePlan({ cloneFlags: 0, preserveFds: 0, ops, slots: [] })
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

t.test('a plan is its version, header, slots, and ops as code and arguments in the order of the table', async t => {
  const [version, flags, preserved, slots, ops] = decode(encodePlan(GOOD)) as [
    number,
    number,
    number,
    unknown,
    unknown[],
  ]
  t.same([version, flags, preserved, ops.length], [2, GOOD.cloneFlags, 0, GOOD.ops.length])
  const kinds = GOOD.slots.map(({ kind }) => [SLOT_KIND_NAMES.indexOf(kind), 0])
  t.same(slots, kinds)
  t.same(ops[6], [OP_CODES.hostname, 'box'])
  t.same(ops.at(-1), [OP_CODES.execve, ['true'], ['A=secret', 'B=']])
})

t.test('an op without arguments is an array of its code alone', async t => {
  const code = OP_CODES.setsid.toString(16).padStart(2, '0')
  t.equal(hex(encode(makeOp('setsid', {}))), `85020000808181${code}`)
})

t.test('64-bit fields are written as unsigned integers of 64 bits, however small', async t => {
  const bytes = hex(encode(makeOp('bounding_set', { keep: 5n })))
  t.ok(bytes.endsWith('1b0000000000000005'), bytes)
  const all = hex(encode(makeOp('bounding_set', { keep: 2n ** 64n - 1n })))
  t.ok(all.endsWith('1bffffffffffffffff'), all)
})

t.test('32-bit fields up to the largest are integers, not floats', async t => {
  const bytes = hex(encode(makeOp('uid', { uid: 0xffff_ffff })))
  t.ok(bytes.endsWith('1affffffff'), bytes)
})

t.test('long lists and texts keep their definite lengths', async t => {
  const args = Array.from({ length: 300 }, (_, index) => `${index}${'x'.repeat(300)}é`)
  const bytes = encode(makeOp('execve', { args, env: [] }))
  const [, , , , [[, decoded]]] = decode(bytes) as [number, number, number, unknown[], [[number, string[]]]]
  t.same(decoded, args)
  t.ok(hex(bytes).includes('99012c'), 'an array of 300 by its count')
})

const refused = [
  ['a NUL byte', makeOp('hostname', { name: 'a\0b' })],
  ['an unpaired surrogate', makeOp('hostname', { name: 'a\ud800' })],
  ['an unpaired surrogate within a list', makeOp('execve', { args: ['ok', '\udc00x'], env: [] })],
  ['a number that is too large', makeOp('uid', { uid: 2 ** 32 })],
  ['a negative number', makeOp('uid', { uid: -1 })],
  ['a fraction', makeOp('uid', { uid: 0.5 })],
  ['a number where 64 bits are due', makeOp('bounding_set', { keep: 5 as unknown as bigint })],
  ['a bigint of more than 64 bits', makeOp('bounding_set', { keep: 2n ** 64n })],
  ['a missing argument', makeOp('hostname', {} as { name: string })],
] as const

for (const [what, op] of refused) {
  t.test(`${what} is refused`, async t => {
    t.throws(() => encode(op), { code: 'ERR_PLAN_REFUSED', op: op.op })
  })
}

t.test('a surrogate pair is fine', async t => {
  t.equal((decode(encode(makeOp('hostname', { name: '😀' }))) as never[][])[4]?.[0]?.[1], '😀')
})

t.test('a plan that was made of an encoded one has the bytes that it would have by itself', async t => {
  const { slots, ops } = GOOD
  const anew = (plan: Plan) => hex(encodePlan({ ...plan, slots: [...plan.slots] }))
  const renamed = (count: number): Plan['ops'] =>
    ops.map((op, index) => (index >= 6 && index < 6 + count ? makeOp('hostname', { name: `other-${index}` }) : op))
  const made: Record<string, Plan> = {
    'the same': { ...GOOD },
    'one op': { ...GOOD, ops: renamed(1) },
    'one op that takes more bytes': { ...GOOD, ops: ops.with(6, makeOp('hostname', { name: 'x'.repeat(5000) })) },
    'the first op': { ...GOOD, ops: ops.with(0, makeOp('setsid', {})) },
    'the last op': { ...GOOD, ops: ops.with(-1, makeOp('execve', { args: ['false'], env: [] })) },
    'two ops': { ...GOOD, ops: renamed(2) },
    'an op less': { ...GOOD, ops: ops.slice(1) },
    'other namespaces': { ...GOOD, cloneFlags: GOOD.cloneFlags + 1 },
    'other descriptors': { ...GOOD, preserveFds: 7 },
  }
  for (const [what, plan] of Object.entries(made)) {
    encodePlan(GOOD)
    t.equal(hex(encodePlan(plan)), anew(plan), what)
    t.equal(plan.slots, slots)
  }
})

t.test('what is wrong with an op in place of an encoded one is refused', async t => {
  encodePlan(GOOD)
  const ops = GOOD.ops.with(6, makeOp('hostname', { name: 'a\0b' }))
  t.throws(() => encodePlan({ ...GOOD, ops }), { code: 'ERR_PLAN_REFUSED', op: 'hostname' })
})
