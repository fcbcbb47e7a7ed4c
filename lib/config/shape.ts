import * as v from 'valibot'
import type { ConfigIssue } from '../errors.js'
import { makeIssue } from './issues.js'
import { isObject, pointer } from './json.js'
import { nearest } from './nearest.js'

/**
 * The vocabulary that the shapes of the configuration are written in. The message of each schema is what is expected,
 * in words that complete "must be ...": one grammar for all issues.
 */
export type Shape = v.GenericSchema<unknown, unknown>

const messageOf = (shape: Shape): string => (shape as Shape & { message: string }).message

export const text = v.string('a string')
export const truth = v.boolean('true or false')

export function word<T extends string>(
  pattern: { test(text: string): boolean },
  expected: string,
): v.CustomSchema<T, string> {
  return v.custom<T, string>(value => typeof value === 'string' && pattern.test(value), expected)
}

export const filled = word(/^./s, 'a string that is not empty')
export const absolutePath = word(/^\//, 'an absolute path')
/** "" says as little as absence. */
export const absolutePathOrNone = word(/^(?:\/|$)/, 'an absolute path')

export function integer(least: number | bigint, most: number | bigint): v.CustomSchema<number | bigint, string> {
  // QuickJS takes a negative number for less than any negative BigInt.
  const [low, high] = [BigInt(least), BigInt(most)]
  const isWithin = (value: bigint): boolean => low <= value && value <= high
  const fits = (value: unknown): boolean =>
    (typeof value === 'bigint' || (Number.isInteger(value) && !Object.is(value, -0))) &&
    isWithin(BigInt(value as number | bigint))
  return v.custom<number | bigint, string>(fits, `an integer from ${least} to ${most}`)
}

export const int32 = integer(-(2 ** 31), 2 ** 31 - 1)
export const uint32 = integer(0, 2 ** 32 - 1)
export const int64 = integer(-(2n ** 63n), 2n ** 63n - 1n)
export const uint64 = integer(0, 2n ** 64n - 1n)
/** A user or group id; the kernel takes 2^32-1 for "unchanged". */
export const id = integer(0, 2 ** 32 - 2)

export function oneOf<const T extends readonly string[]>(words: T): v.CustomSchema<T[number], string> {
  const list = words.map(item => JSON.stringify(item)).join(', ')
  return v.custom<T[number], string>(value => words.includes(value as string), `one of ${list}`)
}

export function list<S extends Shape>(item: S): v.ArraySchema<S, string> {
  return v.array(item, 'an array')
}

const anyObject = v.custom<object>(isObject, 'an object')

type Given<E extends v.ObjectEntries> = v.SchemaWithPipe<
  readonly [typeof anyObject, v.ObjectSchema<E, (issue: v.ObjectIssue) => string>]
>

/** An object with these members; others are ignored, as the specification demands. */
export function object<const E extends v.ObjectEntries>(entries: E): Given<E> {
  const expectedMember = ({ path }: v.ObjectIssue): string => {
    const member = entries[String(path?.[0].key)] as Shape | undefined
    return member === undefined ? 'an object' : messageOf(member)
  }
  return v.pipe(anyObject, v.object(entries, expectedMember)) as unknown as Given<E>
}

/** An object used as a map: any key, that is not empty unless `emptyKey`. */
export function map<S extends Shape>(
  item: S,
  { emptyKey = false } = {},
): v.GenericSchema<Record<string, v.InferOutput<S>>> {
  const keys = v.check((value: object) => emptyKey || !('' in value), 'an object without an empty key')
  const members = v.rawCheck<object>(({ dataset, addIssue }) => {
    if (!dataset.typed) return
    for (const [key, value] of Object.entries(dataset.value)) {
      for (const issue of v.safeParse(item, value).issues ?? []) {
        const first = { type: 'object' as const, origin: 'value' as const, input: makeInput(dataset.value), key, value }
        addIssue({ message: issue.message, input: issue.input, path: [first, ...(issue.path ?? [])] })
      }
    }
  })
  return v.pipe(anyObject, keys, members) as unknown as v.GenericSchema<Record<string, v.InferOutput<S>>>
}

const makeInput = (value: object): Record<string, unknown> => value as Record<string, unknown>

export const optional = v.exactOptional

/** Parts of a schema by which one can walk down; valibot keeps them public but untyped for a generic schema. */
interface Walkable {
  readonly wrapped?: Walkable
  readonly item?: Walkable
  readonly entries?: Readonly<Record<string, Walkable>>
  readonly pipe?: readonly Walkable[]
}

export interface UnknownMember {
  readonly path: string
  /** The known name that is nearest; null: none is near. */
  readonly meant: string | null
}

/** The members that the shape does not know. */
export function unknownMembers(shape: Shape, value: unknown, base = ''): UnknownMember[] {
  const found: UnknownMember[] = []
  const keys: (string | number)[] = []
  const enter = (shape: Walkable, value: unknown, key: string | number): void => {
    keys.push(key)
    walk(shape, value)
    keys.pop()
  }
  const walk = (shape: Walkable, value: unknown): void => {
    const { wrapped, item } = shape
    if (wrapped !== undefined) walk(wrapped, value)
    else if (item !== undefined) for (const [index, member] of entriesOf(value)) enter(item, member, index)
    else walkObject(shape, value)
  }
  const walkObject = ({ entries, pipe }: Walkable, value: unknown): void => {
    const known = entries ?? pipe?.find(step => step.entries !== undefined)?.entries
    if (known === undefined || !isObject(value)) return
    for (const key in value) {
      const member = Object.hasOwn(known, key) ? known[key] : undefined
      if (member === undefined)
        found.push({ path: pointer(base, ...keys, key), meant: nearest(key, Object.keys(known)) })
      else enter(member, value[key], key)
    }
  }
  walk(shape as Walkable, value)
  return found
}

const entriesOf = (value: unknown): Iterable<[number, unknown]> => (Array.isArray(value) ? value.entries() : [])

/** All the ways in which the value does not have the shape. */
export function shapeIssues(shape: Shape, value: unknown, base = ''): ConfigIssue[] {
  return (v.safeParse(shape, value).issues ?? []).map(issue => {
    const path = pointer(base, ...(issue.path ?? []).map(({ key }) => String(key)))
    return makeIssue({ path, expected: issue.message, received: issue.input })
  })
}

/** Device numbers have 12 and 20 bits (linux/kdev_t.h). */
export const MOST_MAJOR = 0xfff
export const MOST_MINOR = 0xfffff
