/** What a container is, from its record and from the kernel. */
import { openCgroup } from '../cgroup/index.js'
import type { Status } from '../config/state.js'
import type { Context } from '../launch/context.js'
import type { ContainerRecord } from '../store/container-record.js'
import { closeFd } from '../sys/beneath.js'
import { openPidfd, processStat } from '../sys/processes.js'

/** A process that is known by its number and the time at which it began. */
export interface InitIdentity {
  readonly pid: number
  readonly startTime: string
}

/** True while the process of the record lives: a zombie does not, and a reused pid is not it. */
export function isAlive({ pid, startTime: recorded }: InitIdentity): boolean {
  if (pid === 0) return false
  const now = processStat(pid)
  return now !== null && !now.zombie && now.startTime === recorded
}

/** A pidfd of the container's init, or null where it is gone (a zombie counts as there: it has a status to be read). */
export function openInit({ pid, startTime: recorded }: InitIdentity): number | null {
  const pidfd = pid === 0 ? null : openPidfd(pid)
  if (pidfd === null) return null
  // The pidfd is opened first: what the start time then says holds for it.
  if (processStat(pid)?.startTime === recorded) return pidfd
  closeFd(pidfd)
  return null
}

export function statusOf({ store }: Context, record: ContainerRecord): Status {
  if (record.phase === 'creating' && store.isLocked(record.id)) return 'creating'
  if (!isAlive(record)) return 'stopped'
  if (record.phase === 'creating') return record.phase
  if (openCgroup({ recorded: record.cgroup }).frozen()) return 'paused'
  return record.phase === 'started' ? 'running' : record.phase
}
