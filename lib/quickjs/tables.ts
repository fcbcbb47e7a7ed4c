/** Numbers and words of the system, as the Node that the executable is built with has them (scripts/standalone/bundle.mjs). */
interface SystemTables {
  readonly errno: Readonly<Record<string, number>>
  readonly signals: Readonly<Record<string, number>>
  /** By errno: its name, and what it means. */
  readonly errors: readonly (readonly [errno: number, name: string, message: string])[]
}

declare const TSRUN_SYSTEM_TABLES: SystemTables
declare const TSRUN_PACKAGE_VERSION: string

export const tables: SystemTables = TSRUN_SYSTEM_TABLES
export const packageVersion: string = TSRUN_PACKAGE_VERSION

const names = new Map(tables.errors.map(([errno, name, message]) => [errno, { name, message }]))

interface Failed {
  readonly syscall: string
  readonly path?: string | undefined
  readonly to?: string | undefined
}

/** An error as Node's own modules throw it. `result` is -errno. */
export function systemError(result: number, { syscall, path, to }: Failed): Error {
  const { name, message } = names.get(result) ?? { name: `Unknown system error ${result}`, message: '' }
  const about = path === undefined ? '' : to === undefined ? ` '${path}'` : ` '${path}' -> '${to}'`
  const error = new Error(`${name}: ${message}, ${syscall}${about}`)
  return Object.assign(error, {
    errno: result,
    code: name,
    syscall,
    ...(path !== undefined && { path }),
    ...(to !== undefined && { dest: to }),
  })
}

/** Passes a result >= 0 on. */
export function succeed(result: number, failed: Failed): number {
  if (result < 0) throw systemError(result, failed)
  return result
}
