import { ConfigError } from '../errors.js'
import { parseCanonical } from './canonical.js'
import { DEEPEST, type JsonObject, type JsonValue, makeDecimal, makeObject, pointer, quote, textFault } from './json.js'

/** Longest document that is read, in UTF-16 units: far above any real configuration, far below what hurts. */
export const LONGEST_TEXT = 16 * 1024 * 1024

/** Where the reading is: one per document. */
interface Cursor {
  readonly text: string
  /** Of the file that it is from; "" where it is from none. */
  readonly file: string
  at: number
  /** The keys of what is being read, from the outside in. */
  readonly keys: (string | number)[]
}

/**
 * Reads a JSON text (RFC 8259) strictly and without loss. Integers up to 2^53 are numbers, larger ones bigints, numbers
 * with a fraction or exponent are `JsonDecimal`; objects have no prototype.
 *
 * A member that is null is left out: that is how a writer in Go says that a list or map is empty.
 *
 * Refused, with line and column: bytes that are no UTF-8, duplicate keys, anything after the value, nesting deeper than 100, NUL characters and
 * unpaired surrogates (also escaped), documents longer than 16 Mi characters. `file` is for the message.
 * @throws ConfigError ERR_CONFIG_INVALID with one issue
 */
export function parseJson(source: string | Uint8Array, file = ''): JsonValue {
  const text = typeof source === 'string' ? source : decode(source, file)
  if (text.length > LONGEST_TEXT) {
    throw fault({ text, file, at: 0, keys: [] }, { expected: `a text of at most ${LONGEST_TEXT} characters` })
  }
  return parseCanonical(text) ?? parseByCharacter(text, file)
}

/** As `parseJson`, whatever the text is like; what is wrong with it has a place. @throws ConfigError as `parseJson` */
export function parseByCharacter(text: string, file = ''): JsonValue {
  const cursor: Cursor = { text, file, at: 0, keys: [] }
  const value = readValue(cursor)
  skipSpace(cursor)
  if (cursor.at < text.length) throw fault(cursor, { expected: 'the end of the text' })
  return value
}

function decode(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
    const at = text.indexOf('\ufffd')
    throw fault({ text, file, at, keys: [] }, { expected: 'UTF-8', received: 'another byte' })
  }
}

function readValue(cursor: Cursor): JsonValue {
  skipSpace(cursor)
  switch (cursor.text[cursor.at]) {
    case '{':
      return enter(cursor, readObject)
    case '[':
      return enter(cursor, readArray)
    case '"':
      return readString(cursor)
    default:
      return readWord(cursor)
  }
}

function enter<T>(cursor: Cursor, read: (cursor: Cursor) => T): T {
  if (cursor.keys.length === DEEPEST) throw fault(cursor, { expected: `nested at most ${DEEPEST} deep` })
  cursor.at += 1
  return read(cursor)
}

function readMember(cursor: Cursor, key: string | number): JsonValue {
  cursor.keys.push(key)
  const value = readValue(cursor)
  cursor.keys.pop()
  return value
}

function readObject(cursor: Cursor): JsonObject {
  const object = makeObject<JsonValue>()
  const nulls: string[] = []
  if (skipIf(cursor, '}')) return object
  do {
    skipSpace(cursor)
    const start = cursor.at
    const key = readString(cursor)
    if (key in object) {
      const second = { ...cursor, at: start, keys: [...cursor.keys, key] }
      throw fault(second, { expected: 'given once', received: `a second ${quote(key)}` })
    }
    if (!skipIf(cursor, ':')) throw fault(cursor, { expected: 'a colon' })
    object[key] = readMember(cursor, key)
    if (object[key] === null) nulls.push(key)
  } while (skipIf(cursor, ','))
  if (!skipIf(cursor, '}')) throw fault(cursor, { expected: 'a comma or the end of the object' })
  for (const key of nulls) delete object[key]
  return object
}

function readArray(cursor: Cursor): JsonValue[] {
  const array: JsonValue[] = []
  if (skipIf(cursor, ']')) return array
  do array.push(readMember(cursor, array.length))
  while (skipIf(cursor, ','))
  if (!skipIf(cursor, ']')) throw fault(cursor, { expected: 'a comma or the end of the array' })
  return array
}

