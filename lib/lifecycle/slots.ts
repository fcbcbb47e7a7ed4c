import { type Cgroup, ownDirectory } from '../cgroup/index.js'
import { PlanError } from '../errors.js'
import { compileFilter } from '../host/seccomp.js'
import { openSlots } from '../host/slots.js'
import type { Plan } from '../plan/plan.js'
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
  throw new PlanError(`this plan has no slot for a ${what}`, { op: '' })
}

/** Opens the slots of a container's plan; the descriptors belong to the caller. */
export function openPlanSlots({ context, config, plan, cgroup, stdio, id }: SlotsInput): number[] {
  return withJoinFds(cgroup.joinFds(), cgroupFd =>
    openSlots(plan.slots, {
      cgroup: cgroupFd,
      cgroupTree: hierarchy =>
        cloneTree({ path: treeOf({ context, cgroup, hierarchy }), recursive: false, nofollow: true }),
      filter: () => filterMemory({ config, root: context.store.root }),
      start: () => context.store.listenForStart(id),
      console: () => duplicate(stdio.console),
      init: never('init'),
      initRoot: never('init root'),
    }),
  )
}

/** What a container sees of its cgroups: its own part, or ours where it has none and so stays in ours. */
function treeOf({
  context,
  cgroup,
  hierarchy,
}: Pick<SlotsInput, 'context' | 'cgroup'> & { hierarchy: number }): string {
  const facts = context.facts().cgroup.hierarchies[hierarchy]
  return cgroup.isNone && facts !== undefined ? ownDirectory(facts) : cgroup.pathIn(hierarchy)
}

/** The files that a process joins the cgroup by, each handed out once; what nobody took is closed. */
function withJoinFds(
  joinFds: ReadonlyMap<number, number>,
  use: (take: (hierarchy: number) => number) => number[],
): number[] {
  const files = new Map(joinFds)
  const take = (hierarchy: number): number => {
    const fd = files.get(hierarchy)
    if (fd === undefined) throw new PlanError(`no cgroup in hierarchy ${hierarchy}`, { op: 'cgroup_join' })
    files.delete(hierarchy)
    return fd
  }
  try {
    return use(take)
  } finally {
    for (const fd of files.values()) closeFd(fd)
  }
}

interface FilterSource {
  readonly config: Config
  /** The state directory, which has the cache of compiled filters. */
  readonly root: string
}

function filterMemory({ config: { linux }, root }: FilterSource): number {
  if (linux.seccomp === null) throw new PlanError('a filter without linux.seccomp', { op: 'seccomp' })
  return sealedMemory(
    'tsrun-seccomp',
    compileFilter({ seccomp: linux.seccomp, cacheDirectory: `${root}/.seccomp` }).program,
  )
}

/** Opens the slots of a plan that joins a container: hooks and exec. */
export function openJoinSlots({ plan, cgroup, init, unified = false, filter, terminal = -1 }: JoinInput): number[] {
  return withJoinFds(cgroup.joinFds({ unified }), cgroupFd =>
    openSlots(plan.slots, {
      cgroup: cgroupFd,
      cgroupTree: never('cgroup tree'),
      filter: filter === undefined ? never('filter') : () => filterMemory(filter),
      start: never('start socket'),
      console: () => duplicate(terminal),
      init: () => duplicate(init.pidfd),
      initRoot: () => openPath(`/proc/${init.pid}/root`, { directory: true }),
    }),
  )
}

interface JoinInput {
  readonly plan: Plan
  readonly cgroup: Cgroup
  /** Join cgroup v2 by a slot too. */
  readonly unified?: boolean
  /** What the plan's filter is made of, where it may have one. */
  readonly filter?: FilterSource
  /** The socket that takes a terminal's master. */
  readonly terminal?: number
  /** The container's first process. */
  readonly init: { readonly pid: number; readonly pidfd: number }
}
