/** The record of a container that is being made. */
import type { Child } from '../launch/child.js'
import type { MovedDevices } from '../network-devices/move.js'
import type { ContainerRecord } from '../store/container-record.js'
import type { Store } from '../store/store.js'
import { processStat } from '../sys/processes.js'

/** The record as it grows; each change is on disk before the next step. */
export interface Ledger {
  record(): ContainerRecord
  update(change: Partial<ContainerRecord>): void
  /** The process, unless it is in there already. */
  enter(child: Child): void
  /** There has been a process of the container. */
  hasBegun: boolean
  /** What of the host is changed for the container's life, and comes back only where create fails. */
  readonly held: MovedDevices[]
}

export function openLedger(store: Store, first: ContainerRecord): Ledger {
  let record = first
  const update = (change: Partial<ContainerRecord>): void => {
    record = { ...record, ...change }
    store.write(record)
  }
  const enter = ({ pid, startTime: known }: Child): void => {
    const startTime = (): string => (known === '' ? (processStat(pid)?.startTime ?? '') : known)
    if (pid !== record.pid) update({ pid, startTime: startTime() })
  }
  return { held: [], hasBegun: false, record: () => record, update, enter }
}
