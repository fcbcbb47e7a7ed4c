/** Ending all processes of a cgroup. */
import { CgroupError } from '../errors.js'
import { closeFds, readBeneath } from '../sys/beneath.js'
import { isErrno } from '../sys/errno.js'
import { openPidfd, signalPidfd } from '../sys/processes.js'
import { monotonicMs, sleep } from '../sys/self.js'
import { holdSpare } from '../sys/spare.js'
import { freezerOf, requestFreeze, thawAll } from './freeze.js'
import type { Place } from './place.js'
import { hostPath, isGone, readFileIfThere, rootOf, writeFileIfThere } from './tree.js'
import { walk } from './walk.js'

const LIMIT_MS = 5000
const SIGKILL = 9
/** How long those that cgroup.kill has signalled may take to go before they are signalled one by one. */
const PATIENCE_MS = 100
const FIRST_PAUSE_MS = 1
const LONGEST_PAUSE_MS = 20

/**
 * Kills all processes of the cgroup and of those below it, in all hierarchies, and resolves when none is left.
 * @throws {CgroupError} EBUSY if some are left after 5 seconds
 */
export async function killAll(places: readonly Place[]): Promise<void> {
  const started = monotonicMs()
  let patience = killAtOnce(places) ? PATIENCE_MS : 0
  for (let wait = FIRST_PAUSE_MS; ; wait = Math.min(wait * 2, LONGEST_PAUSE_MS)) {
    const left = pidsOfAll(places)
    if (left.length === 0) return
    const elapsed = monotonicMs() - started
    if (elapsed > LIMIT_MS) throw survivors(places, left.length)
    if (elapsed >= patience) {
      await killEach(places)
      patience = elapsed + LONGEST_PAUSE_MS
    }
    await sleep(wait)
  }
}

/**
 * cgroup.kill (Linux 5.14) takes the whole subtree, and those that are being born. Not of a cgroup that nobody is in: Linux 6.14 and
 * later kill what is cloned into a cgroup of which that has ever been written. False: there is no such file, or nobody in it.
 */
function killAtOnce(places: readonly Place[]): boolean {
  const unified = places.find(({ version }) => version === 2)
  const done = unified !== undefined && isPopulated(unified) && writeFileIfThere(unified, 'cgroup.kill', '1')
  // What version 1 has frozen does not take the signal.
  if (done && freezerOf(places)?.version === 1) thawAll(places)
  return done
}

const isPopulated = (place: Place): boolean => /^populated 1$/m.test(readFileIfThere(place, 'cgroup.events') ?? '')

/** Frozen, so that none is born while the list is read. */
async function killEach(places: readonly Place[], kept = 0): Promise<void> {
  const freezer = freezerOf(places)
  try {
    if (freezer !== null) requestFreeze(freezer)
    await signalEach(places, { signal: SIGKILL, kept })
  } catch (error) {
    if (!isGone(error)) throw error
  } finally {
    thawAll(places)
  }
}

/** Each has a descriptor meanwhile. */
const MOST_AT_ONCE = 4096
/** What it takes to read the lists of the cgroups again. */
const SPARE = 4

/** Sends a signal to all processes but `kept`. A pid may be reused until its pidfd is open: only those get it that are in the cgroup still. */
export async function signalEach(
  places: readonly Place[],
  { signal, kept = 0 }: { signal: number; kept?: number },
): Promise<void> {
  let left = pidsOfAll(places).filter(pid => pid > 0 && pid !== kept)
  while (left.length > 0) {
    const opened = openSome(left)
    left = left.slice(opened.length)
    try {
      const still = new Set(pidsOfAll(places))
      for (const { pid, pidfd } of opened) if (pidfd !== null && still.has(pid)) signalPidfd(pidfd, signal)
    } finally {
      closeFds(opened.flatMap(({ pidfd }) => pidfd ?? []))
    }
    if (left.length > 0) await sleep(0)
  }
}

interface Opened {
  readonly pid: number
  /** null: it has ended. */
  readonly pidfd: number | null
}

/** The first of them, as many as this process may have open and still read the lists. */
function openSome(pids: readonly number[]): Opened[] {
  const spare = holdSpare(SPARE)
  const opened: Opened[] = []
  try {
    for (const pid of pids.slice(0, MOST_AT_ONCE)) opened.push({ pid, pidfd: openPidfd(pid) })
    return opened
  } catch (error) {
    if (opened.length > 0 && isErrno(error, 'EMFILE', 'ENFILE')) return opened
    closeFds(opened.flatMap(({ pidfd }) => pidfd ?? []))
    throw error
  } finally {
    spare.release()
  }
}

/**
 * Kills all processes but one, and resolves when none of the others is left.
 * @throws {CgroupError} EBUSY if some are left after 5 seconds
 */
export async function killAllBut(places: readonly Place[], kept: number): Promise<void> {
  const deadline = monotonicMs() + LIMIT_MS
  for (let wait = FIRST_PAUSE_MS; ; wait = Math.min(wait * 2, LONGEST_PAUSE_MS)) {
    const left = pidsOfAll(places).filter(pid => pid !== kept)
    if (left.length === 0) return
    if (monotonicMs() > deadline) throw survivors(places, left.length)
    await killEach(places, kept)
    await sleep(wait)
  }
}

function survivors(places: readonly Place[], count: number): CgroupError {
  const file = places[0] === undefined ? '' : hostPath(places[0])
  const message = `${file}: ${count} process(es) are left ${LIMIT_MS / 1000} seconds after SIGKILL`
  return new CgroupError('ERR_CGROUP_WRITE', message, { file, value: 'SIGKILL', errno: 'EBUSY', configPath: '' })
}

/** The pids in the cgroup itself, 0 for one that our pid namespace does not show; empty if it is gone. */
function pidsIn(directory: number, path: string): number[] {
  const read = (file: string): number[] => numbers(readBeneath(directory, path === '' ? file : `${path}/${file}`))
  try {
    return read('cgroup.procs')
  } catch (error) {
    // A threaded cgroup only tells of threads.
    if (isErrno(error, 'EOPNOTSUPP')) return read('cgroup.threads')
    if (isGone(error)) return []
    throw error
  }
}

const numbers = (text: string): number[] =>
  text
    .split('\n')
    .filter(line => line !== '')
    .map(Number)

/** The pids in the cgroup and, if `recursive`, in those below it; each once. */
export function pidsOf(place: Place, { recursive }: { recursive: boolean }): number[] {
  if (!recursive) return [...new Set(pidsIn(rootOf(place), place.path))]
  const found = new Set<number>()
  for (const { fd, left } of walk(place)) {
    if (left === null) for (const pid of pidsIn(fd, '')) found.add(pid)
  }
  return [...found]
}

/** The pids in any of the hierarchies: a process may have been moved in some of them only. */
export function pidsOfAll(places: readonly Place[]): number[] {
  return [...new Set(places.flatMap(place => pidsOf(place, { recursive: true })))]
}
