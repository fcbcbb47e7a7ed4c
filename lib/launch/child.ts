/** A process that this one started: watched from the first moment, so that it is always reaped. */
import { closeFd } from '../sys/beneath.js'
import { type ExitStatus, foreignExitStatus, reap, signalPidfd } from '../sys/process.js'
import { HANGUP, holdEventLoop, READABLE, watch } from '../sys/watch.js'

export interface Child {
  readonly pid: number
  /** Open until `exited` resolves and `release` was called. */
  readonly pidfd: number
  /** Settles without keeping the event loop alive; `wait` does. */
  readonly exited: Promise<ExitStatus>
  wait(): Promise<ExitStatus>
  /** False where it is gone. */
  signal(number: number): boolean
}

export const UNKNOWN_STATUS: ExitStatus = { exitCode: null, signal: null }

/** Takes over the pidfd. */
export function followChild(
  { pid, pidfd }: { pid: number; pidfd: number },
  onExit?: (status: ExitStatus) => void,
): Child {
  let open = true
  const exited = (async () => {
    await watch(pidfd, READABLE, { keepAlive: false }).ready
    const status = await statusOf(pidfd)
    onExit?.(status)
    open = false
    closeFd(pidfd)
    return status
  })()
  const wait = async (): Promise<ExitStatus> => {
    const release = holdEventLoop()
    try {
      return await exited
    } finally {
      release()
    }
  }
  return { pid, pidfd, exited, wait, signal: number => open && signalPidfd(pidfd, number) }
}

/** How long the parent of a process that is not ours gets to reap it, before its status counts as unknown. */
const FOREIGN_REAP_MS = 1000

async function statusOf(pidfd: number): Promise<ExitStatus> {
  const own = reap(pidfd)
  if (typeof own !== 'string') return own
  const hangup = watch(pidfd, HANGUP, { keepAlive: false })
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<void>(resolve => {
    timer = setTimeout(resolve, FOREIGN_REAP_MS)
  })
  await Promise.race([hangup.ready, late])
  clearTimeout(timer)
  hangup.stop()
  return foreignExitStatus(pidfd) ?? UNKNOWN_STATUS
}
