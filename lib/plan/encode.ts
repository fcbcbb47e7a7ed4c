import { PlanError } from '../errors.js'
import { type ArgKind, OP_ARGS, OP_CODES, type Op } from './ops.js'
import type { Plan, Slot } from './plan.js'
import { openPlanWire, type PlanWire } from './plan-wire.js'
import { SLOT_KIND_NAMES } from './rules.js'

const VERSION = 2

/** A plan and its bytes: those of `ops[i]` begin at `starts[i]`. */
interface Encoded {
  readonly plan: Plan
  readonly bytes: Uint8Array
  readonly starts: readonly number[]
}

/** Plans that were made of another one share its slots. */
const encoded = new WeakMap<readonly Slot[], Encoded>()

/**
 * The wire form of a plan: CBOR of `[2, cloneFlags, preserveFds, [[kind, type], ...], [[code, argument...], ...]]`, the
 * slots before the ops; the type is that of a namespace, 0 for any other slot. Only definite arrays, text and unsigned integers
 * appear in it; 64-bit fields are always written as 64 bits.
 *
 * @throws PlanError for an argument that is not of its kind, such as a text with a NUL or an unpaired surrogate
 */
export function encodePlan(plan: Plan): Uint8Array {
  const known = encoded.get(plan.slots)
  const bytes = known === undefined ? null : changed(known, plan)
  return bytes ?? encodeWhole(plan)
}

function encodeWhole(plan: Plan): Uint8Array {
  const { cloneFlags, preserveFds, slots, ops } = plan
  const wire = openPlanWire()
  wire.array(5)
  for (const number of [VERSION, cloneFlags, preserveFds]) wire.number(number)
  wire.array(slots.length)
  for (const slot of slots) encodeSlot(wire, slot)
  wire.array(ops.length)
  const starts = ops.map(op => {
    const start = wire.length()
    encodeOp(wire, op)
    return start
  })
  const bytes = wire.bytes()
  encoded.set(slots, { plan, bytes, starts })
  return bytes
}

/** The bytes of a plan that differs in one op from the known one, as those of the containers of one configuration do; null: in more. */
function changed({ plan: before, bytes, starts }: Encoded, plan: Plan): Uint8Array | null {
  const { ops, cloneFlags, preserveFds } = plan
  const isSame = cloneFlags === before.cloneFlags && preserveFds === before.preserveFds
  if (!isSame || ops.length !== before.ops.length) return null
  const first = ops.findIndex((op, index) => op !== before.ops[index])
  const op = ops[first]
  if (op === undefined) return bytes
  if (ops.some((other, index) => index > first && other !== before.ops[index])) return null
  const wire = openPlanWire()
  encodeOp(wire, op)
  return Buffer.concat([
    bytes.subarray(0, starts[first]),
    wire.bytes(),
    bytes.subarray(starts[first + 1] ?? bytes.length),
  ])
}

function encodeSlot(wire: PlanWire, slot: Slot): void {
  wire.array(2)
  wire.number(SLOT_KIND_NAMES.indexOf(slot.kind))
  wire.number(slot.kind === 'namespace' ? slot.type : 0)
}

function encodeOp(wire: PlanWire, { op, args }: Op): void {
  const values = args as Readonly<Record<string, unknown>>
  const kinds = [...(OP_ARGS.get(op) ?? [])]
  wire.array(1 + kinds.length)
  wire.number(OP_CODES[op])
  for (const [name, kind] of kinds) {
    const value = values[name]
    const fault = argFault(kind, value)
    if (fault !== null) throw new PlanError(`${op}: ${name} ${fault}`, { op })
    encodeArgument(wire, value)
  }
}

/** One that has no fault. */
function encodeArgument(wire: PlanWire, value: unknown): void {
  if (Array.isArray(value)) {
    wire.array(value.length)
    for (const entry of value) encodeArgument(wire, entry)
  } else if (typeof value === 'string') wire.text(value)
  else if (typeof value === 'bigint') wire.long(value)
  else wire.number(Number(value))
}

/** What is wrong with an argument of that kind, or null. */
export function argFault(kind: ArgKind, value: unknown): string | null {
  switch (kind) {
    case 'u32':
    case 'slot':
      return isU32(value) ? null : 'must be an unsigned 32-bit integer'
    case 'u64':
      return isU64(value) ? null : 'must be an unsigned 64-bit bigint'
    case 'text':
      return textFault(value)
    case 'texts':
      return listFault(value, textFault)
    case 'numbers':
      return listFault(value, entry => (isU32(entry) ? null : 'must be an unsigned 32-bit integer'))
  }
}

function isU32(value: unknown): boolean {
  return (
    typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff && !Object.is(value, -0)
  )
}

function isU64(value: unknown): boolean {
  return typeof value === 'bigint' && value >= 0n && value < 1n << 64n
}

function textFault(value: unknown): string | null {
  if (typeof value !== 'string') return 'must be a text'
  if (value.includes('\0')) return 'has a NUL byte'
  return value.isWellFormed() ? null : 'has an unpaired surrogate'
}

function listFault(value: unknown, fault: (entry: unknown) => string | null): string | null {
  if (!Array.isArray(value)) return 'must be a list'
  for (const [index, entry] of value.entries()) {
    const found = fault(entry)
    if (found !== null) return `entry ${index} ${found}`
  }
  return null
}
