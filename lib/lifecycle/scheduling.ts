/** How the container's process is run: CPU and I/O priorities, set by its pid while it waits. */
import type { Config, Process, Scheduler } from '../spec/config.js'
import { SCHEDULER_POLICIES } from '../spec/scheduling.js'
import { setAffinity, setIoPriority, setScheduler } from '../sys/scheduling.js'
import { attempt } from './outside.js'

/**
 * The kernel takes SCHED_DEADLINE from nobody who may not run on all CPUs, and lets the CPUs be taken away afterwards:
 * so the cpuset comes after the scheduler.
 */
export function needsAllCpus({ process }: Config): boolean {
  return process?.scheduler?.policy === 'SCHED_DEADLINE'
}

/** The `created` barrier. @throws {LaunchError} ERR_LAUNCH_OP naming /process/scheduler or /process/ioPriority */
export function applyScheduling(pid: number, { process }: Config): void {
  const { scheduler = null, ioPriority = null } = process ?? {}
  if (ioPriority !== null) {
    const origin = '/process/ioPriority'
    attempt({ origin, what: `0x${ioPriority.toString(16)}`, phase: 'EXEC', advice: ioAdvice }, () =>
      setIoPriority(pid, ioPriority),
    )
  }
  if (scheduler === null) return
  const advice = (errno: string): string => schedulerAdvice(scheduler, errno)
  attempt({ origin: '/process/scheduler', what: scheduler.policy, phase: 'EXEC', advice }, () =>
    setScheduler(pid, { ...scheduler, policy: SCHEDULER_POLICIES[scheduler.policy] }),
  )
}

/**
 * The CPUs of a process that joins a container by exec: `initial` before it is in the container's cgroup, `final` after.
 * Unset: they are left alone. It is not for the container's first process.
 * @throws {LaunchError} ERR_LAUNCH_OP naming /process/execCPUAffinity
 */
export function applyAffinity(pid: number, { execAffinity }: Process, when: 'initial' | 'final'): void {
  const cpus = execAffinity[when]
  if (cpus === null) return
  const origin = `/process/execCPUAffinity/${when}`
  const advice = (errno: string): string =>
    errno === 'EINVAL' ? 'none of these CPUs is there and allowed by the cgroup' : ''
  attempt({ origin, what: cpus.join(','), phase: 'SPAWN', advice }, () => setAffinity(pid, cpus))
}

const ioAdvice = (errno: string): string =>
  errno === 'EPERM' ? 'the class IOPRIO_CLASS_RT needs CAP_SYS_NICE or CAP_SYS_ADMIN' : ''

function schedulerAdvice({ policy }: Scheduler, errno: string): string {
  if (errno === 'EINVAL') return 'this kernel does not know the policy or one of the flags, or refuses the values'
  if (errno === 'EOPNOTSUPP') return 'this kernel has no utilisation clamping'
  if (errno === 'EBUSY') return 'the deadline processes of this machine would take more than sched_rt_runtime_us allows'
  if (errno !== 'EPERM') return ''
  if (policy === 'SCHED_DEADLINE') return 'needs CAP_SYS_NICE, and that the process may run on all CPUs'
  if (policy !== 'SCHED_FIFO' && policy !== 'SCHED_RR') return 'a lower nice value needs CAP_SYS_NICE'
  return 'needs CAP_SYS_NICE, and on cgroup v1 a budget in /linux/resources/cpu/realtimeRuntime'
}
