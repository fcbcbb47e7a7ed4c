import { DEEPEST, type JsonObject, type JsonValue, makeObject } from './json.js'

/** In UTF-16 units. Longer texts are rare, and would be read twice if they are not canonical. */
const LONGEST_CANONICAL = 1024 * 1024

/**
 * Reads a text that is as `JSON.stringify` writes it, with no indentation or that of its first member: so engines write configurations.
 * undefined for every other text, also for a wrong one: `parseByCharacter` is for those.
 *
 * The parser of the engine (V8, QuickJS) is several times as fast as one in JavaScript, but loses duplicate keys, digits beyond 2^53,
 * and the difference between 1.0 and 1. What it has read, written again, is then not the text that it was read from.
 */
export function parseCanonical(text: string): JsonValue | undefined {
  // A NUL or half of a surrogate pair is an escape in what is written.
  if (text.length > LONGEST_CANONICAL || text.includes('\\u')) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return JSON.stringify(value, null, indentation(text)) === text.trimEnd() ? faithful(value, 0) : undefined
  } catch {
    return undefined
  }
}

function indentation(text: string): string {
  return /^[[{]\n([ \t]*)/.exec(text)?.[1] ?? ''
}

/** The value as `parseByCharacter` makes it; undefined if there is a number in it that is no safe integer, or it is too deep. */
function faithful(value: unknown, depth: number): JsonValue | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : undefined
  if (typeof value !== 'object' || value === null) return value as JsonValue
  if (depth === DEEPEST) return undefined
  return Array.isArray(value) ? faithfulArray(value, depth + 1) : faithfulObject(value as JsonObject, depth + 1)
}

function faithfulArray(array: readonly unknown[], depth: number): JsonValue | undefined {
  const items: JsonValue[] = []
  for (const each of array) {
    const item = faithful(each, depth)
    if (item === undefined) return undefined
    items.push(item)
  }
  return items
}

function faithfulObject(object: JsonObject, depth: number): JsonValue | undefined {
  const members = makeObject<JsonValue>()
  for (const key of Object.keys(object)) {
    const member = faithful(object[key], depth)
    if (member === undefined) return undefined
    if (member !== null) members[key] = member
  }
  return members
}
