/**
 * The root of a container that has no mount namespace, but mounts: a mount of its own over the directory of the root. Whatever is mounted
 * in it goes with it, in one system call, and nothing else does.
 */

import { makeIssue } from '../config/issues.js'
import { ConfigError, StateError } from '../errors.js'
import { closeFd, openDirectory } from '../sys/beneath.js'
import { isErrno } from '../sys/errno.js'
import { openPath, readText, realPath } from '../sys/file.js'
import { cloneTreeAt, coverDirectory, mountNumber, uncover } from '../sys/mount.js'

/** What a record keeps of it. */
export interface RootMount {
  readonly path: string
  /** Its number in /proc/self/mountinfo, which another mount may get once this one is gone. */
  readonly number: string
  /** The number that no other mount ever gets; null before Linux 6.8. */
  readonly unique: string | null
}

/**
 * Covers the directory with a copy of itself and of what is mounted below it, which shares no mounts with any other. `known` is
 * called before that can be seen.
 * @returns a descriptor of the mount, which belongs to the caller
 * @throws {ConfigError} for the root of the host
 */
export function coverRoot(rootfs: string, known: (mount: RootMount) => void): number {
  const path = realPath(rootfs)
  if (path === '/') throw hostRoot(rootfs)
  const directory = openDirectory(path)
  try {
    const tree = cloneTreeAt(directory, true)
    try {
      known({ path, ...mountNumber(tree) })
      coverDirectory(tree, directory)
      return tree
    } catch (error) {
      closeFd(tree)
      throw error
    }
  } finally {
    closeFd(directory)
  }
}

function hostRoot(received: string): ConfigError {
  const expected = 'a directory other than the root of the host, if there are mounts but no mount namespace'
  return new ConfigError('ERR_CONFIG_INVALID', [makeIssue({ path: '/root/path', expected, received })])
}

/**
 * Takes the mount away with all that is mounted in it. Fine if it is gone, or was never attached.
 * @throws {StateError} ERR_STATE_STATUS if somebody has put another mount over it
 */
export function uncoverRoot({ id, rootMount }: { readonly id: string; readonly rootMount?: unknown }): void {
  const mount = recorded(rootMount)
  if (mount === null) return
  const { path } = mount
  if (isOnTop(mount)) uncover(path)
  else if (isAttached(mount)) {
    const message = `another mount is over the root of container ${id}, and must be taken away first: ${path}`
    throw new StateError('ERR_STATE_STATUS', message, { id, status: 'stopped', expected: 'stopped' })
  }
}

function isOnTop({ path, number, unique }: RootMount): boolean {
  try {
    const fd = openPath(path, { directory: true })
    try {
      const found = mountNumber(fd)
      return unique === null ? found.number === number && isPoint(path, number) : found.unique === unique
    } finally {
      closeFd(fd)
    }
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return false
    throw error
  }
}

const isAttached = ({ path, number }: RootMount): boolean => isPoint(path, number)

/** Whether the mount of that number is at that place. */
function isPoint(path: string, number: string): boolean {
  return readText('/proc/self/mountinfo')
    .split('\n')
    .some(line => {
      const [found, , , , point = ''] = line.split(' ')
      return found === number && unescaped(point) === path
    })
}

/** Spaces and the like are written as octal numbers there. */
const unescaped = (point: string): string =>
  point.replace(/\\([0-7]{3})/g, (_all, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))

/** What a record has of it; null for none. */
function recorded(value: unknown): RootMount | null {
  if (typeof value !== 'object' || value === null) return null
  const { path, number, unique } = value as Readonly<Record<string, unknown>>
  if (typeof path !== 'string' || typeof number !== 'string') return null
  return { path, number, unique: typeof unique === 'string' ? unique : null }
}
