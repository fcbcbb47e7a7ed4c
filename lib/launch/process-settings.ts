/** What the kernel lets us set from outside, by pid, while the helper waits at a barrier. */

import type { Config, TimeOffset } from '../config/config.js'
import type { ConfigIssue } from '../errors.js'
import { type Attempt, attempt } from '../host/attempt.js'
import { setRlimit, writeProcFile } from '../sys/processes.js'

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
export function applyProcessLimits(pid: number, config: Config): void {
  applyRlimits(pid, config)
  applyOomScore(pid, config)
}
