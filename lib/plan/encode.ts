import { Encoder } from 'cbor-x'
import { PlanError } from '../errors.js'
import { type ArgKind, OP_ARGS, OP_CODES, type Op } from './ops.js'
import type { Plan, Slot } from './plan.js'
import { SLOT_KIND_NAMES } from './rules.js'

const VERSION = 2

/** The plain settings: no records, no tags; definite lengths are cbor-x's own habit for arrays. */
const encoder = new Encoder({ useRecords: false, tagUint8Array: false })

/**
 * The wire form of a plan: CBOR of `[2, cloneFlags, preserveFds, [[kind, type], ...], [[code, argument...], ...]]`, the
 * slots before the ops; the type is that of a namespace, 0 for any other slot. Only definite arrays, text and unsigned integers
 * appear in it; 64-bit fields are always written as 64 bits.
 *
 * @throws PlanError for a text with a NUL or an unpaired surrogate, which cbor-x would write without complaint.
 */
export function encodePlan({ cloneFlags, preserveFds, slots, ops }: Plan): Uint8Array {
  return encoder.encode([VERSION, cloneFlags, preserveFds, slots.map(encodeSlot), ops.map(encodeOp)])
}

function encodeSlot(slot: Slot): [kind: number, type: number] {
  return [SLOT_KIND_NAMES.indexOf(slot.kind), slot.kind === 'namespace' ? slot.type : 0]
}

function encodeOp({ op, args }: Op): unknown[] {
  const values = args as Readonly<Record<string, unknown>>
  const encoded: unknown[] = [OP_CODES[op]]
  for (const [name, kind] of OP_ARGS.get(op) ?? []) {
    const fault = argFault(kind, values[name])
    if (fault !== null) throw new PlanError(`${op}: ${name} ${fault}`, { op })
    encoded.push(values[name])
  }
  return encoded
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
