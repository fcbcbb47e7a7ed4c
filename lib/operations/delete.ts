/** delete: everything that create made, and nothing else. */
import { type Cgroup, openCgroup } from '../cgroup/index.js'
import type { Config } from '../config/config.js'
import { isTsrunError, StateError } from '../errors.js'
import { uncoverRoot } from '../host/root-mount.js'
import type { Context } from '../launch/context.js'
import { poststopHooks } from '../launch/hooks.js'
import { destroyClass, recordedClass, undoClass } from '../resctrl/class.js'
import type { ContainerRecord } from '../store/container-record.js'
import { readHookNote } from '../store/hook-note.js'
import { readStoredConfig, readStoredConfigIfThere } from '../store/stored-config.js'
import { closeFd } from '../sys/beneath.js'
import { signalPidfd } from '../sys/processes.js'
import { giveWay } from '../sys/turns.js'
import { READABLE, watch } from '../sys/watch.js'
import { guardedGone } from './guarded.js'
import { findInits, findRemains } from './lost-state.js'
import { type InitIdentity, isAlive, openInit, statusOf } from './state.js'
import { dropUnread } from './unread-streams.js'

const SIGKILL = 9
const SIGTERM = 15
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
  await giveWay()
  if (force && !context.store.isBound && context.store.removeLink(id)) return
  try {
    const lock = await context.store.lock(id, force ? { whenBusy: elapsed => interrupt(context, id, elapsed) } : {})
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

/** A hook after delete has begun is given so long. */
const POSTSTOP_MS = 5000

/**
 * Somebody works on it, and may be waiting for a hook that hangs: its init is killed, and the hook with all that it has started. Whoever
 * has the lock then sees that it has failed, and lets go. If the init has ended before, the hook may be one of poststop.
 */
async function interrupt(context: Context, id: string, elapsed: number): Promise<void> {
  // Of a handle: what has the id now may be another container.
  if (context.store.isBound && readIfSound(context, id) === null) return
  const killed = findInits(context, id).map(init => signalIfSame(init, SIGKILL))
  const hook = readHookNote(context.store, id)
  if (hook !== null && (killed.includes(true) || elapsed > POSTSTOP_MS)) signalIfSame(hook, SIGTERM)
}

/** False: it has ended. */
function signalIfSame(process: InitIdentity, signal: number): boolean {
  const pidfd = openInit(process)
  if (pidfd === null) return false
  try {
    return signalPidfd(pidfd, signal)
  } finally {
    closeFd(pidfd)
  }
}

async function removeLocked(
  context: Context,
  id: string,
  { force = false, ended = () => {} }: RemoveOptions,
): Promise<void> {
  const record = readRecord(context, id, force)
  if (record === null) return removeRemains(context, id)
  const status = statusOf(context, record)
  if (!force && status !== 'stopped' && status !== 'created') {
    const message = `cannot delete container ${id} that is not stopped: ${status}`
    throw new StateError('ERR_STATE_STATUS', message, { id, status, expected: 'stopped' })
  }
  await destroy({ context, record, config: record.hooks ? configForHooks(context, record) : null, ended })
}

/** null: create was cut off before it wrote the configuration, and so before any hook. */
function configForHooks({ store }: Context, { id, phase }: ContainerRecord): Config | null {
  return phase === 'creating' ? readStoredConfigIfThere(store, id) : readStoredConfig(store, id)
}

/** null: with `force`, one that can't be read, or whose cgroup or configuration for the hooks can't be. */
function readRecord(context: Context, id: string, force: boolean): ContainerRecord | null {
  try {
    const record = context.store.read(id)
    openCgroup({ recorded: record.cgroup })
    recordedClass(record)
    if (force && record.hooks) configForHooks(context, record)
    return record
  } catch (error) {
    if (!force || context.store.isBound || !isTsrunError(error) || !UNREADABLE.includes(error.code)) throw error
    context.log({ level: 'warning', message: error.message, id })
    return null
  }
}

const UNREADABLE: readonly string[] = ['ERR_STATE_CORRUPT', 'ERR_STATE_VERSION']

async function removeRemains(context: Context, id: string): Promise<void> {
  const { inits, cgroup, rdt } = findRemains(context, id)
  for (const init of inits) await endInit({ id, init, cgroup })
  await cgroup?.destroy({ isShared: () => isShared(context, id, cgroup) })
  if (rdt !== null) destroyClass(rdt)
  context.store.remove(id)
}

/** Whether a container that still lives is in that cgroup too: another one of the same `cgroupsPath`, which was empty then. */
function isShared(context: Context, id: string, cgroup: Cgroup): boolean {
  const others = context.store.ids().filter(other => other !== id)
  return others.some(other => {
    const record = readIfSound(context, other)
    if (record === null || !cgroup.sharesWith(record.cgroup)) return false
    return isAlive(record) || (record.phase === 'creating' && context.store.isLocked(other))
  })
}

function readIfSound({ store }: Context, id: string): ContainerRecord | null {
  try {
    return store.read(id)
  } catch (error) {
    if (!isTsrunError(error)) throw error
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
  const { id } = record
  const cgroup = openCgroup({ recorded: record.cgroup })
  await endInit({ id, init: record, cgroup })
  const guarded = guardedGone(record, cgroup)
  if (guarded !== null) await endsWithin(guarded, { id, what: 'program' })
  ended()
  await giveWay()
  await cgroup.destroy({ isShared: () => isShared(context, id, cgroup) })
  const rdt = recordedClass(record)
  const removeClass = record.phase === 'creating' ? undoClass : destroyClass
  if (rdt !== null) removeClass(rdt)
  uncoverRoot(record)
  if (config !== null) await poststopHooks({ context, config, record })
  await giveWay()
  context.store.remove(id)
  dropUnread(record)
}

interface Ending {
  readonly id: string
  readonly init: InitIdentity
  readonly cgroup: Cgroup | null
}

async function endInit({ id, init, cgroup }: Ending): Promise<void> {
  const pidfd = openInit(init)
  if (pidfd === null) return
  const exit = watch(pidfd, READABLE)
  try {
    signalPidfd(pidfd, SIGKILL)
    await cgroup?.letDie()
    await endsWithin(exit.ready, { id, what: 'init' })
  } finally {
    exit.stop()
    closeFd(pidfd)
  }
}

async function endsWithin(exit: Promise<void>, { id, what }: { id: string; what: 'init' | 'program' }): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    const message = `container ${what} still running: ${id} did not end within 10 s of SIGKILL`
    const error = new StateError('ERR_STATE_STATUS', message, { id, status: 'running', expected: 'stopped' })
    timer = setTimeout(reject, EXIT_DEADLINE_MS, error)
  })
  try {
    await Promise.race([exit, late])
  } finally {
    clearTimeout(timer)
  }
}
