/** Taking away what create made. */
import { CgroupError } from '../errors.js'
import { monotonicMs, sleep } from '../sys/self.js'
import type { Place } from './place.js'
import { ancestor, hostPath, removeCgroupDirectory } from './tree.js'
import { removeIn, walk } from './walk.js'

const LIMIT_MS = 5000
const FIRST_PAUSE_MS = 1
const LONGEST_PAUSE_MS = 50

/** A place, and how many directories at the end of its path are ours; 0 leaves all of them. */
export interface OwnedPlace extends Place {
  readonly made: number
}

/**
 * Removes our directories with all cgroups below them; fine if they are gone. Those above the container's own are
 * left to others if they are in use.
 *
 * @throws {CgroupError} EBUSY if a process is still in one 5 seconds after the last one was removed
 */
export async function removeAll(places: readonly OwnedPlace[]): Promise<void> {
  let deadline = monotonicMs() + LIMIT_MS
  let left = places.filter(({ made }) => made > 0)
  const progress = (): void => {
    deadline = monotonicMs() + LIMIT_MS
  }
  for (let wait = FIRST_PAUSE_MS; ; wait = Math.min(wait * 2, LONGEST_PAUSE_MS)) {
    const busy: OwnedPlace[] = []
    for (const place of left) if (!(await removeOne(place, progress))) busy.push(place)
    if (busy.length === 0) return
    left = busy
    // The kernel lets go of the cgroup of a process only a little after its death.
    if (monotonicMs() > deadline) throw inUse(left)
    await sleep(wait)
  }
}

async function removeOne(place: OwnedPlace, progress: () => void): Promise<boolean> {
  const gone = removeCgroupDirectory(place) || (await removeSubtree(place, progress))
  if (gone) removeAbove(place)
  return gone
}

/** A place that another container may be using goes only when it is empty. */
function removeAbove(place: OwnedPlace): void {
  for (let level = 1; level < place.made; level++) {
    if (!removeCgroupDirectory(ancestor(place, level))) return
  }
}

/** One attempt, without waiting: for undoing a create in which no process has been. */
export function removeEmpty(places: readonly OwnedPlace[]): void {
  for (const place of places) if (place.made > 0 && removeCgroupDirectory(place)) removeAbove(place)
}

/** The same, up to the first one that is in use, or that stays: false, and the rest is left alone. */
export function removeAtOnce(places: readonly OwnedPlace[]): boolean {
  return places.every(place => {
    const gone = place.made > 0 && removeCgroupDirectory(place)
    if (gone) removeAbove(place)
    return gone
  })
}

/** So many at a time, and then the event loop has its turn. */
const AT_ONCE = 64

async function removeSubtree(place: Place, progress: () => void): Promise<boolean> {
  let count = 0
  for (const visit of walk(place)) {
    if (visit.left !== null && removeIn(visit, visit.left)) progress()
    count++
    if (count % AT_ONCE === 0) await sleep(0)
  }
  return removeCgroupDirectory(place)
}

function inUse([place]: readonly OwnedPlace[]): CgroupError {
  const file = place === undefined ? '' : hostPath(place)
  const message = `rmdir(${JSON.stringify(file)}): EBUSY: still has processes after ${LIMIT_MS / 1000} seconds`
  return new CgroupError('ERR_CGROUP_WRITE', message, { file, value: '', errno: 'EBUSY', configPath: '' })
}
