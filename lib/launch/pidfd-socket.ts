import { closeFd } from '../sys/beneath.js'
import { connectTo, sendFd } from '../sys/socket.js'

/** `standard` stands for a container's init, `setns` for a process that was exec'd in it. */
export async function sendPidfd({ path, pidfd, message, signal }: PidfdMessage): Promise<void> {
  const socket = await connectTo(path, signal)
  try {
    sendFd(socket, pidfd, message)
  } finally {
    closeFd(socket)
  }
}

interface PidfdMessage {
  /** Of the AF_UNIX socket. */
  readonly path: string
  /** Stays the caller's. */
  readonly pidfd: number
  readonly message: 'standard' | 'setns'
  readonly signal: AbortSignal | undefined
}
