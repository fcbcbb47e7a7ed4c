/** What the kernel lets us set from outside, by pid, while the helper waits at a barrier. */
import { type ConfigIssue, LaunchError, type SystemError } from '../errors.js'
import type { Config, TimeOffset } from '../spec/config.js'
import { errnoMessage, isErrno } from '../sys/errno.js'
import { setRlimit, writeProcFile } from '../sys/process.js'

interface Setting {
  readonly pid: number
  readonly file: string
  readonly text: string
  readonly origin: ConfigIssue['path']
  readonly advice?: Attempt['advice']
}

/** @throws {LaunchError} ERR_LAUNCH_OP naming the config field */
export function writeSetting({ pid, file, text, origin, advice }: Setting): void {
  attempt({ origin, what: `/proc/${pid}/${file}`, phase: 'SPAWN', ...(advice && { advice }) }, () =>
    writeProcFile(pid, file, text),
  )
}

interface Attempt {
  readonly origin: string
  readonly what: string
  readonly phase: string
  /** What a user can do about it; "" where there is nothing to say. */
  readonly advice?: (errno: string, cause: SystemError) => string
}

/** @throws {LaunchError} ERR_LAUNCH_OP naming `origin`, where the system call of `act` fails */
export function attempt<T>(attempted: Attempt, act: () => T): T {
  try {
    return act()
  } catch (cause) {
    if (!isErrno(cause)) throw cause
    throw refusal(attempted, cause)
  }
}

/** The same for what takes its time. */
export async function attemptLater<T>(attempted: Attempt, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (cause) {
    if (!isErrno(cause)) throw cause
    throw refusal(attempted, cause)
  }
}

export function refusal({ origin, what, phase, advice = () => '' }: Attempt, cause: SystemError): LaunchError {
  const { syscall, errno } = cause
  const hint = advice(errno, cause)
  const message = `${origin}: ${syscall} ${what}: ${errno}: ${errnoMessage(errno)}${hint === '' ? '' : ` (${hint})`}`
  return new LaunchError(
    'ERR_LAUNCH_OP',
    message,
    { configPath: origin, op: '', phase, syscall, errno, signal: null },
    { cause },
  )
}

/** The `map` barrier: offsets of a new time namespace. */
export function writeTimeOffsets(pid: number, { linux }: Config): void {
  const text = offsetText(linux.timeOffsets)
  if (text !== '') writeSetting({ pid, file: 'timens_offsets', text, origin: '/linux/timeOffsets' })
}

function offsetText({ monotonic, boottime }: { monotonic: TimeOffset | null; boottime: TimeOffset | null }): string {
  const line = (clock: string, offset: TimeOffset | null): string =>
    offset === null ? '' : `${clock} ${offset.secs} ${offset.nanosecs}\n`
  return line('monotonic', monotonic) + line('boottime', boottime)
}

/** Resource limits, best at the `created` barrier: earlier they may be in the helper's own way. */
export function applyRlimits(pid: number, { process }: Config): void {
  for (const { resource, soft, hard, origin, type } of process?.rlimits ?? []) {
    attempt({ origin, what: type, phase: 'EXEC' }, () => setRlimit({ pid, resource, soft, hard }))
  }
}

export function applyOomScore(pid: number, { process }: Config): void {
  const score = process?.oomScoreAdj ?? null
  if (score === null) return
  const advice = (errno: string): string => (errno === 'EACCES' ? 'without CAP_SYS_RESOURCE it can only be raised' : '')
  writeSetting({ pid, file: 'oom_score_adj', text: String(score), origin: '/process/oomScoreAdj', advice })
}

/** Both, at the `created` barrier. */
export function applyLimits(pid: number, config: Config): void {
  applyRlimits(pid, config)
  applyOomScore(pid, config)
}
