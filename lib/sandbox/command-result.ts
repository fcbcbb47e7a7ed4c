/** How a command in a sandbox ended, and by what. */
import type { RunResult } from '../index.js'
import type { Denial } from '../network/index.js'

/**
 * `ok`: it ended with 0; `exit`: with another status; `signal`: by a signal that is none of ours; `timeout`, `memory`, `output`: at that limit.
 */
export type Verdict = 'ok' | 'exit' | 'signal' | 'timeout' | 'memory' | 'output'

export interface CommandUsage {
  readonly wallMs: number | null
  /** Of the command and of all that it has waited for. */
  readonly cpuMs: number | null
  /** Bytes: the most that all of the sandbox has held so far; null if it has no cgroup. */
  readonly peakMemory: number | null
}

export interface CommandResult {
  readonly verdict: Verdict
  /** null if a signal has ended it. */
  readonly exitCode: number | null
  /** Such as `SIGKILL`, or null. */
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
  readonly timedOut: boolean
  /** There was more output than the limit. */
  readonly truncated: boolean
  /** The kernel has killed a process of the sandbox for its memory limit while the command ran. */
  readonly oomKilled: boolean
  /** What a gateway of the sandbox's own has refused for the first time while the command ran. */
  readonly denials: readonly Denial[]
  readonly usage: CommandUsage
}

interface Ending {
  readonly result: RunResult
  /** The sandbox itself has come to its time-out. */
  readonly hasExpired: boolean
  /** So that SIGXCPU, or the status of a shell that says so, is that limit. */
  readonly hasCpuLimit: boolean
  readonly peakMemory: number | null
  readonly denials: readonly Denial[]
}

const OF_SIGXCPU = 128 + 24

export function resultOfCommand({ result, hasExpired, hasCpuLimit, peakMemory, denials }: Ending): CommandResult {
  const { exitCode, signal, stdout, stderr, oomKilled, outputTruncated: truncated, usage } = result
  const isCpu = hasCpuLimit && (signal === 'SIGXCPU' || exitCode === OF_SIGXCPU)
  const timedOut = result.timedOut || isCpu || (hasExpired && signal === 'SIGKILL')
  return {
    verdict: verdictOf({ ...{ exitCode, timedOut, truncated, oomKilled } }),
    ...{ exitCode, signal, stdout, stderr, timedOut, truncated, oomKilled, denials },
    usage: { wallMs: usage.wallTime, cpuMs: usage.cpuTime?.total ?? null, peakMemory },
  }
}

function verdictOf({
  exitCode,
  timedOut,
  truncated,
  oomKilled,
}: Omit<CommandResult, 'verdict' | 'usage' | 'denials' | 'signal' | 'stdout' | 'stderr'>): Verdict {
  if (timedOut) return 'timeout'
  if (truncated) return 'output'
  if (oomKilled) return 'memory'
  if (exitCode === null) return 'signal'
  return exitCode === 0 ? 'ok' : 'exit'
}
