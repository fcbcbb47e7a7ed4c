/** run: from a bundle, or from a container and a program, to a result in one call. */
import { isTsrunError } from './errors.js'
import type { Streams } from './launch/stdio.js'
import { type Collected, collect } from './operations/collect.js'
import type { CollectOptions, CollectSettings, Encoding } from './operations/collect-options.js'
import type { CreateOptions } from './operations/create-options.js'
import type { Endable } from './operations/early-end.js'
import type { ExecOptions } from './operations/exec.js'
import type { ExitResult } from './operations/exit-result.js'

export type RunOptions<E extends Encoding = 'utf8'> = Omit<CreateOptions, 'id' | 'signal'> &
  CollectOptions<E> & {
    /** Default: a fresh one. */
    readonly id?: string
  }

export type ExecRunOptions<E extends Encoding = 'utf8'> = Omit<ExecOptions, 'signal'> & CollectOptions<E>

export interface RunResult<E extends Encoding = 'utf8'> extends ExitResult, Collected<E> {}

const SIGKILL = 9

/** What of a container's handle is needed. */
interface Runnable extends Streams, AsyncDisposable {
  readonly exited: Promise<ExitResult>
  start(options: { readonly signal: AbortSignal }): Promise<void>
  kill(signal: number): Promise<void>
  delete(options: { readonly force: boolean }): Promise<void>
}

/** A container, as something that can be ended. */
export function endableContainer(container: Pick<Runnable, 'exited' | 'kill' | 'delete'>): Endable<ExitResult> {
  const signal = async (number: number): Promise<boolean> => {
    try {
      await container.kill(number)
      return true
    } catch (error) {
      if (isTsrunError(error) && ['ERR_STATE_STATUS', 'ERR_STATE_NOT_FOUND'].includes(error.code)) return false
      throw error
    }
  }
  const kill = async (): Promise<boolean> => {
    try {
      return await signal(SIGKILL)
    } catch {
      // To delete it kills it in every way that there is, and throws if it can't.
      await container.delete({ force: true })
      return true
    }
  }
  return { exited: () => container.exited, signal, kill }
}

interface ContainerRun {
  readonly container: Runnable
  readonly settings: CollectSettings
  /** Hears of what could not be cleared away after a failure. */
  readonly log: (message: string) => void
}

/** Starts a created container, feeds it, waits for it and deletes it. */
export async function runContainer({ container, settings, log }: ContainerRun): Promise<RunResult<Encoding>> {
  const subject = {
    ...endableContainer(container),
    streams: container,
    begin: (signal: AbortSignal) => container.start({ signal }),
    // Processes that outlived the init may hold the pipes: they go first.
    clear: () => container.delete({ force: true }),
  }
  const discard = async (): Promise<void> => {
    await container[Symbol.asyncDispose]()
  }
  try {
    const result = await collect(subject, settings)
    await discard()
    settings.signal?.throwIfAborted()
    return result
  } catch (error) {
    await discard().catch((left: unknown) => log(`clean-up after a failed run: ${String(left)}`))
    settings.signal?.throwIfAborted()
    throw error
  }
}

/** What of the handle of a process is needed. */
interface Executed extends Streams, AsyncDisposable {
  readonly exited: Promise<ExitResult>
  kill(signal: number): Promise<boolean>
}

/** A process that was exec'd, as something that can be ended. */
export const endableProcess = (process: Pick<Executed, 'exited' | 'kill'>): Endable<ExitResult> => ({
  exited: () => process.exited,
  signal: number => process.kill(number),
  kill: () => process.kill(SIGKILL),
})

/** Feeds a process that was exec'd and waits for it. */
export async function runProcess(process: Executed, settings: CollectSettings): Promise<RunResult<Encoding>> {
  const nothing = async (): Promise<void> => {}
  try {
    return await collect({ ...endableProcess(process), streams: process, begin: nothing, clear: nothing }, settings)
  } catch (error) {
    await process[Symbol.asyncDispose]()
    throw error
  }
}
