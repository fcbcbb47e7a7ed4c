/** The first process of a launch: the helper, as the runtime starts it. */
import type { Plan } from '../plan/plan.js'
import { closeFd } from '../sys/beneath.js'
import { isErrno } from '../sys/errno.js'
import { helperExecutable } from '../sys/memory.js'
import { ticksSinceBoot } from '../sys/processes.js'
import { socketPair } from '../sys/socket.js'
import { spawn } from '../sys/spawn.js'
import { trace } from '../sys/trace.js'
import { type Child, followChild } from './child.js'
import { birthError } from './report.js'
import { BY_CLONE, flagsFor } from './stations.js'
import type { LaunchClock } from './timeline.js'

const debug = trace('launch')

export interface LaunchInput {
  readonly plan: Plan
  /** Descriptors 0, 1, 2 and what is preserved after them; they stay the caller's. */
  readonly stdio: readonly number[]
  /** A directory of the cgroup v2 hierarchy that the process is made in, or null; it becomes the launch's. */
  readonly cgroup: number | null
  /** The CPUs that it runs on from the beginning. Default: all that its cgroup allows, whatever those of this process are. */
  readonly cpus?: readonly number[] | null
  /** Kills the process; each step throws its reason then. */
  readonly signal?: AbortSignal | undefined
  /** Hears what the helper does when; undefined: nobody does. */
  readonly clock?: LaunchClock | undefined
  /** The exit status is left to whoever inherits the process when this one ends. Default false. */
  readonly leavesStatus?: boolean
}

/** Another process is made at the beginning: for a cgroup, or a namespace that a process enters only by being made. */
export const isBorn = ({ plan, cgroup }: Pick<LaunchInput, 'plan' | 'cgroup'>): boolean =>
  cgroup !== null || (plan.cloneFlags & BY_CLONE) !== 0

export interface Started {
  readonly child: Child
  readonly control: number
  /** What is made after it is not older than that. */
  readonly since: number
}

/**
 * The helper begins before it has its plan: the kernel takes a millisecond for the namespaces.
 * @throws {SystemError|LaunchError} if it can not be started
 */
export function startFirst({ plan, stdio, cgroup, cpus, clock, leavesStatus = false }: LaunchInput): Started {
  clock?.starts()
  const [control, helperEnd] = socketPair()
  try {
    const since = ticksSinceBoot()
    const process = spawn({
      executable: helperExecutable(),
      arguments: [String(stdio.length), flagsFor(plan.cloneFlags, { cgroup, isTimed: clock !== undefined })],
      cpus: cpus ?? 'all',
      fds: [...stdio, helperEnd, ...(cgroup === null ? [] : [cgroup])],
      report: stdio.length,
    })
    debug('helper %d, %d ops', process.pid, plan.ops.length)
    const leave = leavesStatus && !isBorn({ plan, cgroup })
    return { child: followChild({ ...process, leave, held: true }), control, since }
  } catch (error) {
    closeFd(control)
    throw isErrno(error) ? birthError(error) : error
  } finally {
    closeFd(helperEnd)
  }
}
