/** Signals to the command: before there is a container they cancel, then the container gets them. */

import { constants } from 'node:os'
import { isTsrunError } from '../index.js'
import type { Log } from './log.js'

const ENDING: readonly NodeJS.Signals[] = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM']
/**
 * Not forwarded: what can't be caught; what the process does to itself (faults, SIGPIPE, SIGXFSZ, SIGPROF of V8's profiler, SIGCHLD, SIGURG
 * and SIGIO, which sockets send); SIGWINCH, which the terminal's size answers.
 */
const FORWARDED: readonly NodeJS.Signals[] = [
  ...ENDING,
  ...(['SIGUSR1', 'SIGUSR2', 'SIGALRM', 'SIGVTALRM', 'SIGCONT', 'SIGTSTP', 'SIGTTIN', 'SIGTTOU'] as const),
  ...(['SIGABRT', 'SIGSYS', 'SIGTRAP', 'SIGXCPU', 'SIGPWR', 'SIGSTKFLT'] as const),
]

export interface Signals {
  /** Aborted, with `Interrupted`, by a signal that would end the process, as long as there is nobody to give it to. */
  readonly cancel: AbortSignal
  /** From now on the container (or the process in it) gets what comes, and what has come; `log` hears of what could not be sent. */
  forwardTo(target: Target, log: Log): void
  /** The signals have their usual effect again. */
  release(): void
}

/** Signals that would end the process, for a command that has something to clean up. */
export const catchEnding = (): Signals => catchAll(ENDING)
/** All signals that mean the container, for a command that stands in for it. */
export const catchForwarded = (): Signals => catchAll(FORWARDED)

function catchAll(names: readonly NodeJS.Signals[]): Signals {
  const cancel = new AbortController()
  const early: NodeJS.Signals[] = []
  let receiver: Receiver | null = null
  const listener = (name: NodeJS.Signals): void => {
    if (receiver !== null) forward(receiver, name)
    else if (ENDING.includes(name)) cancel.abort(new Interrupted(name))
    else early.push(name)
  }
  for (const name of names) process.on(name, listener)
  return {
    cancel: cancel.signal,
    forwardTo: (target, log) => {
      receiver = { target, log }
      for (const name of early.splice(0)) forward(receiver, name)
    },
    release: () => {
      for (const name of names) process.off(name, listener)
    },
  }
}

/** What signals can be sent to. */
interface Target {
  kill(signal: string): Promise<unknown>
}

interface Receiver {
  readonly target: Target
  readonly log: Log
}

function forward({ target, log }: Receiver, name: string): void {
  target.kill(name).catch((error: Error) => {
    if (!isGone(error)) log.warning(`${name} could not be passed on: ${error.message}`)
  })
}

/** What has just ended does not need the signal any more. */
const isGone = (error: Error): boolean =>
  isTsrunError(error) && (error.code === 'ERR_STATE_STATUS' || error.code === 'ERR_STATE_NOT_FOUND')

/** The exit status that stands for how a process ended. @throws {Error} if that is not known */
export function exitStatusOf({ exitCode, signal }: { exitCode: number | null; signal: string | null }): number {
  if (exitCode !== null) return exitCode
  if (signal !== null) return statusOfSignal(signal)
  throw new Error('the exit status is not known: somebody else has taken it')
}

/** Ended by a signal before there was a container to give it to. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
  readonly status: number

  constructor(signal: string) {
    super(`interrupted by ${signal}`)
    this.status = statusOfSignal(signal)
  }
}

/** As shells tell it: 128 + its number. */
function statusOfSignal(name: string): number {
  const realTime = /^SIGRTMIN\+(\d+)$/.exec(name)?.[1]
  const number = realTime === undefined ? constants.signals[name as NodeJS.Signals] : 34 + Number(realTime)
  return 128 + (number ?? 0)
}
