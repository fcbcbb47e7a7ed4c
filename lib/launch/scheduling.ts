/** How the container's process is run: CPU and I/O priorities, set by its pid while it waits. */

import type { Config, Process, Scheduler } from '../config/config.js'
import { SCHEDULER_POLICIES } from '../config/scheduling.js'
import type { LaunchError } from '../errors.js'
import { attempt, refusal } from '../host/attempt.js'
import { isErrno } from '../sys/errno.js'
import { setAffinity, setIoPriority, setScheduler } from '../sys/priorities.js'

/** The `created` barrier. @throws {LaunchError} ERR_LAUNCH_OP naming /process/scheduler or /process/ioPriority */
export function applyScheduling(pid: number, { process, linux }: Config): void {
  const { scheduler = null, ioPriority = null } = process ?? {}
  if (ioPriority !== null) {
    const origin = '/process/ioPriority'
    attempt({ origin, what: `0x${ioPriority.toString(16)}`, phase: 'EXEC', advice: ioAdvice }, () =>
      setIoPriority(pid, ioPriority),
    )
  }
  if (scheduler === null) return
  const hasCpuset = (linux.resources.cpu?.cpus ?? '') !== ''
  const advice = (errno: string): string => schedulerAdvice(scheduler, errno, hasCpuset)
  attempt({ origin: '/process/scheduler', what: scheduler.policy, phase: 'EXEC', advice }, () =>
    setScheduler(pid, { ...scheduler, policy: SCHEDULER_POLICIES[scheduler.policy] }),
  )
}

/**
 * The CPUs of a process that exec has added, now that it is in the container's cgroup. Unset: they are left alone. It is not
 * for the container's first process.
 * @throws {LaunchError} ERR_LAUNCH_OP naming /process/execCPUAffinity/final
 */
export function applyFinalCpus(pid: number, { execAffinity: { final } }: Process): void {
  if (final !== null) attempt(cpusOf('final', final), () => setAffinity(pid, final))
}

/** The error that names /process/execCPUAffinity/initial, if that is what a launch has failed for; else null. */
export function affinityError({ execAffinity: { initial } }: Process, error: unknown): LaunchError | null {
  const isIt = initial !== null && isErrno(error) && error.syscall === 'sched_setaffinity'
  return isIt ? refusal(cpusOf('initial', initial), error) : null
}

function cpusOf(when: 'initial' | 'final', cpus: readonly number[]) {
  const advice = (errno: string): string =>
    errno === 'EINVAL' ? 'none of these CPUs is there and allowed by the cgroup' : ''
  return { origin: `/process/execCPUAffinity/${when}`, what: cpus.join(','), phase: 'SPAWN', advice }
}

const ioAdvice = (errno: string): string =>
  errno === 'EPERM' ? 'the class IOPRIO_CLASS_RT needs CAP_SYS_NICE or CAP_SYS_ADMIN' : ''

function schedulerAdvice({ policy }: Scheduler, errno: string, hasCpuset: boolean): string {
  if (errno === 'EINVAL') return 'this kernel does not know the policy or one of the flags, or refuses the values'
  if (errno === 'EOPNOTSUPP') return 'this kernel has no utilisation clamping'
  if (errno === 'EBUSY') return 'the deadline processes of this machine would take more than sched_rt_runtime_us allows'
  if (errno !== 'EPERM') return ''
  // The kernel admits no deadline process that may not run on all CPUs. The words are those that suites of tests look for.
  if (policy === 'SCHED_DEADLINE' && hasCpuset) return "process scheduler can't be used together with AllowedCPUs"
  if (policy === 'SCHED_DEADLINE') return 'needs CAP_SYS_NICE, and that the process may run on all CPUs'
  if (policy !== 'SCHED_FIFO' && policy !== 'SCHED_RR') return 'a lower nice value needs CAP_SYS_NICE'
  return 'needs CAP_SYS_NICE, and on cgroup v1 a budget in /linux/resources/cpu/realtimeRuntime'
}
