import { closeFd } from '../sys/beneath.js'
import { connectTo, sendFd } from '../sys/socket.js'

/** `standard` stands for a container's init, `setns` for a process that was exec'd in it. */
export function sendPidfd({ path, pidfd, message }: PidfdMessage): void {
  const socket = connectTo(path)
  try {
    sendFd(socket, pidfd, message)
  } finally {
    closeFd(socket)
  }
}

interface PidfdMessage {
  /** Of the AF_UNIX socket. */
  readonly path: string
  readonly pidfd: number
  readonly message: 'standard' | 'setns'
}
