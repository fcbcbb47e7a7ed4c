import { ConfigError, type ConfigIssue } from '../errors.js'
import type { Warn } from './issues.js'
import type { JsonValue } from './json.js'
import { copyValue } from './json.js'
import { parseJson } from './parse.js'
import { type Shape, shapeIssues, type UnknownMember, unknownMembers } from './shape.js'
import { unsupportedIssues } from './unsupported.js'

/** A document: its JSON text, the bytes of that text in UTF-8, or the same as an object. */
export type Source<T extends object> = string | Uint8Array | T

interface Reading<T extends object> {
  readonly source: Source<T>
  /** JSON pointer that the document stands at in a configuration; null for a document that is no part of one. */
  readonly base: string | null
  readonly shape: Shape
  /** The file that a text is from, for messages. */
  readonly file?: string
  readonly check?: (value: T, issues: readonly ConfigIssue[]) => ConfigIssue[]
}

interface ReadDocument<T> {
  readonly value: T
  readonly warnings: string[]
  readonly warn: Warn
  /** Each has its warning too. */
  readonly unknown: readonly UnknownMember[]
}

/**
 * Reads a document and checks all of it: shape, rules, support.
 * @throws ConfigError ERR_CONFIG_INVALID with every issue, else ERR_CONFIG_UNSUPPORTED with every gap
 */
export function readDocument<T extends object>(reading: Reading<T>): ReadDocument<T> {
  const { source, shape, file = '', check = () => [] } = reading
  const base = reading.base ?? ''
  const document = load(source, file)
  const misshapen = shapeIssues(shape, document, base)
  const value = document as T
  const issues = misshapen.some(({ path }) => path === base) ? misshapen : [...misshapen, ...check(value, misshapen)]
  if (issues.length > 0) throw new ConfigError('ERR_CONFIG_INVALID', issues)
  const gaps = reading.base === null ? [] : unsupportedIssues(document, base)
  if (gaps.length > 0) throw new ConfigError('ERR_CONFIG_UNSUPPORTED', gaps)
  const warnings: string[] = []
  const warn: Warn = (path, message) => warnings.push(`${path}: ${message}`)
  const unknown = unknownMembers(shape, document, base)
  for (const { path, meant } of unknown) {
    warn(path, `unknown property, ignored${meant === null ? '' : `: the name is ${JSON.stringify(meant)}`}`)
  }
  return { value, warnings, warn, unknown }
}

function load(source: unknown, file: string): JsonValue {
  if (typeof source === 'string' || source instanceof Uint8Array) return parseJson(source, file)
  const issues: ConfigIssue[] = []
  const document = copyValue(source, issues)
  if (issues.length > 0) throw new ConfigError('ERR_CONFIG_INVALID', issues)
  return document
}
