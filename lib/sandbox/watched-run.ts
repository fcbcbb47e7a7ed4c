/** A command that is run to its end, with an eye on the processor time of all that it has started. */
import type { Container, CpuTime, Input, OciProcess, RunResult } from '../index.js'
import { monotonicMs } from '../sys/self.js'
import { textInTurns } from '../sys/text-turns.js'
import { after, type Timer } from '../sys/timer.js'

export interface WatchedRun {
  readonly container: Container
  readonly process: OciProcess
  readonly onStdout: ((text: string) => void) | undefined
  readonly onStderr: ((text: string) => void) | undefined
  /** Milliseconds of processor time of the whole sandbox while it runs; Infinity: no limit, or there is no cgroup that counts. */
  readonly cpuMs: number
  readonly signal: AbortSignal | undefined
  readonly options: {
    readonly input?: Input
    readonly timeout?: number
    readonly outputLimit?: number | string
    readonly grace?: number
  }
}

export interface WatchedResult {
  readonly result: RunResult
  /** It was ended for its processor time. */
  readonly isCpuEnd: boolean
}

export async function runWatched(run: WatchedRun): Promise<WatchedResult> {
  const { container, process, options, signal } = run
  const told = { stdout: textOf(run.onStdout), stderr: textOf(run.onStderr) }
  const meter = Number.isFinite(run.cpuMs) ? await startMeter(container, run.cpuMs, signal) : null
  const ending = meter?.signal ?? signal
  const began = monotonicMs()
  try {
    const result = await container.run({
      ...options,
      process,
      onOutput: (chunk, stream) => {
        told[stream].write(chunk)
        meter?.keep(chunk, stream)
      },
      ...(ending !== undefined && { signal: ending }),
    })
    return { result, isCpuEnd: false }
  } catch (error) {
    if (meter === null || error !== USED_UP) throw error
    const usage = { wallTime: monotonicMs() - began, cpuTime: await meter.used() }
    const end = { exitCode: null, signal: 'SIGKILL', oomKilled: false, timedOut: true, outputTruncated: false } as const
    return { result: { ...end, ...(await meter.output()), usage: { ...usage, peakMemory: null } }, isCpuEnd: true }
  } finally {
    for (const text of [told.stdout, told.stderr]) text.end()
    meter?.stop()
  }
}

/** The reason of the signal that ends it. */
const USED_UP = Symbol('processor time')

interface Meter {
  /** Of the caller, and of the limit. */
  readonly signal: AbortSignal
  used(): Promise<CpuTime>
  keep(chunk: Buffer, stream: 'stdout' | 'stderr'): void
  output(): Promise<{ readonly stdout: string; readonly stderr: string }>
  stop(): void
}

const SHORTEST_MS = 20

const timeOf = async (container: Container): Promise<CpuTime> =>
  (await container.usage()).cpuTime ?? { total: 0, user: 0, kernel: 0 }

/** Looks again when the limit may be reached at the earliest, if all processors were busy with it. */
async function startMeter(container: Container, cpuMs: number, signal: AbortSignal | undefined): Promise<Meter> {
  const before = await timeOf(container)
  const end = new AbortController()
  const used = async (): Promise<CpuTime> => {
    const { total, user, kernel } = await timeOf(container)
    return { total: total - before.total, user: user - before.user, kernel: kernel - before.kernel }
  }
  const abort = (): void => end.abort(signal?.reason)
  signal?.addEventListener('abort', abort, { once: true })
  if (signal?.aborted) abort()
  const kept: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] }
  let timer: Timer | null = null
  let isOver = false
  const look = async (): Promise<void> => {
    const left = cpuMs - (await used()).total
    if (left <= 0) end.abort(USED_UP)
    else arm(left)
  }
  const arm = (left: number): void => {
    // A sandbox that is gone ends what runs in it.
    if (!isOver) timer = after(Math.max(SHORTEST_MS, left / PROCESSORS), () => void look().catch(() => {}))
  }
  arm(cpuMs)
  return {
    ...{ signal: end.signal, used },
    keep: (chunk, stream) => kept[stream].push(chunk),
    output: async () => ({ stdout: await textInTurns(kept.stdout), stderr: await textInTurns(kept.stderr) }),
    stop: () => {
      isOver = true
      timer?.stop()
      signal?.removeEventListener('abort', abort)
    },
  }
}

/** As many as it takes to look often enough on most machines; the limit is met some milliseconds late on others. */
const PROCESSORS = 8

/** A character may come in two chunks. */
function textOf(told: ((text: string) => void) | undefined): { write(chunk: Uint8Array): void; end(): void } {
  const text = new TextDecoder()
  const tell = (part: string): void => {
    if (part !== '') told?.(part)
  }
  return { write: chunk => tell(text.decode(chunk, { stream: true })), end: () => tell(text.decode()) }
}
