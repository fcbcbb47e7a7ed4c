/** A process that this one started: watched from the first moment, so that it is always reaped, or left as a zombie on purpose. */
import { closeFd } from '../sys/beneath.js'
import { type ChildStatus, foreignExitStatus, reap, signalPidfd, zombieExitStatus } from '../sys/processes.js'
import { settlesWithin } from '../sys/timer.js'
import { HANGUP, holdUntil, READABLE, watch } from '../sys/watch.js'

export interface Child {
  readonly pid: number
  /** Open until `exited` resolves. */
  readonly pidfd: number
  /** Settles without keeping the event loop alive; `wait` does. */
  readonly exited: Promise<ChildStatus>
  wait(): Promise<ChildStatus>
  /** Lets go of what `held` keeps: from then on `pid` may mean another process, and `pidfd` be closed. */
  release(): void
  /** Reaps it after all: what failed to start is nobody else's. */
  claim(): void
  /** False: it has ended, be it reaped or not. */
  signal(number: number): boolean
}

export const UNKNOWN_STATUS: ChildStatus = { exitCode: null, signal: null, cpuTime: null }

export interface Followed {
  readonly pid: number
  readonly pidfd: number
  /** Its exit status is left to the parent that inherits it when this process ends. Default false: it is reaped. */
  readonly leave?: boolean
  /** Until `release`, it is not reaped and `pidfd` not closed, so that both mean this process and no other. Default false. */
  readonly held?: boolean
}

/** Takes over the pidfd. */
export function followChild({ pid, pidfd, leave = false, held = false }: Followed): Child {
  let release = (): void => {}
  const released = held ? new Promise<void>(resolve => (release = resolve)) : null
  let open = true
  let isLeft = leave
  const exited = (async () => {
    await watch(pidfd, READABLE, { keepAlive: false }).ready
    await released
    const status = await statusOf({ pid, pidfd, leave: isLeft })
    open = false
    closeFd(pidfd)
    return status
  })()
  const wait = (): Promise<ChildStatus> => holdUntil(exited)
  const claim = (): void => {
    isLeft = false
  }
  // The kernel takes signals to a zombie, and says nothing.
  const isRunning = (): boolean => open && ['running', 'foreign'].includes(String(reap(pidfd, { leave: true })))
  return {
    pid,
    pidfd,
    exited,
    wait,
    release: () => release(),
    claim,
    signal: number => isRunning() && signalPidfd(pidfd, number),
  }
}

/** How long the parent of a process that is not ours gets to reap it, before its status counts as unknown. */
const FOREIGN_REAP_MS = 1000

async function statusOf({ pid, pidfd, leave }: Required<Omit<Followed, 'held'>>): Promise<ChildStatus> {
  const own = reap(pidfd, { leave })
  if (typeof own !== 'string') return own
  const known = zombieExitStatus({ pid, pidfd }) ?? foreignExitStatus(pidfd)
  if (known !== null) return known
  const hangup = watch(pidfd, HANGUP, { keepAlive: false })
  await settlesWithin(hangup.ready, FOREIGN_REAP_MS)
  hangup.stop()
  return foreignExitStatus(pidfd) ?? UNKNOWN_STATUS
}
