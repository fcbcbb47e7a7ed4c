/** How a command in a sandbox ended, and by what. */
import type { RunResult } from '../index.js'
import type { Denial } from '../network/index.js'

/**
 * `ok`: it ended with 0; `exit`: with another status; `signal`: by a signal that is none of ours; `timeout`, `memory`, `output`: at that limit;
 * `denied`: with another status, after the network had refused it something.
 */
export type Verdict = 'ok' | 'exit' | 'signal' | 'timeout' | 'memory' | 'output' | 'denied'

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
  /** What the gateway has refused the sandbox while the command ran, with how often it has done so by now. */
  readonly denials: readonly Denial[]
  readonly usage: CommandUsage
}

interface Ending {
  readonly result: RunResult
  /** The sandbox itself has come to its time-out. */
  readonly hasExpired: boolean
  /** Milliseconds of processor time: SIGXCPU, or the status of a shell that says so, is that limit if they are used up. Infinity: none. */
  readonly cpuMs: number
  /** All of its processes have used that up, and have been ended for it. */
  readonly isCpuEnd: boolean
  readonly peakMemory: number | null
  readonly denials: readonly Denial[]
}

const OF_SIGXCPU = 128 + 24
/** The kernel counts by ticks when it looks at a limit, and exactly when it tells. */
const COUNTED = 0.5

const isXcpu = ({ exitCode, signal }: Pick<CommandResult, 'exitCode' | 'signal'>): boolean =>
  signal === 'SIGXCPU' || exitCode === OF_SIGXCPU

export function resultOfCommand({ result, hasExpired, cpuMs, isCpuEnd, peakMemory, denials }: Ending): CommandResult {
  const { exitCode, signal, stdout, stderr, oomKilled, outputTruncated: truncated, usage } = result
  const isCpu = isCpuEnd || (isXcpu({ exitCode, signal }) && (usage.cpuTime?.total ?? 0) >= cpuMs * COUNTED)
  const timedOut = result.timedOut || isCpu || (hasExpired && signal === 'SIGKILL')
  return {
    verdict: verdictOf({ ...{ exitCode, timedOut, truncated, oomKilled, denials } }),
    ...{ exitCode, signal, stdout, stderr, timedOut, truncated, oomKilled, denials },
    usage: { wallMs: usage.wallTime, cpuMs: usage.cpuTime?.total ?? null, peakMemory },
  }
}

type Facts = Pick<CommandResult, 'exitCode' | 'timedOut' | 'truncated' | 'oomKilled' | 'denials'>

function verdictOf({ exitCode, timedOut, truncated, oomKilled, denials }: Facts): Verdict {
  if (timedOut) return 'timeout'
  if (truncated) return 'output'
  if (oomKilled) return 'memory'
  if (exitCode === null) return 'signal'
  if (exitCode === 0) return 'ok'
  return denials.length > 0 ? 'denied' : 'exit'
}
