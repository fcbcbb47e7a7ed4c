/** What ends a program before it has ended by itself: a time-out, too much output, an abort. */
import { readDuration } from '../config/option.js'
import { after, settlesWithin } from '../sys/timer.js'
import type { CollectSettings } from './collect-options.js'
import { parseSignal } from './kill.js'

export interface Ended {
  readonly signal: string | null
}

/** What can be ended. */
export interface Endable<Result extends Ended = Ended> {
  /** How it has ended. */
  exited(): Promise<Result>
  /** To the program alone. False: it had ended already. */
  signal(number: number): Promise<boolean>
  /** Ends it, with all that belongs to it. False: it had ended already. */
  kill(): Promise<boolean>
}

export interface StopOptions {
  /** What it is asked with. Default SIGTERM. */
  readonly signal?: string | number
  /** Milliseconds that it has after that, before SIGKILL. Default 10 000; Infinity: it is never killed. */
  readonly grace?: number
}

const DEFAULT_GRACE = 10_000

/** Resolves when it has ended. @throws {ConfigError} naming the option */
export async function endGently(target: Endable, options: StopOptions): Promise<void> {
  const grace = readDuration({ option: 'grace', value: options.grace, otherwise: DEFAULT_GRACE, zero: true })
  const asked = await target.signal(parseSignal(options.signal ?? 'SIGTERM'))
  if (asked && !(await settlesWithin(target.exited(), grace))) await target.kill()
  await target.exited()
}

export interface Ending {
  /** Aborted when the program has been killed: what would go on without it ends too. */
  readonly cancel: AbortSignal
  /** Rejects if it can't be ended, since nobody else would stop waiting for it, and with what `fail` gets. */
  readonly failure: Promise<never>
  readonly fail: (error: unknown) => void
  /** From now on a signal reaches the program and not what makes it. */
  begun(): void
  exceeded(): void
  /** Whether a signal has reached it: what fails after that fails for it. Resolves when it has been sent. */
  hasReached(): Promise<boolean>
  reasons(result: Ended): { readonly timedOut: boolean; readonly outputTruncated: boolean }
  stop(): void
}

export function watchEnding(target: Endable, { timeout, grace, killSignal, signal }: CollectSettings): Ending {
  const cancel = new AbortController()
  const progress = { isTimeout: false, hasBegun: false, isTruncated: false, gently: false, killed: false }
  let sending: Promise<void> | null = null
  let fail: (error: unknown) => void = () => {}
  const failure = new Promise<never>((_, reject) => {
    fail = reject
  })
  // It is looked at in races only, which may be over already.
  failure.catch(() => {})

  const send = async (): Promise<void> => {
    if (progress.hasBegun && grace > 0) {
      progress.gently = await target.signal(killSignal)
      if (!progress.gently || (await settlesWithin(target.exited(), grace))) return
    }
    progress.killed = await target.kill()
    cancel.abort()
  }
  const end = ({ isTimeout = false } = {}): void => {
    if (sending !== null) return
    progress.isTimeout = isTimeout
    sending = send()
    sending.catch(fail)
  }
  const abort = (): void => end()
  const timer = after(timeout, () => end({ isTimeout: true }))
  signal?.addEventListener('abort', abort, { once: true })
  if (signal?.aborted) abort()
  return {
    ...{ cancel: cancel.signal, failure, fail },
    begun: () => {
      progress.hasBegun = true
    },
    exceeded: () => {
      progress.isTruncated = true
      end()
    },
    hasReached: async () => {
      await sending
      return progress.gently || progress.killed
    },
    // A program may end between the look whether it lives and SIGKILL, which tells by what it ended.
    reasons: result => ({
      timedOut: progress.isTimeout && (progress.gently || (progress.killed && result.signal === 'SIGKILL')),
      outputTruncated: progress.isTruncated,
    }),
    stop: () => {
      timer.stop()
      signal?.removeEventListener('abort', abort)
    },
  }
}
