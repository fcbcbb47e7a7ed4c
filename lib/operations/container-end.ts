/** The end of a container: how its init ended, and what it has used by then. */
import type { Cgroup, CgroupUsage } from '../cgroup/index.js'
import { isTsrunError } from '../errors.js'
import { type Child, followChild } from '../launch/child.js'
import type { ContainerRecord } from '../store/container-record.js'
import { readStatusFile } from '../store/status-file.js'
import type { Store } from '../store/store.js'
import type { ExitStatus } from '../sys/processes.js'
import { monotonicMs } from '../sys/self.js'
import type { ExitResult } from './exit-result.js'
import { openInit } from './state.js'

export interface ContainerEnd {
  /** Its time begins; only the first call counts. */
  started(): void
  /** Settles without keeping the event loop alive. Not its child: it is followed from the first call on. */
  exited(): Promise<ExitResult>
  /** Looks at the cgroup, unless that has been done: it is gone after a delete, be it the one that has ended the container. */
  lastLook(): void
}

interface Followed {
  readonly record: ContainerRecord
  /** null: it is not a child of this process, or not by this handle. */
  readonly child: Child | null
  readonly cgroup: Cgroup
  /** Knows no other container of the same id. */
  readonly store: Store
}

/** Our own child is looked at the moment it ends: afterwards somebody may remove the cgroup that knows of an OOM kill. */
export function followEnd({ record, child, cgroup, store }: Followed): ContainerEnd {
  let startedAt: number | null = null
  let counted: Counted | null = null
  const count = (): Counted => (counted ??= hasRecord(store, record.id) ? look({ record, cgroup, store }) : NOTHING)
  const resultOf = async ({ exited, withPidfd }: Child): Promise<ExitResult> => {
    const lookAtUnit = (pidfd: number) => Promise.all([cgroup.oomKilledAtEnd(pidfd), cgroup.usageAtEnd(pidfd)])
    const atEnd = withPidfd(lookAtUnit) ?? Promise.resolve([false, null] as const)
    // What it may fail with is thrown below.
    atEnd.catch(() => {})
    const { cpuTime, ...status } = await exited
    const wallTime = startedAt === null ? null : monotonicMs() - startedAt
    const { oomKilled, kept, ...used } = count()
    const { exitCode, signal } = status.signal === null ? (kept ?? status) : status
    const [wasKilled, usedByUnit] = await atEnd
    const { cpuTime: ofCgroup, peakMemory } = usedByUnit ?? used
    const usage = { wallTime, cpuTime: ofCgroup ?? cpuTime, peakMemory }
    return { exitCode, signal, oomKilled: oomKilled || wasKilled, usage }
  }
  const unknown = async (): Promise<ExitResult> => {
    const { oomKilled, kept, ...used } = count()
    return { ...(kept ?? UNKNOWN), oomKilled, usage: { wallTime: null, ...used } }
  }
  const follow = async (): Promise<ExitResult> => {
    const pidfd = openInit(record)
    return pidfd === null ? unknown() : resultOf(followChild({ pid: record.pid, pidfd }))
  }
  let result = child === null ? null : resultOf(child)
  result?.catch(() => {})
  return {
    started: () => {
      startedAt ??= monotonicMs()
    },
    exited: () => (result ??= follow()),
    lastLook: () => void count(),
  }
}

interface Counted extends CgroupUsage {
  readonly oomKilled: boolean
  /** If the first process is ours: how the program ended. */
  readonly kept: ExitStatus | null
}

const UNKNOWN: ExitStatus = { exitCode: null, signal: null }
const NOTHING: Counted = { oomKilled: false, kept: null, cpuTime: null, peakMemory: null }

function look({ record, cgroup, store }: Omit<Followed, 'child'>): Counted {
  const kept = record.reaps === true ? readStatusFile(store, record.id) : null
  return { oomKilled: cgroup.oomKills() > 0, kept, ...cgroup.usage() }
}

/** False: it is deleted, and another container may have its id and its cgroup. A record that can't be read is that of nobody else. */
export function hasRecord(store: Store, id: string): boolean {
  try {
    store.read(id)
    return true
  } catch (error) {
    if (isTsrunError(error)) return error.code !== 'ERR_STATE_NOT_FOUND'
    throw error
  }
}
