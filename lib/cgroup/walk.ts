/**
 * A cgroup and all that is below it. By descriptor, one level at a time: a process that may make cgroups can nest them deeper than any path
 * reaches.
 */
import { CgroupError } from '../errors.js'
import {
  closeFd,
  listDirectories,
  openAbove,
  openBeneath,
  readBeneath,
  rmdirBeneath,
  writeBeneath,
} from '../sys/beneath.js'
import { isErrno } from '../sys/errno.js'
import type { Place } from './place.js'
import { hostPath, isGone, rootOf } from './tree.js'

/** A visit: of `fd` once all below it have been visited, or of `fd` again after the one called `left`. */
export interface Visit {
  /** Open until the walk goes on. */
  readonly fd: number
  readonly left: string | null
}

/** More than a host has memory for, so that a walk ends if cgroups are added as fast as it goes. */
const MOST_VISITS = 1 << 20

/** How far the walk has come in one of the directories above, and in the current one. */
interface Level {
  readonly name: string
  /** What is still to be visited. */
  readonly names: string[]
}

/**
 * The lowest first; nothing if the place is gone. What goes meanwhile is passed over.
 * @throws {CgroupError} E2BIG for more than half a million cgroups
 */
export function* walk(place: Place): Generator<Visit, void, void> {
  let fd = openIfThere(rootOf(place), place.path)
  if (fd === null) return
  try {
    const levels: Level[] = [{ name: '', names: namesIn(fd) }]
    for (let visits = 0; visits < MOST_VISITS; visits++) {
      const name = levels.at(-1)?.names.pop()
      if (name !== undefined) {
        const below = openIfThere(fd, name)
        if (below === null) continue
        closeFd(fd)
        fd = below
        levels.push({ name, names: namesIn(fd) })
        continue
      }
      yield { fd, left: null }
      const left = levels.pop()?.name ?? ''
      if (levels.length === 0) return
      const above = openAbove(fd)
      closeFd(fd)
      fd = above
      yield { fd, left }
    }
  } finally {
    closeFd(fd)
  }
  throw tooMany(place)
}

function openIfThere(directory: number, path: string): number | null {
  return unlessGone(() => openBeneath(directory, path, 'list'), null)
}

const namesIn = (fd: number): string[] => unlessGone(() => listDirectories(fd), [])

/** What `act` returns, or `otherwise` if the cgroup, or its file, is gone. */
function unlessGone<T, U>(act: () => T, otherwise: U): T | U {
  try {
    return act()
  } catch (error) {
    if (isGone(error)) return otherwise
    throw error
  }
}

/** null: it is gone, or has no such file. */
export const readIn = ({ fd }: Visit, file: string): string | null => unlessGone(() => readBeneath(fd, file), null)

export const writeIn = ({ fd }: Visit, file: string, value: string): void =>
  unlessGone(() => writeBeneath(fd, file, value), undefined)

/** False: it has processes, or cgroups below it. */
export function removeIn({ fd }: Visit, name: string): boolean {
  try {
    unlessGone(() => rmdirBeneath(fd, name), undefined)
    return true
  } catch (error) {
    if (isErrno(error, 'EBUSY', 'ENOTEMPTY')) return false
    throw error
  }
}

function tooMany(place: Place): CgroupError {
  const file = hostPath(place)
  const message = `${file}: more than ${MOST_VISITS / 2} cgroups are below it`
  return new CgroupError('ERR_CGROUP_WRITE', message, { file, value: '', errno: 'E2BIG', configPath: '' })
}
