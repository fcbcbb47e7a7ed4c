/** How the kernel numbers policies and priorities (linux/sched.h, linux/ioprio.h, linux/mempolicy.h). */

export const SCHEDULER_POLICIES = {
  SCHED_OTHER: 0,
  SCHED_FIFO: 1,
  SCHED_RR: 2,
  SCHED_BATCH: 3,
  SCHED_ISO: 4,
  SCHED_IDLE: 5,
  SCHED_DEADLINE: 6,
} as const
export type SchedulerPolicy = keyof typeof SCHEDULER_POLICIES

export const SCHEDULER_FLAGS = {
  SCHED_FLAG_RESET_ON_FORK: 0x1,
  SCHED_FLAG_RECLAIM: 0x2,
  SCHED_FLAG_DL_OVERRUN: 0x4,
  SCHED_FLAG_KEEP_POLICY: 0x8,
  SCHED_FLAG_KEEP_PARAMS: 0x10,
  SCHED_FLAG_UTIL_CLAMP_MIN: 0x20,
  SCHED_FLAG_UTIL_CLAMP_MAX: 0x40,
} as const
export type SchedulerFlag = keyof typeof SCHEDULER_FLAGS

/** What sched_setattr(2) takes. */
export interface Scheduler {
  readonly policy: SchedulerPolicy
  /** SCHED_FLAG_*. */
  readonly flags: number
  /** -20 to 19; 0 where the document has none. */
  readonly nice: number
  /** 1 to 99 with SCHED_FIFO and SCHED_RR, else 0. */
  readonly priority: number
  /** Nanoseconds, 0 but with SCHED_DEADLINE. */
  readonly runtime: bigint
  readonly deadline: bigint
  /** 0: as the deadline. */
  readonly period: bigint
}

export const IO_CLASSES = { IOPRIO_CLASS_RT: 1, IOPRIO_CLASS_BE: 2, IOPRIO_CLASS_IDLE: 3 } as const
export type IoClass = keyof typeof IO_CLASSES

/** What ioprio_set(2) takes: the class in the highest 3 bits of 16, and within it 0 (first) to 7 (last). */
export function ioPriorityOf(className: IoClass, level: number): number {
  return IO_CLASSES[className] * 0x2000 + level
}

export const MEMORY_POLICIES = {
  MPOL_DEFAULT: 0,
  MPOL_PREFERRED: 1,
  MPOL_BIND: 2,
  MPOL_INTERLEAVE: 3,
  MPOL_LOCAL: 4,
  MPOL_PREFERRED_MANY: 5,
  MPOL_WEIGHTED_INTERLEAVE: 6,
} as const
export type MemoryPolicyMode = keyof typeof MEMORY_POLICIES

export const MEMORY_POLICY_FLAGS = {
  MPOL_F_NUMA_BALANCING: 0x2000,
  MPOL_F_RELATIVE_NODES: 0x4000,
  MPOL_F_STATIC_NODES: 0x8000,
} as const
export type MemoryPolicyFlag = keyof typeof MEMORY_POLICY_FLAGS

/** What set_mempolicy(2) takes. */
export interface MemoryPolicy {
  /** MPOL_* with MPOL_F_*. */
  readonly mode: number
  /** In ascending order. */
  readonly nodes: readonly number[]
}

/** CPUs of an exec, as numbers in ascending order; null: leave the affinity alone. */
export interface ExecAffinity {
  /** Before it joins the container's cgroup. */
  readonly initial: readonly number[] | null
  /** After that. */
  readonly final: readonly number[] | null
}

/**
 * The numbers of a list such as `0-3,7` in ascending order, each once; [] for an empty list; null for what is none, or has
 * a number above `most`.
 */
export function parseNumbers(text: string, most: number): number[] | null {
  const numbers = new Set<number>()
  if (text.trim() === '') return []
  for (const part of text.split(',')) {
    const [, first, last = first] = /^ *([0-9]{1,6}) *(?:- *([0-9]{1,6}) *)?$/.exec(part) ?? []
    if (first === undefined || Number(last) < Number(first) || Number(last) > most) return null
    for (let number = Number(first); number <= Number(last); number++) numbers.add(number)
  }
  return [...numbers].sort((a, b) => a - b)
}
