/** Options of the library that are no part of a document: what a wrong one is told by is its name. */
import { ConfigError, type ConfigIssue } from '../errors.js'
import { describe } from './json.js'
import { parseSize, SIZE_EXPECTED } from './size.js'

interface Wrong {
  /** The option's name, such as `timeout`. */
  readonly option: string
  /** Completes "must be ...". */
  readonly expected: string
  readonly received: unknown
}

export function optionError({ option, expected, received }: Wrong): ConfigError {
  const found = describe(received)
  const message = `${option}: must be ${expected}, but is ${found}`
  const issue: ConfigIssue = { path: '', rule: `tsrun#${option}`, expected, received: found, message }
  return new ConfigError('ERR_CONFIG_INVALID', [issue])
}

interface Given {
  readonly option: string
  readonly value: unknown
  /** For a value of undefined. */
  readonly otherwise: number
}

/**
 * A duration in milliseconds: any positive number, with fractions, or Infinity for no end. 0 only if it has a meaning of its own.
 * @throws {ConfigError} ERR_CONFIG_INVALID naming the option
 */
export function readDuration({ option, value, otherwise, zero = false }: Given & { readonly zero?: boolean }): number {
  if (value === undefined) return otherwise
  if (typeof value === 'number' && (value > 0 || (zero && value === 0))) return value
  const least = zero ? 'of at least 0' : 'above 0'
  throw optionError({ option, expected: `a number of milliseconds ${least}, or Infinity`, received: value })
}

/**
 * A number of bytes, also as a person writes it, or Infinity for no limit.
 * @throws {ConfigError} ERR_CONFIG_INVALID naming the option
 */
export function readByteCount({ option, value, otherwise }: Given): number {
  if (value === undefined) return otherwise
  const count = typeof value === 'string' ? Number(parseSize(value) ?? Number.NaN) : value
  if (typeof count === 'number' && count >= 0 && (Number.isInteger(count) || count === Number.POSITIVE_INFINITY)) {
    return count
  }
  throw optionError({ option, expected: `${SIZE_EXPECTED}, or Infinity`, received: value })
}
