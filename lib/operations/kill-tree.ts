/** The end of an exec'd process and of all that it has started. */
import { StateError } from '../errors.js'
import type { Child } from '../launch/child.js'
import { closeFd } from '../sys/beneath.js'
import { descendantsOf } from '../sys/descendants.js'
import { openPidfd, signalPidfd } from '../sys/processes.js'
import { monotonicMs, sleep } from '../sys/self.js'
import { settlesWithin } from '../sys/timer.js'
import { isGuard, wakeGuard } from './guarded.js'

const SIGKILL = 9
const SIGSTOP = 19
const LIMIT_MS = 5000
const FIRST_PAUSE_MS = 1
const LONGEST_PAUSE_MS = 20

/**
 * Kills a process that is its descendants' subreaper, and all of them, and resolves when they are gone. It is stopped
 * and goes last: as long as it is there, what has lost its parent becomes its child and is found in the next round. A guard
 * is left to end by itself.
 *
 * @returns false if it had ended already
 * @throws {StateError} ERR_STATE_STATUS if some are left after 5 seconds; the process itself is killed all the same
 */
export async function killTree(child: Child, id: string): Promise<boolean> {
  if (isGuard(child)) return killGuarded(child, id)
  const deadline = monotonicMs() + LIMIT_MS
  try {
    if (!child.signal(SIGSTOP)) return false
    for (let wait = FIRST_PAUSE_MS; killDescendants(child.pid) > 0; wait = Math.min(wait * 2, LONGEST_PAUSE_MS)) {
      if (monotonicMs() > deadline) throw survivors(child.pid, id)
      await sleep(wait)
    }
  } finally {
    child.signal(SIGKILL)
  }
  await child.wait()
  return true
}

/** Its program is among its descendants, so that one round is enough, whoever is too fast to be found. */
async function killGuarded(guard: Child, id: string): Promise<boolean> {
  const deadline = monotonicMs() + LIMIT_MS
  if (!wakeGuard(guard)) return false
  for (let wait = LONGEST_PAUSE_MS; ; wait *= 2) {
    killDescendants(guard.pid)
    if (await settlesWithin(guard.exited, wait)) return true
    if (monotonicMs() > deadline) throw survivors(guard.pid, id)
  }
}

/** A pid may be reused until its pidfd is open: only those are signalled that are descendants still. */
function killDescendants(pid: number): number {
  const opened = descendantsOf(pid).map(descendant => ({ descendant, pidfd: openPidfd(descendant) }))
  try {
    const still = new Set(opened.length === 0 ? [] : descendantsOf(pid))
    for (const { descendant, pidfd } of opened) {
      if (pidfd !== null && still.has(descendant)) signalPidfd(pidfd, SIGKILL)
    }
    return still.size
  } finally {
    for (const { pidfd } of opened) if (pidfd !== null) closeFd(pidfd)
  }
}

function survivors(pid: number, id: string): StateError {
  const message = `some descendants of process ${pid} did not end within ${LIMIT_MS / 1000} s of SIGKILL`
  return new StateError('ERR_STATE_STATUS', message, { id, status: 'running', expected: 'stopped' })
}
