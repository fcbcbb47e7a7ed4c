import type { MemoryPolicy, Process } from '../config.js'
import type { OciConfig, OciLinux, OciProcess, OciScheduler } from '../oci-config.js'
import type { Report, Rule, Warn } from '../rule.js'
import {
  IO_CLASSES,
  type IoClass,
  ioPriorityOf,
  MEMORY_POLICIES,
  MEMORY_POLICY_FLAGS,
  type MemoryPolicyFlag,
  type MemoryPolicyMode,
  parseNumbers,
  SCHEDULER_FLAGS,
  SCHEDULER_POLICIES,
  type SchedulerFlag,
  type SchedulerPolicy,
} from '../scheduling.js'
import * as s from '../shape.js'

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
  mode: s.oneOf(namesOf(MEMORY_POLICIES)),
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

type Scheduling = Pick<Process, 'scheduler' | 'ioPriority' | 'execAffinity'>

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

function normaliseScheduler(scheduler: OciScheduler): NonNullable<Process['scheduler']> {
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

export function normaliseMemoryPolicy({ memoryPolicy }: OciLinux): MemoryPolicy | null {
  if (memoryPolicy === undefined) return null
  const { mode, nodes = '', flags = [] } = memoryPolicy
  const number = flags.reduce(
    (mask, flag) => mask | MEMORY_POLICY_FLAGS[flag as MemoryPolicyFlag],
    MEMORY_POLICIES[mode as MemoryPolicyMode] as number,
  )
  return { mode: number, nodes: parseNumbers(nodes, LAST_NODE) ?? [] }
}
