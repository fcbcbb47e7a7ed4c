/** delete: everything that create made, and nothing else. */
import { openCgroup } from '../cgroup/index.js'
import type { Config } from '../config/config.js'
import { isTsrunError, StateError } from '../errors.js'
import type { Context } from '../launch/context.js'
import { poststopHooks } from '../launch/hooks.js'
import { destroyClass, recordedClass, undoClass } from '../resctrl/class.js'
import type { ContainerRecord } from '../store/container-record.js'
import { readStoredConfig } from '../store/stored-config.js'
import { closeFd } from '../sys/beneath.js'
import { isErrno } from '../sys/errno.js'
import { signalPidfd } from '../sys/processes.js'
import { READABLE, watch } from '../sys/watch.js'
import { lostCgroup } from './own-cgroup.js'
import { openInit, statusOf } from './state.js'

const SIGKILL = 9
/** How long a killed init may take to end (a process in uninterruptible sleep does not die at once). */
const EXIT_DEADLINE_MS = 10_000

export interface DeleteOptions {
  /** Kill a container that still runs; do nothing if there is none. Default false. */
  readonly force?: boolean
}

export interface RemoveOptions extends DeleteOptions {
  /** Called when its init has ended, and the cgroup is there still. */
  readonly ended?: () => void
}

/**
 * Removes a stopped (or created: its init is killed) container: processes, cgroup, state; then runs the poststop hooks.
 * @throws {StateError} ERR_STATE_NOT_FOUND, ERR_STATE_STATUS unless `force`
 */
export async function remove(context: Context, id: string, options: RemoveOptions = {}): Promise<void> {
  const { force = false } = options
  try {
    const lock = await context.store.lock(id)
    try {
      await removeLocked(context, id, options)
      context.debug(id, 'deleted')
    } finally {
      lock.release()
    }
  } catch (error) {
    if (force && isTsrunError(error) && error.code === 'ERR_STATE_NOT_FOUND') return
    throw error
  }
}

async function removeLocked(
  context: Context,
  id: string,
  { force = false, ended = () => {} }: RemoveOptions,
): Promise<void> {
  const record = readRecord(context, id, force)
  if (record === null) return removeWithoutRecord(context, id)
  const status = statusOf(context, record)
  if (!force && status !== 'stopped' && status !== 'created') {
    const message = `cannot delete container ${id} that is not stopped: ${status}`
    throw new StateError('ERR_STATE_STATUS', message, { id, status, expected: 'stopped' })
  }
  await destroy({ context, record, config: record.hooks ? configForHooks(context, record) : null, ended })
}

/** null: create was cut off before it wrote the configuration, and so before any hook. */
function configForHooks({ store }: Context, { id, phase }: ContainerRecord): Config | null {
  try {
    return readStoredConfig(store, id)
  } catch (error) {
    if (phase === 'creating' && isErrno(error, 'ENOENT')) return null
    throw error
  }
}

function readRecord({ store }: Context, id: string, force: boolean): ContainerRecord | null {
  try {
    return store.read(id)
  } catch (error) {
    if (force && !store.isBound && isTsrunError(error) && error.code === 'ERR_STATE_CORRUPT') return null
    throw error
  }
}

/**
 * The record is lost: the configuration tells which cgroup it was. If that is lost too there is nothing more to be found
 * out: the record is written before anything is made.
 */
async function removeWithoutRecord(context: Context, id: string): Promise<void> {
  const config = readConfig(context, id)
  if (config !== null) await lostCgroup(context, { id, config }).destroy()
  context.store.remove(id)
}

function readConfig({ store, log }: Context, id: string): Config | null {
  try {
    return readStoredConfig(store, id)
  } catch (error) {
    log({ level: 'warning', message: `there is neither a record nor a configuration of it: ${String(error)}`, id })
    return null
  }
}

export interface DestroyInput {
  readonly context: Context
  readonly record: ContainerRecord
  /** For the poststop hooks; null if there are none. */
  readonly config: Config | null
  /** Called when the init has ended. Default: nothing is. */
  readonly ended?: () => void
}

/** The state goes last, so that a delete that was cut off can be repeated. */
export async function destroy({ context, record, config, ended = () => {} }: DestroyInput): Promise<void> {
  await endInit(record)
  ended()
  await openCgroup({ recorded: record.cgroup }).destroy()
  const rdt = recordedClass(record)
  const removeClass = record.phase === 'creating' ? undoClass : destroyClass
  if (rdt !== null) removeClass(rdt)
  if (config !== null) await poststopHooks({ context, config, record })
  context.store.remove(record.id)
}

async function endInit(record: ContainerRecord): Promise<void> {
  const pidfd = openInit(record)
  if (pidfd === null) return
  const exit = watch(pidfd, READABLE)
  try {
    signalPidfd(pidfd, SIGKILL)
    await openCgroup({ recorded: record.cgroup }).letDie()
    await endsWithin(exit.ready, record)
  } finally {
    exit.stop()
    closeFd(pidfd)
  }
}

async function endsWithin(exit: Promise<void>, { id }: ContainerRecord): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    const message = `container init still running: ${id} did not end within 10 s of SIGKILL`
    const error = new StateError('ERR_STATE_STATUS', message, { id, status: 'running', expected: 'stopped' })
    timer = setTimeout(reject, EXIT_DEADLINE_MS, error)
  })
  try {
    await Promise.race([exit, late])
  } finally {
    clearTimeout(timer)
  }
}
