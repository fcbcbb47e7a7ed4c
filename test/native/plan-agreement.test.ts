/** The library checks a plan before it sends it, the helper before it runs it: what one refuses the other refuses. */
import t from 'tap'
import { encodePlan } from '../../lib/plan/encode.js'
import { CLONE, MS, S_IF } from '../../lib/plan/flags.js'
import { type ArgKind, OP_ARGS, OP_NAMES, type Op, type OpName } from '../../lib/plan/ops.js'
import { makeOp, type Plan, type Slot } from '../../lib/plan/plan.js'
import { SLOT_KIND_NAMES } from '../../lib/plan/rules.js'
import { verifyPlan } from '../../lib/plan/verify.js'
import { CASE_NAMES, compileCase } from '../compile/cases.js'
import { type Random, randomFrom } from '../config/mutate.js'
import { effort } from '../effort.js'
import { missing } from '../needs.js'
import { buildHarness } from './harness.js'
import { SAMPLES } from './plans.js'

const GOOD: readonly Plan[] = [...Object.values(SAMPLES), ...CASE_NAMES.map(name => compileCase(name).plan)]

const pick = <T>(list: readonly T[], random: Random): T => {
  const found = list[random(list.length)]
  if (found === undefined) throw new Error('nothing to pick from')
  return found
}

const NUMBERS = [0, 1, 2, 3, 4, 7, 8, 64, 0o777, 0o10000, 0xffff, 0x1_0000, 0xffff_ffff]
const FLAGS = [...Object.values(CLONE), ...Object.values(MS), ...Object.values(S_IF), MS.REC | MS.SLAVE]
const TEXTS = [
  '',
  '/',
  '/x',
  '//./',
  '/..',
  'x',
  '.',
  '=',
  '=x',
  'x=',
  'net/a',
  'net/../a',
  'kernel/domainname',
  'exec',
]
const MORE_TEXTS = ['user/x', 'kernel/shmmax', 'a//b', '.x', 'keycreate', '/x/..', '/../x/', 'x=y=z']

function randomValue(kind: ArgKind, random: Random): unknown {
  const number = () => pick([...NUMBERS, ...FLAGS], random)
  const word = () => pick([...TEXTS, ...MORE_TEXTS], random)
  const list = <T>(entry: () => T): T[] => Array.from({ length: random(3) }, entry)
  switch (kind) {
    case 'u32':
      return number()
    case 'slot':
      return random(6)
    case 'u64':
      return random(8) === 0 ? 1n << 63n : BigInt(number())
    case 'text':
      return word()
    case 'texts':
      return list(word)
    case 'numbers':
      return list(number)
  }
}

const anyOp = (random: Random): Op => {
  const name = pick(OP_NAMES, random)
  const args = (OP_ARGS.get(name) ?? []).map(([argument, kind]) => [argument, randomValue(kind, random)])
  return makeOp(name, Object.fromEntries(args))
}

/** An op with another value for one of its arguments. */
function altered(op: Op, random: Random): Op {
  const args = OP_ARGS.get(op.op) ?? []
  if (args.length === 0) return op
  const [name, kind] = pick(args, random)
  return { ...op, args: { ...op.args, [name]: randomValue(kind, random) } } as Op
}

function withOtherSlot(slots: readonly Slot[], random: Random): readonly Slot[] {
  if (slots.length === 0) return slots
  const kind = pick(SLOT_KIND_NAMES, random)
  const slot = { kind, type: pick(Object.values(CLONE), random), origin: '' } as unknown as Slot
  return slots.toSpliced(random(slots.length), random(2), slot)
}

type Change = (plan: Plan, random: Random) => Plan

const onOps =
  (change: (ops: readonly Op[], at: number, random: Random) => readonly Op[]): Change =>
  (plan, random) => ({ ...plan, ops: change(plan.ops, random(plan.ops.length || 1), random) })

const CHANGES: readonly Change[] = [
  onOps((ops, at) => ops.toSpliced(at, 1)),
  onOps((ops, at, random) => ops.toSpliced(at, 0, anyOp(random))),
  onOps((ops, at, random) => ops.toSpliced(at, 0, pick(ops, random))),
  onOps((ops, at, random) => {
    const op = ops[at]
    return op === undefined ? ops : ops.toSpliced(at, 1).toSpliced(random(ops.length), 0, op)
  }),
  onOps((ops, at) => {
    const [first, second] = [ops[at], ops[at + 1]]
    return first === undefined || second === undefined ? ops : ops.toSpliced(at, 2, second, first)
  }),
  onOps((ops, at, random) => {
    const op = ops[at]
    return op === undefined ? ops : ops.toSpliced(at, 1, altered(op, random))
  }),
  (plan, random) => ({ ...plan, slots: withOtherSlot(plan.slots, random) }),
  (plan, random) => ({ ...plan, cloneFlags: (plan.cloneFlags ^ pick(Object.values(CLONE), random)) >>> 0 }),
  (plan, random) => ({ ...plan, preserveFds: pick([0, 1, 2, 0xffff, 0x1_0000], random) }),
]

/** Null if the library takes the plan. */
function refusal(plan: Plan): string | null {
  try {
    verifyPlan(plan)
    return null
  } catch (error) {
    if ((error as { code?: string }).code === 'ERR_PLAN_REFUSED') return (error as Error).message
    throw error
  }
}

const BATCH = 4000
const COUNT = 24_000 * effort.times

t.test(`the library and the helper agree on ${COUNT} mutated plans`, { skip: missing('cc') }, async t => {
  const { verdicts } = buildHarness(t)
  const random = randomFrom(20261121 + effort.seed)
  const seen = { accepted: 0, refused: 0 }
  const refusedOps = new Set<string>()
  for (let left = COUNT; left > 0; left -= BATCH) {
    const plans = Array.from({ length: Math.min(left, BATCH) }, () => {
      let plan = pick(GOOD, random)
      for (let changes = 1 + random(2); changes > 0; changes -= 1) plan = pick(CHANGES, random)(plan, random)
      return plan
    })
    const helper = verdicts(plans.map(plan => Buffer.from(encodePlan(plan))))
    for (const [index, plan] of plans.entries()) {
      const library = refusal(plan)
      const verdict = helper[index] ?? 'nothing'
      seen[library === null ? 'accepted' : 'refused'] += 1
      if (library !== null) refusedOps.add(plan.ops[Number.parseInt(verdict, 10)]?.op ?? '')
      if ((library === null) === (verdict === 'ok')) continue
      t.fail('they disagree', { library, helper: verdict, flags: plan.cloneFlags, slots: plan.slots, ops: plan.ops })
      return
    }
  }
  t.ok(seen.accepted > COUNT / 20, `${seen.accepted} were accepted by both`)
  t.ok(seen.refused > COUNT / 4, `${seen.refused} were refused by both`)
  const never = OP_NAMES.filter((name: OpName) => !refusedOps.has(name))
  t.same(never, [], 'every op was refused somewhere')
})
