import { optionError } from '../config/option.js'

/** @throws {ConfigError} naming one that is not known; `prefix` (`limits.`) if there is no object */
export function refuseOtherNames(prefix: string, given: object, known: readonly string[]): void {
  if (typeof given !== 'object' || given === null)
    throw optionError({ option: prefix.slice(0, -1) || 'options', expected: 'an object', received: given })
  const other = Object.keys(given).find(name => !known.includes(name))
  if (other !== undefined)
    throw optionError({ option: `${prefix}${other}`, expected: `one of ${known.join(', ')}`, received: other })
}

/** Not by its class: test runners have one of their own. */
export const isSignal = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && typeof Reflect.get(value, 'throwIfAborted') === 'function'

/** @throws {ConfigError} naming the option */
export function checkSignal(signal: unknown): void {
  if (signal !== undefined && !isSignal(signal))
    throw optionError({ option: 'signal', expected: 'an AbortSignal', received: signal })
}
