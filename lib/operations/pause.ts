/** pause and resume: the container's cgroup is frozen, and thawed. */
import { openCgroup } from '../cgroup/index.js'
import type { Status } from '../config/state.js'
import { StateError } from '../errors.js'
import type { Context } from '../launch/context.js'
import type { ContainerRecord } from '../store/container-record.js'
import { statusOf } from './state.js'

/** As with runc, one that is created can be paused too. @throws {StateError} ERR_STATE_STATUS `container not running`, also where it is paused already */
export async function pause(context: Context, id: string): Promise<void> {
  await withLocked(context, id, async (record, status) => {
    if (status !== 'running' && status !== 'created') throw wrong({ id, status, expected: 'running' })
    await openCgroup({ recorded: record.cgroup }).freeze()
  })
}

/** @throws {StateError} ERR_STATE_STATUS `container not paused` */
export async function resume(context: Context, id: string): Promise<void> {
  await withLocked(context, id, async (record, status) => {
    if (status !== 'paused') throw wrong({ id, status, expected: 'paused' })
    await openCgroup({ recorded: record.cgroup }).thaw()
  })
}

/** The words that callers look for. */
function wrong({ id, status, expected }: { id: string; status: Status; expected: string }): StateError {
  return new StateError('ERR_STATE_STATUS', `container not ${expected}: ${id} is ${status}`, { id, status, expected })
}

/** Runs `act` with the container's record and status, while no other process changes them. */
export async function withLocked<T>(
  context: Context,
  id: string,
  act: (record: ContainerRecord, status: Status) => Promise<T>,
): Promise<T> {
  const lock = await context.store.lock(id)
  try {
    const record = context.store.read(id)
    return await act(record, statusOf(context, record))
  } finally {
    lock.release()
  }
}
