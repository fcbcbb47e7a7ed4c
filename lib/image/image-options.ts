/** Options of `tsrun/image`: one that is not known is an error. */
import { nearest } from '../config/nearest.js'
import { ConfigError } from '../errors.js'

/** @throws {ConfigError} ERR_CONFIG_INVALID for an option that is not among `known`, with the nearest name */
export function checkKnown<T extends object>(call: string, options: T, known: readonly (keyof T & string)[]): void {
  for (const [option, value] of Object.entries(options)) {
    if (value === undefined || (known as readonly string[]).includes(option)) continue
    const meant = nearest(option, known)
    const message = `${option}: is no option of ${call}${meant === null ? '' : `: did you mean ${JSON.stringify(meant)}?`}`
    const expected = meant === null ? 'absent' : JSON.stringify(meant)
    throw new ConfigError('ERR_CONFIG_INVALID', [
      { path: '', rule: `tsrun#${call}`, expected, received: option, message },
    ])
  }
}
