/** JSON values without loss: what `parseJson` and `copyValue` return, and how messages speak of them. */

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

/** The value in words for a message: text and numbers as they are (cut where long), the rest by its kind. */
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
