/** How the kernel numbers policies and priorities (linux/sched.h, linux/ioprio.h, linux/mempolicy.h). */
import type { Report, Rule, Warn } from './issues.js'
import type { OciConfig, OciLinux, OciProcess, OciScheduler } from './oci-config.js'
import * as s from './shape.js'

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

const SCHEDULER_FLAGS = {
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
  /** -20 to 19; 0 if the document has none. */
  readonly nice: number
  /** 1 to 99 with SCHED_FIFO and SCHED_RR, else 0. */
  readonly priority: number
  /** Nanoseconds, 0 but with SCHED_DEADLINE. */
  readonly runtime: bigint
  readonly deadline: bigint
  /** 0: as the deadline. */
  readonly period: bigint
}

const IO_CLASSES = { IOPRIO_CLASS_RT: 1, IOPRIO_CLASS_BE: 2, IOPRIO_CLASS_IDLE: 3 } as const
export type IoClass = keyof typeof IO_CLASSES

/** What ioprio_set(2) takes: the class in the highest 3 bits of 16, and within it 0 (first) to 7 (last). */
function ioPriorityOf(className: IoClass, level: number): number {
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
function parseNumbers(text: string, most: number): number[] | null {
  const numbers = new Set<number>()
  if (text.trim() === '') return []
  for (const part of text.split(',')) {
    const [, first, last = first] = /^ *([0-9]{1,6}) *(?:- *([0-9]{1,6}) *)?$/.exec(part) ?? []
    if (first === undefined || Number(last) < Number(first) || Number(last) > most) return null
    for (let number = Number(first); number <= Number(last); number++) numbers.add(number)
  }
  return [...numbers].sort((a, b) => a - b)
}

/** CONFIG_NR_CPUS and MAX_NUMNODES are never larger. */
const LAST_CPU = 8191
const LAST_NODE = 1023
/** The kernel takes no smaller runtime than this (DL_SCALE). */
const SHORTEST_RUNTIME_NS = 1024

const namesOf = <T extends object>(table: T) => Object.keys(table) as (keyof T & string)[]
const numberList = (what: string, most: number) =>
  s.word(
    { test: text => parseNumbers(text, most) !== null },
    `a list of ${what} such as 0-3,7, none of them above ${most}`,
  )

const cpus = numberList('CPUs', LAST_CPU)

export const schedulingShapes = {
  scheduler: s.optional(
    s.object({
      policy: s.oneOf(namesOf(SCHEDULER_POLICIES)),
      nice: s.optional(s.integer(-20, 19)),
      priority: s.optional(s.int32),
      flags: s.optional(s.list(s.oneOf(namesOf(SCHEDULER_FLAGS)))),
      runtime: s.optional(s.uint64),
      deadline: s.optional(s.uint64),
      period: s.optional(s.uint64),
    }),
  ),
  ioPriority: s.optional(s.object({ class: s.oneOf(namesOf(IO_CLASSES)), priority: s.optional(s.integer(0, 7)) })),
  execCPUAffinity: s.optional(s.object({ initial: s.optional(cpus), final: s.optional(cpus) })),
}

export const memoryPolicyShape = s.object({
  mode: s.optional(s.oneOf(namesOf(MEMORY_POLICIES))),
  nodes: s.optional(numberList('nodes', LAST_NODE)),
  flags: s.optional(s.list(s.oneOf(namesOf(MEMORY_POLICY_FLAGS)))),
})

export const schedulerRules: readonly Rule[] = [
  {
    reads: ['/process/scheduler'],
    check({ process }, { report }) {
      const { scheduler } = process ?? {}
      if (scheduler === undefined) return
      // What is kept of the process need not be said, and what is said of it is not looked at.
      const keeps = (scheduler.flags ?? []).some(flag => flag.startsWith('SCHED_FLAG_KEEP_'))
      if (keeps) return
      checkPriority(scheduler, report)
      checkDeadline(scheduler, report)
    },
  },
]

const SCHEDULER = '/process/scheduler'

function checkPriority({ policy, priority = 0 }: OciScheduler, report: Report): void {
  const isRealtime = policy === 'SCHED_FIFO' || policy === 'SCHED_RR'
  const path = `${SCHEDULER}/priority`
  if (isRealtime && (priority < 1 || priority > 99)) {
    report({ path, expected: `an integer from 1 to 99 with ${policy}`, received: priority })
  }
  if (!isRealtime && Number(priority) !== 0) report({ path, expected: `0 with ${policy}`, received: priority })
}

function checkDeadline(scheduler: OciScheduler, report: Report): void {
  const { policy, runtime = 0, deadline = 0, period = 0 } = scheduler
  if (policy !== 'SCHED_DEADLINE') {
    for (const field of ['runtime', 'deadline', 'period'] as const) {
      const received = scheduler[field] ?? 0
      if (received > 0) report({ path: `${SCHEDULER}/${field}`, expected: `0 with ${policy}`, received })
    }
    return
  }
  if (runtime < SHORTEST_RUNTIME_NS) {
    const expected = `at least ${SHORTEST_RUNTIME_NS} nanoseconds with SCHED_DEADLINE`
    report({ path: `${SCHEDULER}/runtime`, expected, received: scheduler.runtime })
  }
  if (deadline < runtime || deadline === 0) {
    const expected = 'at least the runtime with SCHED_DEADLINE'
    report({ path: `${SCHEDULER}/deadline`, expected, received: scheduler.deadline })
  }
  if (period > 0 && period < deadline) {
    report({ path: `${SCHEDULER}/period`, expected: 'at least the deadline, or 0', received: period })
  }
}

const MEMORY = '/linux/memoryPolicy'
const WITHOUT_NODES: readonly string[] = ['MPOL_DEFAULT', 'MPOL_LOCAL']

export const memoryPolicyRules: readonly Rule[] = [
  { reads: [MEMORY], check: (config, { report }) => checkMemoryPolicy(config, report) },
]

/** What set_mempolicy(2) would answer with EINVAL, but for what depends on the machine. */
function checkMemoryPolicy({ linux = {} }: OciConfig, report: Report): void {
  const { mode = '', nodes = '', flags = [] } = linux.memoryPolicy ?? {}
  const isEmpty = nodes.trim() === ''
  if (mode === '' && (!isEmpty || flags.length > 0)) {
    report({ path: `${MEMORY}/mode`, expected: 'given with nodes or flags', received: undefined })
    return
  }
  const has = (flag: MemoryPolicyFlag): boolean => flags.includes(flag)
  if (WITHOUT_NODES.includes(mode) && !isEmpty) {
    report({ path: `${MEMORY}/nodes`, expected: `empty with ${mode}`, received: nodes })
  } else if (!WITHOUT_NODES.includes(mode) && mode !== '' && mode !== 'MPOL_PREFERRED' && isEmpty) {
    report({ path: `${MEMORY}/nodes`, expected: `at least one node with ${mode}`, received: linux.memoryPolicy?.nodes })
  } else if (isEmpty && flags.length > 0) {
    report({ path: `${MEMORY}/flags`, expected: 'empty without nodes', received: flags })
  }
  if (has('MPOL_F_RELATIVE_NODES') && has('MPOL_F_STATIC_NODES')) {
    report({ path: `${MEMORY}/flags`, expected: 'one of relative and static nodes', received: flags })
  }
  if (has('MPOL_F_NUMA_BALANCING') && !['MPOL_BIND', 'MPOL_PREFERRED_MANY'].includes(mode)) {
    const expected = 'without MPOL_F_NUMA_BALANCING but with MPOL_BIND and MPOL_PREFERRED_MANY'
    report({ path: `${MEMORY}/flags`, expected, received: flags })
  }
}

/** The part of `Process` that is made here. */
interface Scheduling {
  readonly scheduler: Scheduler | null
  readonly ioPriority: number | null
  readonly execAffinity: ExecAffinity
}

export function normaliseScheduling(
  { scheduler, ioPriority, execCPUAffinity = {} }: OciProcess,
  base: string,
  warn: Warn,
): Scheduling {
  if (scheduler !== undefined) warnOfNice(scheduler, base, warn)
  const listed = (text: string | undefined): number[] | null => {
    const numbers = parseNumbers(text ?? '', LAST_CPU) ?? []
    return numbers.length === 0 ? null : numbers
  }
  return {
    scheduler: scheduler === undefined ? null : normaliseScheduler(scheduler),
    ioPriority:
      ioPriority === undefined ? null : ioPriorityOf(ioPriority.class as IoClass, Number(ioPriority.priority ?? 0)),
    execAffinity: { initial: listed(execCPUAffinity.initial), final: listed(execCPUAffinity.final) },
  }
}

/** The kernel does not look at it then, and others write it by habit. */
function warnOfNice({ policy, nice = 0, flags = [] }: OciScheduler, base: string, warn: Warn): void {
  const isLookedAt = policy === 'SCHED_OTHER' || policy === 'SCHED_BATCH' || flags.includes('SCHED_FLAG_KEEP_POLICY')
  if (Number(nice) !== 0 && !isLookedAt) warn(`${base}/scheduler/nice`, `without effect: ${policy} has no nice value`)
}

function normaliseScheduler(scheduler: OciScheduler): Scheduler {
  const { policy, flags = [], nice = 0, priority = 0, runtime = 0, deadline = 0, period = 0 } = scheduler
  return {
    policy: policy as SchedulerPolicy,
    flags: flags.reduce((mask, flag) => mask | SCHEDULER_FLAGS[flag as SchedulerFlag], 0),
    nice: Number(nice),
    priority: Number(priority),
    runtime: BigInt(runtime),
    deadline: BigInt(deadline),
    period: BigInt(period),
  }
}

/** Without a mode there is nothing to set, as runc has it; the specification wants one. */
export function normaliseMemoryPolicy({ memoryPolicy }: OciLinux, warn: Warn): MemoryPolicy | null {
  if (memoryPolicy === undefined) return null
  if (memoryPolicy.mode === undefined) {
    warn(`${MEMORY}/mode`, 'there is none: no memory policy is set')
    return null
  }
  const { mode, nodes = '', flags = [] } = memoryPolicy
  const number = flags.reduce(
    (mask, flag) => mask | MEMORY_POLICY_FLAGS[flag as MemoryPolicyFlag],
    MEMORY_POLICIES[mode as MemoryPolicyMode] as number,
  )
  return { mode: number, nodes: parseNumbers(nodes, LAST_NODE) ?? [] }
}
