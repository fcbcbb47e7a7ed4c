/** What is to be written to the files of a cgroup, as data: v1.ts and v2.ts make it of the configuration, apply.ts writes it. */

/** JSON pointer of the resources in the configuration. */
export const RESOURCES = '/linux/resources'

/** One wish of the configuration that the kernel can fulfil. */
export interface Setting {
  readonly controller: string
  /** JSON pointer of the field. */
  readonly origin: string
  /** Tried in this order: the first one whose file the kernel has. */
  readonly writes: readonly { readonly file: string; readonly value: string }[]
  /** Where the kernel has none of the files, it does what the value asks for anyway. */
  readonly optional: boolean
}

/** One wish that this kind of cgroup has no word for. */
export interface Refusal {
  readonly controller: string
  readonly origin: string
  readonly reason: string
}

export type Wish = Setting | Refusal

export const isSetting = (wish: Wish): wish is Setting => 'writes' in wish

type Values = Readonly<Record<string, string | number | bigint>>

/** The words in which a controller's wishes are written down. */
export function wishesOf(controller: string) {
  const setting = (origin: string, values: Values, optional: boolean): Setting => {
    const writes = Object.entries(values).map(([file, value]) => ({ file, value: String(value) }))
    return { controller, origin, writes, optional }
  }
  return {
    /** `values` maps a file to its value; several files are alternatives. */
    set: (origin: string, values: Values): Setting => setting(origin, values, false),
    setIfThere: (origin: string, values: Values): Setting => setting(origin, values, true),
    refuse: (origin: string, reason: string): Refusal => ({ controller, origin, reason }),
  }
}

/** Whether the configuration asks for an amount: 0 asks for nothing, as in other runtimes. */
export function isAsked<T extends number | bigint>(amount: T | null): amount is T {
  return amount !== null && amount !== 0 && amount !== 0n
}

/** A list of CPUs or memory nodes that is not empty. */
export const isList = (text: string | null): text is string => text !== null && text !== ''

/** What callers write that know no other way to say "not set" in 64 unsigned bits. */
const MINUS_ONE = 2n ** 64n - 1n

export const isSwappiness = (value: bigint | null): value is bigint => value !== null && value !== MINUS_ONE
