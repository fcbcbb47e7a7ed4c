/** The parts of node:util that lib and the package debug use. */
import { tables } from './tables.js'

export const getSystemErrorMap = (): Map<number, [name: string, message: string]> =>
  new Map(tables.errors.map(([errno, name, message]) => [errno, [name, message]]))

/** Values of the debug output; nobody parses it. */
export function inspect(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'string') return `'${value}'`
  if (typeof value !== 'object' || value === null) return String(value)
  if (value instanceof Error) return value.stack ?? String(value)
  if (Array.isArray(value)) return value.length === 0 ? '[]' : `[ ${value.map(inspect).join(', ')} ]`
  const members = Object.entries(value).map(([key, member]) => `${key}: ${inspect(member)}`)
  return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`
}

/** As %s shows it. */
const shown = (value: unknown): string => (typeof value === 'string' ? value : inspect(value))

const FORMATS: Readonly<Record<string, (value: unknown) => string>> = {
  s: shown,
  d: value => (typeof value === 'bigint' ? `${value}n` : String(Number(value))),
  j: value => JSON.stringify(value),
  o: inspect,
  O: inspect,
  c: () => '',
}

export function formatWithOptions(_options: object, format: unknown, ...values: readonly unknown[]): string {
  const left = [...values]
  const text = String(format).replace(/%([sdjoOc%])/g, (all, kind: string) => {
    if (kind === '%') return '%'
    return left.length === 0 ? all : (FORMATS[kind] ?? inspect)(left.shift())
  })
  return [text, ...left.map(shown)].join(' ')
}

export const deprecate = <T>(run: T): T => run
