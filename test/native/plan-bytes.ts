/** Plans as bytes, written by hand: bad ones too. */
import { OP_CODES, OPS } from '../../lib/plan/ops.js'
import { SLOT_KIND_NAMES } from '../../lib/plan/rules.js'
import type { SamplePlan } from './plans.js'

/** A CBOR item of the profile as bytes; `bytes` are put in as they are. */
export type Item = number | bigint | string | readonly Item[] | { readonly bytes: readonly number[] }

/** Writes the profile of CBOR, and what is not of it where `bytes` say so. */
export function cbor(item: Item): Buffer {
  if (typeof item === 'number' || typeof item === 'bigint') return head(0, BigInt(item))
  if (typeof item === 'string') {
    const text = Buffer.from(item)
    return Buffer.concat([head(3, BigInt(text.length)), text])
  }
  if ('bytes' in item) return Buffer.from(item.bytes)
  return Buffer.concat([head(4, BigInt(item.length)), ...item.map(cbor)])
}

function head(type: number, number: bigint): Buffer {
  if (number < 24n) return Buffer.from([(type << 5) | Number(number)])
  const info = number < 256n ? 24 : number < 65536n ? 25 : number < 1n << 32n ? 26 : 27
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(number)
  return Buffer.concat([Buffer.from([(type << 5) | info]), bytes.subarray(8 - 2 ** (info - 24))])
}

/** The ops of a plan as items, to be changed into something bad. */
export function items({ ops }: Pick<SamplePlan, 'ops'>): Item[][] {
  return ops.map(({ op: name, args }) => {
    const values = args as Readonly<Record<string, Item>>
    return [OP_CODES[name], ...Object.keys(OPS[name].args).map(arg => values[arg] ?? 0)]
  })
}

/** The slots of a plan as items. */
export function slotItems({ slots }: Pick<SamplePlan, 'slots'>): Item[] {
  return slots.map(slot => [SLOT_KIND_NAMES.indexOf(slot.kind), slot.kind === 'namespace' ? slot.type : 0])
}

/** The plan with these ops, and another part of the header where one is given. */
export function planOf(
  plan: SamplePlan,
  ops: readonly Item[] = items(plan),
  header: {
    readonly version?: Item
    readonly cloneFlags?: Item
    readonly preserveFds?: Item
    readonly slots?: Item
  } = {},
): Buffer {
  const { version = 2, cloneFlags = plan.cloneFlags, preserveFds = plan.preserveFds, slots = slotItems(plan) } = header
  return cbor([version, cloneFlags, preserveFds, slots, ops])
}
