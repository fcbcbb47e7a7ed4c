/** In place of lib/sys/ffi.ts: the functions are a part of the executable. */
import { host } from './host.js'

type Table = Readonly<Record<string, unknown>>

/** @throws if a function of the table is not in the executable, when it is called */
export function load<const T extends Table>(
  path: string | null,
  table: T,
): { readonly [K in keyof T]: (...args: unknown[]) => number } {
  const missing = (name: string) => (): never => {
    throw new Error(`dlopen: ${path}: a static executable opens no library (${name})`)
  }
  const functions = Object.keys(table).map(name => [name, host.calls[name] ?? missing(name)] as const)
  return Object.fromEntries(functions) as { readonly [K in keyof T]: (...args: unknown[]) => number }
}
