/** The option `landlock`, which is no part of a document: what the processes of a container may do, whoever they are (landlock(7)). */
import { isObject } from './json.js'
import { optionError } from './option.js'

/**
 * `read`: files and directories; `execute`: files; `write`: to change, make, move and remove files, directories, links, sockets and
 * pipes; `ioctl`: calls of devices; `device`: to make devices.
 */
export type LandlockAccess = 'read' | 'execute' | 'write' | 'ioctl' | 'device'
/** `signal`: only to processes that have been started by the same one; `abstract-unix`: abstract sockets of such processes only. */
export type LandlockScope = 'abstract-unix' | 'signal'

export interface LandlockOptions {
  /** Nothing else can be opened, executed, made or removed. A path is one of the container, no link may lead to it, and all that is below it is meant. */
  readonly fs?: readonly { readonly path: string; readonly access: LandlockAccess | readonly LandlockAccess[] }[]
  /**
   * Ports of TCP that may be bound and connected to; no others. Left out: all. The kernel does not look at Multipath TCP and TCP Fast Open, which
   * reach any port: a network namespace or a filter keeps from these.
   */
  readonly net?: { readonly bind?: readonly number[]; readonly connect?: readonly number[] }
  readonly scope?: readonly LandlockScope[]
  /**
   * What an older kernel, of this version of the interface or later, does not know is not restricted, which is told as a warning; 0: also one
   * without Landlock. Default: that which has all that is asked for (5 for `fs`, 4 for `net`, 6 for `scope`); less is an error.
   */
  readonly minimumAbi?: number
}

/** The version of the interface that `scope` came with (Linux 6.12). */
export const LANDLOCK_WITH_SCOPE = 6

/** What an option becomes. */
export interface Landlock {
  /** null: files are not restricted. */
  readonly files: readonly { readonly path: string; readonly access: readonly LandlockAccess[] }[] | null
  /** null: ports are not. */
  readonly ports: { readonly bind: readonly number[]; readonly connect: readonly number[] } | null
  readonly scope: readonly LandlockScope[]
  /** null: all that is asked for. */
  readonly minimumAbi: number | null
}

const ACCESS: readonly LandlockAccess[] = ['read', 'execute', 'write', 'ioctl', 'device']
const SCOPE: readonly LandlockScope[] = ['abstract-unix', 'signal']
const OPTIONS = ['fs', 'net', 'scope', 'minimumAbi']

/** @throws {ConfigError} naming the part that is wrong */
export function readLandlock(given: LandlockOptions | undefined): Landlock | null {
  if (given === undefined) return null
  checkNames('landlock', given, OPTIONS)
  const { fs, net, scope = [], minimumAbi = null } = given
  if (fs === undefined && net === undefined && scope.length === 0)
    throw optionError({ option: 'landlock', expected: 'an object with fs, net or scope', received: given })
  checkWords('landlock.scope', scope, SCOPE)
  if (minimumAbi !== null && !(Number.isInteger(minimumAbi) && minimumAbi >= 0))
    throw optionError({ option: 'landlock.minimumAbi', expected: 'a version, or 0', received: minimumAbi })
  return {
    files: fs === undefined ? null : readFiles(fs),
    ports: net === undefined ? null : readPorts(net),
    ...{ scope: [...new Set(scope)], minimumAbi },
  }
}

function checkNames(option: string, given: object, known: readonly string[]): void {
  if (!isObject(given)) throw optionError({ option, expected: 'an object', received: given })
  const other = Object.keys(given).find(name => !known.includes(name))
  if (other === undefined) return
  throw optionError({ option: `${option}.${other}`, expected: `one of ${known.join(', ')}`, received: other })
}

function checkWords(option: string, words: unknown, known: readonly string[]): void {
  if (Array.isArray(words) && words.every(word => known.includes(word))) return
  throw optionError({ option, expected: `an array of ${known.join(', ')}`, received: words })
}

function readFiles(fs: NonNullable<LandlockOptions['fs']>): NonNullable<Landlock['files']> {
  if (!Array.isArray(fs)) throw optionError({ option: 'landlock.fs', expected: 'an array', received: fs })
  return fs.map((rule: { readonly path: string; readonly access: unknown }, index) => {
    const option = `landlock.fs[${index}]`
    checkNames(option, rule, ['path', 'access'])
    const { path, access } = rule
    if (typeof path !== 'string' || !path.startsWith('/') || path.includes('\0'))
      throw optionError({ option: `${option}.path`, expected: 'an absolute path', received: path })
    const words: unknown = typeof access === 'string' ? [access] : access
    checkWords(`${option}.access`, words, ACCESS)
    const list = words as readonly LandlockAccess[]
    if (list.length === 0)
      throw optionError({ option: `${option}.access`, expected: `one of ${ACCESS.join(', ')}`, received: access })
    return { path, access: list }
  })
}

function readPorts(net: NonNullable<LandlockOptions['net']>): NonNullable<Landlock['ports']> {
  checkNames('landlock.net', net, ['bind', 'connect'])
  const { bind = [], connect = [] } = net
  for (const [name, ports] of Object.entries({ bind, connect }))
    if (!Array.isArray(ports) || !ports.every(isPort))
      throw optionError({ option: `landlock.net.${name}`, expected: 'an array of ports', received: ports })
  return { bind, connect }
}

const isPort = (value: unknown): boolean => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 0xffff
