/** What an entry of the table of operations is made of. */

/** Phases in the order in which a plan goes through them; a plan never goes back. */
export const PHASES = ['SPAWN', 'MOUNT', 'PIVOT', 'INSIDE', 'IDENTITY', 'EXEC'] as const
export type Phase = (typeof PHASES)[number]

/**
 * `u32`/`u64` unsigned integers (u64 is a bigint), `text` UTF-8 without NUL, `texts`/`numbers` arrays,
 * `slot` an index into the plan's slots.
 */
export type ArgKind = 'u32' | 'u64' | 'text' | 'texts' | 'numbers' | 'slot'

export interface ArgTypes {
  u32: number
  u64: bigint
  text: string
  texts: readonly string[]
  numbers: readonly number[]
  slot: number
}

export interface OpDefinition {
  readonly phases: readonly Phase[]
  readonly args: Readonly<Record<string, ArgKind>>
}

/** An entry of the table. */
export function entry<const A extends Record<string, ArgKind>>(
  phases: readonly Phase[],
  args: A,
): { phases: readonly Phase[]; args: A } {
  return { phases, args }
}
