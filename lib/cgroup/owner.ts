/** Giving a container's cgroup to the user of its process (config-linux.md#cgroup-ownership). */
import { chownBeneath } from '../sys/beneath.js'
import { isErrno } from '../sys/errno.js'
import { readTextIfThere } from '../sys/file.js'
import type { Place } from './place.js'
import { isGone, rootOf } from './tree.js'

/** What the kernel lists as safe to give away with the directory (cgroups(7)). */
const LIST = '/sys/kernel/cgroup/delegate'
/** Where it does not list anything; the specification names these. */
const ALWAYS = 'cgroup.procs\ncgroup.subtree_control\ncgroup.threads\n'

const UNCHANGED = -1

/**
 * Version 2 alone: a cgroup of version 1 can't be given away safely, and beside version 1 there is nothing to be gained.
 * @returns false if the kernel lets only a more privileged user do so, and nothing has changed
 */
export function giveTo(places: readonly Place[], uid: number): boolean {
  const [place] = places
  if (place === undefined || places.some(({ version }) => version === 1)) return true
  try {
    chownBeneath(rootOf(place), place.path, uid, UNCHANGED)
  } catch (error) {
    if (isErrno(error, 'EPERM')) return false
    throw error
  }
  for (const file of filesToGive()) giveFile(place, file, uid)
  return true
}

function filesToGive(): string[] {
  const names = (readTextIfThere(LIST) ?? ALWAYS).split('\n')
  return names.filter(name => name !== '')
}

/** Which of the files a cgroup has depends on its controllers. */
function giveFile(place: Place, file: string, uid: number): void {
  try {
    chownBeneath(rootOf(place), `${place.path}/${file}`, uid, UNCHANGED)
  } catch (error) {
    if (!isGone(error)) throw error
  }
}
