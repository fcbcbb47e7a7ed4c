import { optionError } from '../config/option.js'

/** @throws {ConfigError} naming one that is not known */
export function refuseOtherNames(prefix: string, given: object, known: readonly string[]): void {
  const other = Object.keys(given).find(name => !known.includes(name))
  if (other !== undefined)
    throw optionError({ option: `${prefix}${other}`, expected: `one of ${known.join(', ')}`, received: other })
}
