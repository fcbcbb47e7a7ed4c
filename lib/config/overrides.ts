/** What a call sets in place of, or in addition to, what the configuration says. */
import { ConfigError, type ConfigIssue } from '../errors.js'
import { isObject } from './json.js'
import type { OciConfig, OciMount, OciUser } from './oci-config.js'
import { optionError } from './option.js'

export interface Overrides {
  /** The program and its arguments, in place of `process.args`. */
  readonly args?: readonly string[]
  /** Variables in addition to `process.env`, or in place of those of the same name; undefined takes one away. */
  readonly env?: Env
  /** Absolute; in place of `process.cwd`. */
  readonly cwd?: string
  /** Ids as the container counts. What is left out is that of `process.user`. */
  readonly user?: OciUser
  /** Mounts after those of the configuration. */
  readonly mounts?: readonly OciMount[]
}

/** Variables by their names. */
export type Env = Readonly<Record<string, string | undefined>>

const NAMES = ['args', 'env', 'cwd', 'user', 'mounts'] as const

export const hasOverrides = (options: Overrides): boolean => NAMES.some(name => options[name] !== undefined)

/**
 * The document as `overrides` change it; it is checked afterwards, as a whole. Parts of it that are not what they must be stay so.
 * @throws {ConfigError} for an `env` that is none
 */
function withOverrides(document: OciConfig, { args, env, cwd, mounts, user }: Overrides): OciConfig {
  const { process = { cwd: '/' } } = document
  const changes = {
    ...(args !== undefined && { args }),
    ...(env !== undefined && { env: withVariables(process.env ?? [], checkedEnv(env)) }),
    ...(cwd !== undefined && { cwd }),
    ...(user !== undefined && { user: isObject(user) ? { ...process.user, ...user } : user }),
  }
  return {
    ...document,
    ...(isObject(process) && Object.keys(changes).length > 0 && { process: { ...process, ...changes } }),
    ...(mounts !== undefined && { mounts: withMounts(document.mounts ?? [], mounts) }),
  }
}

const withMounts = (own: readonly OciMount[], more: readonly OciMount[]): readonly OciMount[] => {
  if (!Array.isArray(own)) return own
  return Array.isArray(more) ? [...own, ...more] : more
}

/** @throws {ConfigError} with all names and values that can't be */
export function checkedEnv(env: Env): Env {
  if (!isObject(env)) throw optionError({ option: 'env', expected: 'an object of strings', received: env })
  const issues = Object.entries(env).flatMap(([name, value]) => {
    if (!/^[^=\0]+$/s.test(name)) return envIssue(name, 'a name that is not empty, and without "="', name)
    return value === undefined || typeof value === 'string' ? [] : envIssue(name, 'a string or undefined', value)
  })
  if (issues.length > 0) throw new ConfigError('ERR_CONFIG_INVALID', issues)
  return env
}

const envIssue = (name: string, expected: string, received: unknown): readonly ConfigIssue[] =>
  optionError({ option: `env[${JSON.stringify(name)}]`, expected, received }).issues

/** `NAME=value` entries, changed by the variables of `env`. */
export function withVariables(entries: readonly string[], env: Env): readonly string[] {
  if (!Array.isArray(entries)) return entries
  const nameOf = (entry: unknown): string => String(entry).replace(/=.*$/s, '')
  const kept = entries.filter(entry => !Object.hasOwn(env, nameOf(entry)))
  return [...kept, ...Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : `${name}=${value}`))]
}

interface Overridden {
  readonly overrides: Overrides
  /** Before and after. */
  readonly document: OciConfig
  readonly changed: OciConfig
}

/**
 * Reads the document as `overrides` change it. What is wrong with an override is told by the name of the option, too.
 * @throws {ConfigError} as `read`, and for an `env` that is none
 */
export function readOverridden<T>({ overrides, document, read }: Reading<T>): T {
  const changed = isObject(document) ? withOverrides(document, overrides) : document
  try {
    return read(changed)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const issues = error.issues.map(issue => {
      const option = optionAt(issue.path, { overrides, document, changed })
      return option === null ? issue : { ...issue, message: `${issue.message} (option ${option})` }
    })
    throw new ConfigError(error.code, issues, { cause: error.cause })
  }
}

interface Reading<T> {
  readonly overrides: Overrides
  readonly document: OciConfig
  readonly read: (changed: OciConfig) => T
}

/** The option that a part of the document is from, such as `mounts[0].source`; null: it is from none. */
function optionAt(path: string, { overrides, document, changed }: Overridden): string | null {
  const [first, second = '', ...rest] = path.split('/').slice(1)
  if (first === 'mounts' && overrides.mounts !== undefined) {
    const index = Number(second) - (document.mounts?.length ?? 0)
    if (second === '') return 'mounts'
    return index < 0 ? null : nameOf('mounts', [String(index), ...rest])
  }
  if (first !== 'process') return null
  if (second === 'env') return variableAt(changed.process?.env?.[Number(rest[0])], overrides)
  if (second === 'user' && rest[0] !== undefined && !(rest[0] in (overrides.user ?? {}))) return null
  const isOption = (second === 'args' || second === 'cwd' || second === 'user') && overrides[second] !== undefined
  return isOption ? nameOf(second, rest) : null
}

function variableAt(entry: string | undefined, { env = {} }: Overrides): string | null {
  const name = (entry ?? '').replace(/=.*$/s, '')
  return Object.hasOwn(env, name) ? `env[${JSON.stringify(name)}]` : null
}

const nameOf = (option: string, keys: readonly string[]): string =>
  keys.reduce((name, key) => (/^[0-9]+$/.test(key) ? `${name}[${key}]` : `${name}.${key}`), option)
