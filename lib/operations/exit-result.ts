/** How a process ended: a container's first one, or one that was exec'd. */
import type { CpuTime } from '../sys/processes.js'

export type { CpuTime }

export interface ExitResult {
  /** null if a signal ended it, or if the status is not known (it was not our child, its parent has taken it, and the kernel is older than 6.15). */
  readonly exitCode: number | null
  /** The signal's name, such as `SIGKILL`, or null. */
  readonly signal: string | null
  /**
   * Of a container: the kernel has killed a process of it for its memory limit. Of an exec: it did so while the process ran, and the
   * process failed; the kernel counts by container, so it may have been another process that was killed.
   */
  readonly oomKilled: boolean
  readonly usage: Usage
}

/** A part is null if the kernel does not count it. */
export interface Usage {
  /** Milliseconds from the start of the program to its end; null of a container that another handle has started. */
  readonly wallTime: number | null
  /**
   * Of a container, what its cgroup has counted; without a cgroup, or if that is gone, that of its first process. Of an exec, that of the
   * process. That of a process includes all that it has waited for; it is not known of a process that is not our child.
   */
  readonly cpuTime: CpuTime | null
  /**
   * Bytes: the most that the container's cgroup has held, page cache included (version 2: Linux 5.19). null of an exec, whose
   * memory is counted with the container's, and of a scope that systemd has removed before it could be read.
   */
  readonly peakMemory: number | null
}
