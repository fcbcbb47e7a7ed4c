/** Taking away what create made. */
import { CgroupError } from '../errors.js'
import { monotonicMs, pause } from '../sys/self.js'
import type { Place } from './place.js'
import { absolutePath, ancestor, removeDirectory, subtreeOf } from './tree.js'

const LIMIT_MS = 5000
const FIRST_PAUSE_MS = 1
const LONGEST_PAUSE_MS = 50

/** A place, and how many directories at the end of its path are ours; 0 leaves all of them. */
export interface OwnedPlace extends Place {
  readonly made: number
}

/**
 * Removes our directories with all cgroups below them; fine where they are gone. Those above the container's own are
 * left to others where they are in use.
 *
 * @throws {CgroupError} EBUSY where a process is still in one after 5 seconds
 */
export async function removeAll(places: readonly OwnedPlace[]): Promise<void> {
  const deadline = monotonicMs() + LIMIT_MS
  let left = places.filter(({ made }) => made > 0)
  for (let wait = FIRST_PAUSE_MS; ; wait = Math.min(wait * 2, LONGEST_PAUSE_MS)) {
    left = left.filter(place => !removeOne(place))
    if (left.length === 0) return
    // The kernel lets go of the cgroup of a process only a little after its death.
    if (monotonicMs() > deadline) throw busy(left)
    await pause(wait)
  }
}

function removeOne(place: OwnedPlace): boolean {
  const gone = removeDirectory(place) || removeSubtree(place)
  if (gone) removeAbove(place)
  return gone
}

/** A place that another container may be using goes only when it is empty. */
function removeAbove(place: OwnedPlace): void {
  for (let level = 1; level < place.made; level++) {
    if (!removeDirectory(ancestor(place, level))) return
  }
}

/** One attempt, without waiting: for undoing a create in which no process has been. */
export function removeEmpty(places: readonly OwnedPlace[]): void {
  for (const place of places) if (place.made > 0) removeOne(place)
}

/** The same, up to the first one that is in use, or that stays: false, and the rest is left alone. */
export function removeAtOnce(places: readonly OwnedPlace[]): boolean {
  return places.every(place => {
    const gone = place.made > 0 && removeDirectory(place)
    if (gone) removeAbove(place)
    return gone
  })
}

const removeSubtree = (place: Place): boolean =>
  subtreeOf(place)
    .map(removeDirectory)
    .every(gone => gone)

function busy([place]: readonly OwnedPlace[]): CgroupError {
  const file = place === undefined ? '' : absolutePath(place)
  const message = `rmdir(${JSON.stringify(file)}): EBUSY: still has processes after ${LIMIT_MS / 1000} seconds`
  return new CgroupError('ERR_CGROUP_WRITE', message, { file, value: '', errno: 'EBUSY', configPath: '' })
}