// Unrolled, so that a long run without escapes costs the matcher one step.
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids them raw inside of strings
const STRING = /"[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\u0000-\u001f]*)*"/y

// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids them raw inside of strings
const NOT_PLAIN = /[\\\u0000-\u001f]|\p{Surrogate}/u

function readString(cursor: Cursor): string {
  const { text, at } = cursor
  const end = text[at] === '"' ? text.indexOf('"', at + 1) : -1
  const plain = end < 0 ? '\\' : text.slice(at + 1, end)
  if (NOT_PLAIN.test(plain)) return readEscaped(cursor)
  cursor.at = end + 1
  return plain
}

function readEscaped(cursor: Cursor): string {
  const start = cursor.at
  const body = match(cursor, STRING)
  if (body === null) {
    const broken = cursor.text[start] === '"' ? { received: 'a broken string' } : {}
    throw fault(cursor, { expected: 'a string', ...broken })
  }
  const text = decodeEscapes(body.slice(1, -1))
  const wrong = textFault(text)
  if (wrong === null) return text
  throw fault({ ...cursor, at: start }, { expected: 'text without NUL and unpaired surrogates', received: wrong })
}

const SHORT_ESCAPES: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }

function decodeEscapes(body: string): string {
  return body.replace(/\\(?:u(....)|(.))/gs, (_all, hex: string | undefined, letter: string) =>
    hex === undefined ? (SHORT_ESCAPES[letter] ?? letter) : String.fromCharCode(Number.parseInt(hex, 16)),
  )
}

const WORDS = new Map<string, JsonValue>([
  ['true', true],
  ['false', false],
  ['null', null],
])
const WORD = /[a-zA-Z0-9_+.-]+/y
const INTEGER = /^-?(?:0|[1-9][0-9]*)$/
const DECIMAL = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/

/** A literal or a number: the whole run of letters and digits is taken, so that 0x10 is one wrong word. */
function readWord(cursor: Cursor): JsonValue {
  const start = cursor.at
  const word = match(cursor, WORD)
  if (word !== null) {
    const value = WORDS.get(word)
    if (value !== undefined) return value
    if (INTEGER.test(word)) return readInteger(word)
    if (DECIMAL.test(word)) return makeDecimal(word)
  }
  throw fault({ ...cursor, at: start }, { expected: 'a JSON value', ...(word !== null && { received: quote(word) }) })
}

function readInteger(word: string): number | bigint {
  const number = Number(word)
  return Number.isSafeInteger(number) ? number : BigInt(word)
}

/** What the sticky expression matches here, which is then behind us; null if nothing. */
function match(cursor: Cursor, expression: RegExp): string | null {
  expression.lastIndex = cursor.at
  const found = expression.exec(cursor.text)
  if (found === null) return null
  cursor.at = expression.lastIndex
  return found[0]
}

function skipSpace(cursor: Cursor): void {
  const { text } = cursor
  let { at } = cursor
  for (let code = text.charCodeAt(at); code === 32 || code === 10 || code === 13 || code === 9; ) {
    at += 1
    code = text.charCodeAt(at)
  }
  cursor.at = at
}

function skipIf(cursor: Cursor, character: string): boolean {
  skipSpace(cursor)
  if (cursor.text[cursor.at] !== character) return false
  cursor.at += 1
  return true
}

function fault(cursor: Cursor, issue: { expected: string; received?: string }): ConfigError {
  const { expected, received = describeNext(cursor) } = issue
  const before = cursor.text.slice(0, cursor.at).split('\n')
  const place = `line ${before.length}, column ${(before.at(-1) ?? '').length + 1}`
  const position = cursor.file === '' ? place : `${cursor.file}, ${place}`
  const message = `must be ${expected}, but is ${received} (${position})`
  return new ConfigError('ERR_CONFIG_INVALID', [
    { path: pointer('', ...cursor.keys), rule: 'tsrun#json', expected, received, message },
  ])
}

function describeNext({ text, at }: Cursor): string {
  const next = text.codePointAt(at)
  return next === undefined ? 'the end of the text' : quote(String.fromCodePoint(next))
}
