import type { ConfigIssue } from '../errors.js'
import { DEEPEST, type JsonValue, makeObject, pointer, textFault } from './json.js'

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
