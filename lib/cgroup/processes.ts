/** Who is in a cgroup. */
import { isErrno } from '../sys/errno.js'
import type { Place } from './paths.js'
import { isGone, readFile, subtreeOf } from './tree.js'

/** The pids in the cgroup itself, 0 for one that our pid namespace does not show; empty where it is gone. */
function pidsIn(place: Place): number[] {
  try {
    return numbers(readFile(place, 'cgroup.procs'))
  } catch (error) {
    // A threaded cgroup only tells of threads.
    if (isErrno(error, 'EOPNOTSUPP')) return numbers(readFile(place, 'cgroup.threads'))
    if (isGone(error)) return []
    throw error
  }
}

const numbers = (text: string): number[] =>
  text
    .split('\n')
    .filter(line => line !== '')
    .map(Number)

/** The pids in the cgroup and, where `recursive`, in those below it; each once. */
export function pidsOf(place: Place, { recursive }: { recursive: boolean }): number[] {
  const places = recursive ? subtreeOf(place) : [place]
  return [...new Set(places.flatMap(pidsIn))]
}

/** The pids in any of the hierarchies: a process may have been moved in some of them only. */
export function pidsOfAll(places: readonly Place[]): number[] {
  return [...new Set(places.flatMap(place => pidsOf(place, { recursive: true })))]
}
