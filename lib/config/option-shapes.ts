/** What each option is, for values that nothing else looks at before they are used. */
import { isObject } from './json.js'
import { optionError } from './option.js'

/** What it is, and in words; null: it is looked at where it is read. */
export type OptionShape = readonly [is: (value: unknown) => boolean, expected: string] | null

/** A shape for each option of a type, and for nothing else. */
export type OptionShapes<T> = { readonly [Name in keyof Required<T>]: OptionShape }

export const isText = (value: unknown): boolean => typeof value === 'string' && value !== '' && !value.includes('\0')
export const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every(isText)
export const hasFunction = (value: unknown, name: string): boolean =>
  isObject(value) && typeof Reflect.get(value, name) === 'function'
const isBoolean = (value: unknown): boolean => typeof value === 'boolean'
const isId = (value: unknown): boolean => Number.isInteger(value) && Number(value) >= 0 && Number(value) < 2 ** 32 - 1
const isVariable = (value: unknown): boolean =>
  value === undefined || (typeof value === 'string' && !value.includes('\0'))

export const FLAG: OptionShape = [isBoolean, 'true or false']
export const CALLBACK: OptionShape = [value => typeof value === 'function', 'a function']
// Not by its class: test runners have one of their own.
export const SIGNAL: OptionShape = [value => hasFunction(value, 'throwIfAborted'), 'an AbortSignal']
export const VARIABLES: OptionShape = [
  value => isObject(value) && Object.values(value).every(isVariable),
  'an object of texts',
]
export const INTERVAL: OptionShape = [value => typeof value === 'number' && value > 0, 'milliseconds above 0']
export const ID: OptionShape = [isId, 'the number of one']
export const USER: OptionShape = [
  value => isObject(value) && ['uid', 'gid'].every(key => isId(Reflect.get(value, key))),
  '{ uid, gid }',
]

/** @throws {ConfigError} naming an option that is not known, or is no such thing; `prefix` (`limits.`) if there is no object */
export function checkShapes<T extends object>(prefix: string, given: T, shapes: OptionShapes<T>): void {
  refuseOtherNames(prefix, given, Object.keys(shapes))
  for (const [name, shape] of Object.entries<OptionShape>(shapes)) {
    const received: unknown = Reflect.get(given, name)
    if (shape !== null && received !== undefined && !shape[0](received))
      throw optionError({ option: `${prefix}${name}`, expected: shape[1], received })
  }
}

/** @throws {ConfigError} naming one that is not known; `prefix` (`limits.`) if there is no object */
export function refuseOtherNames(prefix: string, given: object, known: readonly string[]): void {
  if (!isObject(given))
    throw optionError({ option: prefix.slice(0, -1) || 'options', expected: 'an object', received: given })
  const other = Object.keys(given).find(name => !known.includes(name))
  if (other !== undefined)
    throw optionError({ option: `${prefix}${other}`, expected: `one of ${known.join(', ')}`, received: other })
}
