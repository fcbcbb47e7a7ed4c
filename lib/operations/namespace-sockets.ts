/** Sockets in a container's network namespace, made by a helper that joins it for that and ends. */
import { compileSockets } from '../compile/index.js'
import type { Config } from '../config/config.js'
import { makeIssue } from '../config/issues.js'
import { ConfigError, StateError } from '../errors.js'
import type { Context } from '../launch/context.js'
import { begin } from '../launch/launch.js'
import { diedError } from '../launch/report.js'
import { type InitProcess, openJoinSlots } from '../launch/slots.js'
import type { SocketKind } from '../plan/flags.js'
import { readStoredConfig } from '../store/stored-config.js'
import { closeFd, closeFds } from '../sys/beneath.js'
import { openNull } from '../sys/file.js'
import { receiveFds, socketPair } from '../sys/socket.js'
import { duplicate } from '../sys/stream.js'
import { openInit, statusOf } from './state.js'

/** @throws {ConfigError} ERR_CONFIG_UNSUPPORTED for a container whose network is the host's, or another container's */
export function demandOwnNetwork({ linux }: Config): void {
  if (linux.namespaces.some(({ type, path }) => type === 'network' && path === null)) return
  const expected = 'a new network namespace, which no other container and not the host has'
  throw new ConfigError('ERR_CONFIG_UNSUPPORTED', [
    makeIssue({ path: '/linux/namespaces', expected, received: 'none' }),
  ])
}

/**
 * One for each of `kinds`, in their order; they are the caller's.
 * @throws {StateError} ERR_STATE_STATUS for a container that has ended; {ConfigError} as `demandOwnNetwork`
 */
export async function containerSockets(
  context: Context,
  id: string,
  kinds: readonly SocketKind[],
): Promise<readonly number[]> {
  const record = context.store.read(id)
  const config = readStoredConfig(context.store, id)
  const pidfd = openInit(record)
  const status = statusOf(context, record)
  if (pidfd === null || status === 'stopped') {
    if (pidfd !== null) closeFd(pidfd)
    const message = `a ${status} container has no network namespace any more`
    throw new StateError('ERR_STATE_STATUS', message, { id, status, expected: 'created or running' })
  }
  try {
    const init = { pid: record.pid, openPidfd: () => duplicate(pidfd) }
    return await makeSockets({ init, config, kinds })
  } finally {
    closeFd(pidfd)
  }
}

interface SocketsOf {
  readonly init: InitProcess
  readonly config: Config
  readonly kinds: readonly SocketKind[]
}

async function makeSockets({ init, config, kinds }: SocketsOf): Promise<readonly number[]> {
  demandOwnNetwork(config)
  const [receiver, sender] = socketPair()
  const nothing = openNull()
  try {
    const plan = compileSockets({ config, kinds })
    const launch = begin({ plan, stdio: [nothing, nothing, nothing], cgroup: null })
    try {
      launch.hand(await openJoinSlots({ plan, init, sockets: sender, signal: undefined }))
      await launch.executed()
    } catch (error) {
      throw await launch.end(error)
    } finally {
      launch.close()
    }
    return received(receiver, kinds.length)
  } finally {
    closeFds([receiver, sender, nothing])
  }
}

function received(receiver: number, count: number): readonly number[] {
  const fds = receiveFds(receiver)
  if (fds.length === count) return fds
  closeFds(fds)
  throw diedError({ exitCode: null, signal: null, at: 'sockets' })
}
