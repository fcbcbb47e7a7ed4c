/** A process that this one started: watched from the first moment, so that it is always reaped, or left as a zombie on purpose. */
import { closeFd } from '../sys/beneath.js'
import { ownChildren, processName } from '../sys/descendants.js'
import { holdUntil } from '../sys/hold-until.js'
import {
  type ChildStatus,
  foreignExitStatus,
  openPidfd,
  processStat,
  reap,
  signalPidfd,
  zombieExitStatus,
} from '../sys/processes.js'
import { monotonicMs, ownPid, sleep, sleepIdly } from '../sys/self.js'
import { settlesWithin } from '../sys/timer.js'
import { HANGUP, READABLE, watch } from '../sys/watch.js'

export interface Child {
  readonly pid: number
  /** As `processStat` has it; "" if nobody has asked yet. */
  readonly startTime: string
  /** Settles without keeping the event loop alive; `wait` does. */
  readonly exited: Promise<ChildStatus>
  wait(): Promise<ChildStatus>
  /** Lets go of what `held` keeps: from then on `pid` may mean another process. */
  release(): void
  /** Reaps it after all: what failed to start is nobody else's. */
  claim(): void
  /** False: it has ended, be it reaped or not. */
  signal(number: number): boolean
  /** Calls `use` with a pidfd of it, which is good until that returns. Null if it is gone: the pidfd is closed with it. */
  withPidfd<T>(use: (pidfd: number) => T): T | null
}

/** What this thread follows, by pid. */
const followed = new Set<number>()

const UNKNOWN_STATUS: ChildStatus = { exitCode: null, signal: null, cpuTime: null }

export interface Followed {
  readonly pid: number
  /** Default "". */
  readonly startTime?: string
  readonly pidfd: number
  /** Its exit status is left to the parent that inherits it when this process ends. Default false: it is reaped. */
  readonly leave?: boolean
  /** Until `release`, it is not reaped and `pidfd` not closed, so that both mean this process and no other. Default false. */
  readonly held?: boolean
}

/** Takes over the pidfd, and closes it as soon as the process has ended. */
export function followChild({ pid, startTime = '', pidfd, leave = false, held = false }: Followed): Child {
  let release = (): void => {}
  const released = held ? new Promise<void>(resolve => (release = resolve)) : null
  let open = true
  let isLeft = leave
  followed.add(pid)
  const exited = (async () => {
    await watch(pidfd, READABLE, { keepAlive: false }).ready
    await released
    const own = reap(pidfd, { leave: isLeft })
    const status = typeof own === 'string' ? await foreignStatus({ pid, pidfd }) : own
    open = false
    if (own === 'running' && !isLeft) void reapTraced(pid, pidfd)
    else letGo(pid, pidfd)
    return status
  })()
  // Whoever waits for it hears of a failure; until somebody does it is no reason to end the program.
  exited.catch(() => {})
  // The kernel takes signals to a zombie, and says nothing.
  const isRunning = (): boolean => open && ['running', 'foreign'].includes(String(reap(pidfd, { leave: true })))
  return {
    ...{ pid, startTime, exited },
    wait: () => holdUntil(exited),
    release: () => release(),
    claim: () => {
      isLeft = false
    },
    signal: number => isRunning() && signalPidfd(pidfd, number),
    withPidfd: use => (open ? use(pidfd) : null),
  }
}

export interface Brother {
  readonly pid: number
  readonly leave: boolean
  /** It is not older than that, in clock ticks since boot. */
  readonly since: number
}

/**
 * Follows, and holds, what a child of ours has cloned as our child too. The number comes from the helper, and what is followed is signalled and
 * reaped: so null for any process that is not ours, that was there before, or that another launch has made at the same time.
 */
export function followBrother({ pid, leave, since }: Brother): Child | null {
  if (followed.has(pid)) return null
  const pidfd = openPidfd(pid)
  if (pidfd === null) return null
  // The pidfd is opened first: what is found then holds for it.
  const found = processStat(pid)
  if (found !== null && found.parent === ownPid() && Number(found.startTime) >= since) {
    return followChild({ pid, startTime: found.startTime, pidfd, leave, held: true })
  }
  closeFd(pidfd)
  return null
}

const LOST_MS = 1000

/**
 * Reaps what a helper has cloned that was killed before it told of it: a zombie of ours that nobody knows, and as long as it is there its
 * pid namespace does not end. `since`: as of `followBrother`. Another launch, which has not heard of its own yet, is left the time for that.
 * Children of this thread only: those of one that has ended native/sys/lost.c reaps, which knows no launches.
 */
export async function reapLost(since: number): Promise<void> {
  const isLost = (pid: number): boolean => {
    const stat = followed.has(pid) || processName(pid) !== HELPER ? null : processStat(pid)
    return stat !== null && stat.parent === ownPid() && Number(stat.startTime) >= since
  }
  const deadline = monotonicMs() + LOST_MS
  for (let lost = ownChildren().filter(isLost); lost.length > 0; lost = lost.filter(isLost)) {
    if (monotonicMs() > deadline) return
    await sleep(LOST_PAUSE_MS)
    for (const pid of lost.filter(isLost)) reapZombie(pid)
  }
}

/** Its name for itself (native/init/main.c). */
const HELPER = 'tsrun-init'
const LOST_PAUSE_MS = 2

function reapZombie(pid: number): void {
  const pidfd = openPidfd(pid)
  if (pidfd === null) return
  reap(pidfd)
  closeFd(pidfd)
}

/** How long the parent of a process that is not ours gets to reap it, before its status counts as unknown. */
const FOREIGN_REAP_MS = 1000

function letGo(pid: number, pidfd: number): void {
  followed.delete(pid)
  closeFd(pidfd)
}

const TRACED_PAUSE_MS = 100

/**
 * A child that has ended is its tracer's until that lets go of it or ends, and then a zombie of ours: as long as it is there its pid namespace
 * does not end, of which the tracer may be the first process.
 */
async function reapTraced(pid: number, pidfd: number): Promise<void> {
  while (reap(pidfd) === 'running') await sleepIdly(TRACED_PAUSE_MS)
  letGo(pid, pidfd)
}

async function foreignStatus({ pid, pidfd }: Pick<Followed, 'pid' | 'pidfd'>): Promise<ChildStatus> {
  const known = zombieExitStatus({ pid, pidfd }) ?? foreignExitStatus(pidfd)
  if (known !== null) return known
  const hangup = watch(pidfd, HANGUP, { keepAlive: false })
  await settlesWithin(hangup.ready, FOREIGN_REAP_MS)
  hangup.stop()
  return foreignExitStatus(pidfd) ?? UNKNOWN_STATUS
}
