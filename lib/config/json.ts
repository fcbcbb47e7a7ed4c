/** JSON values without loss: what `parseJson` and `copyValue` return, and how messages speak of them. */
import type { ConfigIssue } from '../errors.js'

export type JsonValue = null | boolean | number | bigint | string | JsonDecimal | readonly JsonValue[] | JsonObject

/** Without a prototype, so that a key such as `__proto__` is a key like any other. */
export interface JsonObject {
  readonly [key: string]: JsonValue
}

const LITERAL = Symbol('literal')

/** A number written with a fraction or an exponent: never an integer, not even as 1e3 or 1.0. */
export interface JsonDecimal {
  readonly [LITERAL]: string
}

export function makeDecimal(literal: string): JsonDecimal {
  return Object.freeze({ [LITERAL]: literal })
}

export function isDecimal(value: unknown): value is JsonDecimal {
  return typeof value === 'object' && value !== null && LITERAL in value
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isDecimal(value)
}

export function makeObject<T>(entries: Iterable<readonly [string, T]> = []): Record<string, T> {
  const object: Record<string, T> = Object.create(null)
  for (const [key, value] of entries) object[key] = value
  return object
}

/** A JSON pointer (RFC 6901) to a member of what `parent` points to. */
export function pointer(parent: string, ...keys: readonly (string | number)[]): string {
  let path = parent
  for (const key of keys) path += typeof key === 'number' ? `/${key}` : `/${escapeKey(key)}`
  return path
}

function escapeKey(key: string): string {
  return /[~/]/.test(key) ? key.replaceAll('~', '~0').replaceAll('/', '~1') : key
}

const LONGEST_QUOTE = 80

/** The value in words for a message: text and numbers as they are (cut if long), the rest by its kind. */
export function describe(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (typeof value === 'string') return quote(value)
  if (isDecimal(value)) return value[LITERAL]
  if (Array.isArray(value)) return value.length === 0 ? 'an empty array' : 'an array'
  if (Object.is(value, -0)) return '-0'
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}

export function quote(text: string): string {
  return JSON.stringify(text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}...` : text)
}

/** Deepest nesting of arrays and objects that is read. */
export const DEEPEST = 100

/** Why a string cannot go to the kernel, which takes bytes ended by NUL; null if it can. */
export function textFault(text: string): string | null {
  if (text.includes('\0')) return 'a NUL character'
  return /\p{Surrogate}/u.test(text) ? 'half of a surrogate pair' : null
}

/**
 * A deep copy of a value that a program built, as `parseJson` would have returned it; later changes of the original
 * (or getters of it) have no effect. Properties that are undefined or null are left out. What JSON cannot say becomes an issue
 * and null.
 */
export function copyValue(value: unknown, issues: ConfigIssue[]): JsonValue {
  return copy({ value, path: '', depth: 0 }, issues)
}

interface Place {
  readonly value: unknown
  readonly path: string
  readonly depth: number
}

function copy(place: Place, issues: ConfigIssue[]): JsonValue {
  const { value, path } = place
  if (value === null || typeof value === 'boolean') return value
  if (typeof value === 'string') {
    const wrong = textFault(value)
    return wrong === null
      ? value
      : refuse(issues, { path, expected: 'text without NUL and unpaired surrogates', received: wrong })
  }
  if (typeof value === 'number' || typeof value === 'bigint') return copyNumber(value, path, issues)
  if (typeof value === 'object') return copyNested({ ...place, value }, issues)
  return refuse(issues, {
    path,
    expected: 'a JSON value',
    received: value === undefined ? 'nothing' : `a ${typeof value}`,
  })
}

function copyNumber(value: number | bigint, path: string, issues: ConfigIssue[]): JsonValue {
  if (typeof value === 'number') {
    if (Number.isSafeInteger(value)) return value
    const expected = Number.isInteger(value) ? 'a bigint where beyond 2^53' : 'an integer'
    return refuse(issues, { path, expected, received: String(value) })
  }
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

function copyNested({ value, path, depth }: Place & { value: object }, issues: ConfigIssue[]): JsonValue {
  if (depth === DEEPEST) {
    return refuse(issues, { path, expected: `nested at most ${DEEPEST} deep`, received: 'deeper' })
  }
  const member = (key: string | number, value: unknown): JsonValue =>
    copy({ value, path: pointer(path, key), depth: depth + 1 }, issues)
  if (Array.isArray(value)) return Array.from(value, (item: unknown, index) => member(index, item))
  const entries = Object.entries(value).filter(([, item]) => item !== undefined && item !== null)
  return makeObject(entries.map(([key, item]) => [key, member(key, item)] as const))
}

function refuse(issues: ConfigIssue[], issue: { path: string; expected: string; received: string }): null {
  const message = `must be ${issue.expected}, but is ${issue.received}`
  issues.push({ ...issue, rule: 'tsrun#json', message })
  return null
}
