/** A process that this one started: watched from the first moment, so that it is always reaped, or left as a zombie on purpose. */
import { closeFd } from '../sys/beneath.js'
import { type ExitStatus, foreignExitStatus, reap, signalPidfd } from '../sys/processes.js'
import { HANGUP, holdEventLoop, READABLE, watch } from '../sys/watch.js'

export interface Child {
  readonly pid: number
  /** Open until `exited` resolves and `release` was called. */
  readonly pidfd: number
  /** Settles without keeping the event loop alive; `wait` does. */
  readonly exited: Promise<ExitStatus>
  wait(): Promise<ExitStatus>
  /** Reaps it after all: what failed to start is nobody else's. */
  claim(): void
  /** False where it is gone. */
  signal(number: number): boolean
}

export const UNKNOWN_STATUS: ExitStatus = { exitCode: null, signal: null }

export interface Followed {
  readonly pid: number
  readonly pidfd: number
  /** Its exit status is left to whoever inherits it when this process ends. Default false: it is reaped. */
  readonly leave?: boolean
}

/** Takes over the pidfd. */
export function followChild({ pid, pidfd, leave = false }: Followed): Child {
  let open = true
  let isLeft = leave
  const exited = (async () => {
    await watch(pidfd, READABLE, { keepAlive: false }).ready
    const status = await statusOf(pidfd, isLeft)
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
  const claim = (): void => {
    isLeft = false
  }
  return { pid, pidfd, exited, wait, claim, signal: number => open && signalPidfd(pidfd, number) }
}

/** How long the parent of a process that is not ours gets to reap it, before its status counts as unknown. */
const FOREIGN_REAP_MS = 1000

async function statusOf(pidfd: number, leave: boolean): Promise<ExitStatus> {
  const own = reap(pidfd, { leave })
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
