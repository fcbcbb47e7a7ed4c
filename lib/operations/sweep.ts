/** Who made a container, and what is left of those that are gone. */
import type { Status } from '../config/state.js'
import { isTsrunError } from '../errors.js'
import type { Context } from '../launch/context.js'
import { boundStore } from '../store/bound-store.js'
import type { ContainerRecord, Owner } from '../store/container-record.js'
import { readLink } from '../sys/file.js'
import { processStat } from '../sys/processes.js'
import { effectiveUid, ownPid } from '../sys/self.js'
import { remove } from './delete.js'
import { statusOf } from './state.js'

let self: Owner | null = null

/** This process, as another one finds it. */
export function thisOwner(): Owner {
  const pid = ownPid()
  self ??= {
    pid,
    startTime: processStat(pid)?.startTime ?? '',
    pidNamespace: readLink('/proc/self/ns/pid'),
    uid: effectiveUid(),
  }
  return self
}

/** Null: it has no owner, or one whose pid can't be seen from here, since it counts in another pid namespace. */
export function ownerLives({ owner }: ContainerRecord): boolean | null {
  if (owner === undefined || owner === null || owner.pidNamespace !== thisOwner().pidNamespace) return null
  const now = processStat(owner.pid)
  return now !== null && !now.zombie && now.startTime === owner.startTime
}

export interface Listing {
  readonly status: Status
  /** Null: the container has no owner (`detached`), or one in another pid namespace. */
  readonly ownerLives: boolean | null
}

export const listingOf = (context: Context, record: ContainerRecord): Listing => ({
  status: statusOf(context, record),
  ownerLives: ownerLives(record),
})

/** Deletes what dead owners of this user have left; returns the ids. What another process works on is left to it. */
export async function sweep(context: Context): Promise<string[]> {
  const swept: string[] = []
  for (const id of context.store.ids()) {
    const record = recordOf(context, id)
    if (record?.owner?.uid !== effectiveUid() || ownerLives(record) !== false || context.store.isLocked(id)) continue
    // Of this very container: meanwhile the id may be that of another one.
    const bound = { ...context, store: boundStore(context.store, record) }
    let isOurs = false
    const ended = (): void => {
      isOurs = true
    }
    await remove(bound, id, { force: true, ended })
    if (isOurs) swept.push(id)
  }
  return swept
}

/** Null: it is gone, or can't be read, and so nobody knows whose it is. */
function recordOf({ store }: Context, id: string): ContainerRecord | null {
  try {
    return store.read(id)
  } catch (error) {
    if (isTsrunError(error) && error.code.startsWith('ERR_STATE_')) return null
    throw error
  }
}
