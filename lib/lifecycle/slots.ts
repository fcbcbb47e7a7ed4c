import type { Cgroup } from '../cgroup/index.js'
import { compileFilter } from '../host/seccomp.js'
import { openSlots, type SlotSources } from '../host/slots.js'
import type { Plan } from '../plan/plan.js'
import { PlanError } from '../errors.js'
import type { Config } from '../spec/config.js'
import { closeFd } from '../sys/beneath.js'
import { openPath } from '../sys/file.js'
import { sealedMemory } from '../sys/memory.js'
import { cloneTree } from '../sys/mount.js'
import { duplicate } from '../sys/stream.js'
import type { Context } from './context.js'
import type { OpenStdio } from './stdio.js'

interface SlotsInput {
  readonly context: Context
  readonly config: Config
  readonly plan: Plan
  readonly cgroup: Cgroup
  readonly stdio: OpenStdio
  readonly id: string
}

const never = (what: string) => (): never => {
  throw new PlanError(`a plan for create has no ${what}`, { op: '' })
}

/** Opens the slots of a container's plan; the descriptors belong to the caller. */
export function openPlanSlots({ context, config, plan, cgroup, stdio, id }: SlotsInput): number[] {
  const files = cgroup.joinFds()
  const taken = new Set<number>()
  const sources: SlotSources = {
    cgroup: hierarchy => takeJoinFd(files, taken, hierarchy),
    cgroupTree: hierarchy => cloneTree({ path: cgroup.pathIn(hierarchy), recursive: false, nofollow: true }),
    filter: () => filterMemory(config, `${context.store.root}/.seccomp`),
    start: () => context.store.listenForStart(id),
    console: () => duplicate(stdio.console),
    init: never('init'),
    initRoot: never('init root'),
  }
  try {
    return openSlots(plan.slots, sources)
  } finally {
    for (const [hierarchy, fd] of files) if (!taken.has(hierarchy)) closeFd(fd)
  }
}

function takeJoinFd(files: ReadonlyMap<number, number>, taken: Set<number>, hierarchy: number): number {
  const fd = files.get(hierarchy)
  if (fd === undefined || taken.has(hierarchy)) throw new PlanError(`no cgroup in hierarchy ${hierarchy}`, { op: 'cgroup_join' })
  taken.add(hierarchy)
  return fd
}

function filterMemory({ linux }: Config, cacheDirectory: string): number {
  if (linux.seccomp === null) throw new PlanError('a filter without linux.seccomp', { op: 'seccomp' })
  return sealedMemory('tsrun-seccomp', compileFilter(linux.seccomp, { cacheDirectory }).program)
}

/** The slots of a plan that joins a container: hooks and exec. */
export function joinSources({ pid, pidfd }: { pid: number; pidfd: number }): SlotSources {
  return {
    cgroup: never('cgroup'),
    cgroupTree: never('cgroup tree'),
    filter: never('filter'),
    start: never('start'),
    console: never('console'),
    init: () => duplicate(pidfd),
    initRoot: () => openPath(`/proc/${pid}/root`, { directory: true }),
  }
}
