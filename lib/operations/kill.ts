import { openCgroup } from '../cgroup/index.js'
import { ConfigError, StateError } from '../errors.js'
import type { Context } from '../launch/context.js'
import type { ContainerRecord } from '../store/container-record.js'
import { closeFd } from '../sys/beneath.js'
import { signalNumber } from '../sys/errno.js'
import { signalPidfd } from '../sys/processes.js'
import { isAlive, openInit, statusOf } from './state.js'

const SIGKILL = 9

/** @throws {ConfigError} for what is no signal */
export function parseSignal(signal: string | number): number {
  const number = signalNumber(signal)
  if (number !== null) return number
  const expected = 'a signal such as SIGTERM, TERM or 15'
  const message = `unknown signal ${JSON.stringify(signal)}: expected ${expected}`
  const issue = { path: '', rule: 'runtime.md#kill', expected, received: JSON.stringify(signal), message }
  throw new ConfigError('ERR_CONFIG_INVALID', [issue])
}

export interface KillOptions {
  /**
   * To all processes of the container's cgroup, also if its init is gone; fine if none is left. `but-init`: to all but its
   * init, which must be there. Default false: to the init.
   */
  readonly all?: boolean | 'but-init'
}

export interface KillInput extends KillOptions {
  readonly id: string
  readonly signal: string | number
}

/**
 * Sends a signal to the container's init; SIGKILL if the container has no pid namespace of its own goes to all of its processes,
 * also when its init has ended.
 * @throws {StateError} ERR_STATE_STATUS `container not running`
 */
export async function kill(context: Context, { id, signal, all = false }: KillInput): Promise<void> {
  const number = parseSignal(signal)
  const record = context.store.read(id)
  context.debug(id, `signal ${number}${all ? ' to all' : ''}`)
  if (all === 'but-init') return killOthers(context, record, number)
  if (all) return killAll(record, number)
  const status = statusOf(context, record)
  if (status === 'stopped' && number === SIGKILL && (await killOrphans(record))) return
  const pidfd = status === 'stopped' ? null : openInit(record)
  if (pidfd === null) throw notRunning(id, status)
  try {
    if (!signalPidfd(pidfd, number)) throw notRunning(id, 'stopped')
  } finally {
    closeFd(pidfd)
  }
  if (number !== SIGKILL) return
  const cgroup = openCgroup({ recorded: record.cgroup })
  if (record.ownPidNamespace) await cgroup.letDie()
  else await cgroup.kill()
}

/** What a container in somebody else's pid namespace leaves when its init has ended; false if there is nothing. */
async function killOrphans(record: ContainerRecord): Promise<boolean> {
  if (record.ownPidNamespace) return false
  const cgroup = openCgroup({ recorded: record.cgroup })
  if (cgroup.isNone || cgroup.pids({ recursive: true }).length === 0) return false
  await cgroup.kill()
  return true
}

/** @throws {StateError} ERR_STATE_STATUS if the init has ended */
async function killOthers(context: Context, record: ContainerRecord, number: number): Promise<void> {
  if (!isAlive(record)) throw notRunning(record.id, statusOf(context, record))
  const cgroup = openCgroup({ recorded: record.cgroup })
  if (number === SIGKILL && !cgroup.isNone) await cgroup.kill({ kept: record.pid })
  else await cgroup.signal(number, { kept: record.pid })
}

async function killAll(record: ContainerRecord, number: number): Promise<void> {
  const cgroup = openCgroup({ recorded: record.cgroup })
  if (cgroup.isNone && !isAlive(record)) return
  if (number !== SIGKILL) await cgroup.signal(number)
  else if (cgroup.isNone) killNamespace(record)
  else await cgroup.kill()
}

/** Without a cgroup the container has a pid namespace of its own, which ends with its first process. */
function killNamespace(record: ContainerRecord): void {
  const pidfd = openInit(record)
  if (pidfd === null) return
  try {
    signalPidfd(pidfd, SIGKILL)
  } finally {
    closeFd(pidfd)
  }
}

const notRunning = (id: string, status: string): StateError =>
  new StateError('ERR_STATE_STATUS', `container not running: ${id} is ${status}`, {
    id,
    status,
    expected: 'created or running',
  })
