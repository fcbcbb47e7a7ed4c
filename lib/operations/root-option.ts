/** A root that is made of layers, as the option `rootfs` has it. */

import { isObject } from '../config/json.js'
import { optionError, readByteCount } from '../config/option.js'
import type { ByteSize } from '../config/size.js'
import { ConfigError } from '../errors.js'
import type { LayeredTree } from '../plan/plan.js'
import { isErrno } from '../sys/errno.js'
import { realDirectoryLater } from '../sys/job.js'

/** A root that several containers can share: what one of them writes, the others do not see. */
export interface LayeredRoot {
  /** Directories in the order of an image: the lowest (the base) first. What they have in common is taken from the last one that has it. */
  readonly layers: readonly string[]
  /**
   * Where what is written goes. `memory`: to a tmpfs that is gone with the container, of at most that size (default: half of the machine's
   * memory). `dir`: to `upper` in this directory, which stays; it is made if it is missing, has to belong to this user, and is used by one
   * container at a time.
   */
  readonly upper: 'memory' | { readonly memory: ByteSize } | { readonly dir: string }
}

/**
 * No root of its own, and no namespaces: processes that are executed in it see the files of this machine, as far as `landlock` lets them,
 * which must have `fs` and both scopes. For users who may make no namespaces. It has no program of its own (`process`), and what is executed in it ends with
 * all that it has started.
 */
export interface HostRoot {
  readonly host: true
}

const EXPECTED = 'a path, or an object with layers and upper'

/** @throws {ConfigError} for one that says more */
export function isHostRoot(root: unknown): root is HostRoot {
  if (!isObject(root) || !('host' in root)) return false
  refuseOthers('rootfs', root, ['host'])
  if (root.host === true) return true
  throw optionError({ option: 'rootfs.host', expected: 'true', received: root.host })
}

/** What of a root is known before anything is made. @throws {ConfigError} naming the part of the option that is wrong; the reason of `signal` */
export async function readLayeredRoot(
  root: LayeredRoot,
  absolute: (path: string) => string,
  signal?: AbortSignal,
): Promise<LayeredTree> {
  if (!isObject(root)) throw optionError({ option: 'rootfs', expected: EXPECTED, received: root })
  refuseOthers('rootfs', root, ['layers', 'upper'])
  const { layers } = root
  if (!Array.isArray(layers) || layers.length === 0)
    throw optionError({ option: 'rootfs.layers', expected: 'an array of at least one path', received: layers })
  const found: string[] = []
  for (const [index, path] of layers.entries()) {
    found.push(await layerAt(path, { option: `rootfs.layers[${index}]`, absolute, signal }))
  }
  return { layers: found, upper: readUpper(root.upper, absolute) }
}

interface LayerInput {
  readonly option: string
  readonly absolute: (path: string) => string
  readonly signal: AbortSignal | undefined
}

async function layerAt(path: unknown, { option, absolute, signal }: LayerInput): Promise<string> {
  const expected = 'an existing directory other than "/"'
  if (typeof path !== 'string' || path === '') throw optionError({ option, expected, received: path })
  const real = await realDirectory(absolute(path), signal)
  if (real === null || real === '/') throw optionError({ option, expected, received: path })
  return real
}

async function realDirectory(path: string, signal: AbortSignal | undefined): Promise<string | null> {
  try {
    return await realDirectoryLater(path, signal)
  } catch (error) {
    if (!isErrno(error)) throw error
    return null
  }
}

function readUpper(upper: unknown, absolute: (path: string) => string): LayeredTree['upper'] {
  if (upper === 'memory') return { memory: null }
  const option = 'rootfs.upper'
  if (!isObject(upper))
    throw optionError({ option, expected: '"memory", { memory: size } or { dir: path }', received: upper })
  refuseOthers(option, upper, 'dir' in upper ? ['dir'] : ['memory'])
  const { memory, dir } = upper as { memory?: unknown; dir?: unknown }
  if (!('dir' in upper)) {
    const size = readByteCount({ option: `${option}.memory`, value: memory ?? null, otherwise: 0 })
    // The kernel takes 0 for no limit at all.
    if (size > 0 && size < Number.POSITIVE_INFINITY) return { memory: size }
    throw optionError({ option: `${option}.memory`, expected: 'a number of bytes above 0', received: memory })
  }
  if (typeof dir !== 'string' || dir === '')
    throw optionError({ option: `${option}.dir`, expected: 'a path', received: dir })
  return { directory: absolute(dir) }
}

function refuseOthers(option: string, given: object, known: readonly string[]): void {
  const other = Object.keys(given).find(name => !known.includes(name))
  if (other === undefined) return
  const [issue] = optionError({ option: `${option}.${other}`, expected: 'absent', received: 'an unknown name' }).issues
  throw new ConfigError('ERR_CONFIG_INVALID', issue === undefined ? [] : [issue])
}
