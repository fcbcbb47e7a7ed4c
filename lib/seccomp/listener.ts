/** The agent of a filter with SCMP_ACT_NOTIFY: told of the container once, with the descriptor of the notifications. */

import type { Config } from '../config/config.js'
import type { OciState } from '../config/state.js'
import { PlanError } from '../errors.js'
import { attemptLater } from '../host/attempt.js'
import { connectTo, sendFdAndEnd } from '../sys/socket.js'

/** The container process state of the specification (config-linux.md#the-container-process-state). */
interface ContainerProcessState {
  readonly ociVersion: string
  readonly fds: readonly string[]
  readonly pid: number
  readonly metadata?: string
  readonly state: OciState
}

export interface ListenerInput {
  /** Stays the caller's. */
  readonly fd: number
  readonly config: Config
  readonly state: OciState
  /** Of the process that the filter is on; default: the container's first. */
  readonly pid?: number
  readonly signal?: AbortSignal | undefined
}

/**
 * One connection, one message, closed afterwards.
 * @throws {LaunchError} ERR_LAUNCH_OP naming /linux/seccomp/listenerPath
 */
export async function sendListener({ fd, config, state, pid = state.pid ?? 0, signal }: ListenerInput): Promise<void> {
  const listener = config.linux.seccomp?.listener ?? null
  if (listener === null) throw new PlanError('a listener that the configuration does not have', { op: 'seccomp' })
  const { path, metadata } = listener
  const message: ContainerProcessState = {
    ociVersion: config.ociVersion,
    fds: ['seccompFd'],
    pid,
    ...(metadata === null ? {} : { metadata }),
    state,
  }
  const attempted = { origin: '/linux/seccomp/listenerPath', what: JSON.stringify(path), phase: 'EXEC' }
  // The words that suites of tests look for.
  const advice = () => 'failed to connect with seccomp agent'
  const socket = await attemptLater({ ...attempted, advice }, () => connectTo(path, signal))
  await attemptLater(attempted, () => sendFdAndEnd(socket, fd, JSON.stringify(message)))
}
