/** Opens the host objects that a plan names, in the order of its slots. */
import { type Cgroup, ownDirectory } from '../cgroup/index.js'
import type { Config } from '../config/config.js'
import { LaunchError, PlanError } from '../errors.js'
import { idmapped } from '../host/idmapped.js'
import { coverRoot, type RootMount } from '../host/root-mount.js'
import type { OpName } from '../plan/ops.js'
import type { LayeredSlot, Plan, Slot } from '../plan/plan.js'
import { compileFilter } from '../seccomp/filter.js'
import { makeStatusFile } from '../store/status-file.js'
import { closeFd, closeFds } from '../sys/beneath.js'
import { errnoMessage, isErrno } from '../sys/errno.js'
import { openPath, openRead } from '../sys/file.js'
import { openPathLater } from '../sys/job.js'
import { sealedMemory } from '../sys/memory.js'
import { cloneTree, namespaceType, newMount } from '../sys/mount.js'
import { duplicate, lifeline } from '../sys/stream.js'
import type { Child } from './child.js'
import type { Context } from './context.js'
import { type MemoryUpper, openLayered } from './layered.js'
import { diedError, hintFor } from './report.js'
import { cloneDevice, cloneUnlocked, openPlace } from './source.js'
import type { OpenStdio } from './stdio.js'

/** How the slots are opened that are not paths; each returns a descriptor that then belongs to the caller of `openSlots`. */
export interface SlotSources {
  rootMount(): number
  layered(slot: LayeredSlot): Promise<number>
  upper(): number
  cgroup(hierarchy: number): number
  cgroupTree(hierarchy: number): number
  filter(): number
  start(): number
  console(): number
  init(): number
  initRoot(): number
  status(): number
  lifeline(): number
  sockets(): number
}

interface SlotsToOpen {
  readonly slots: readonly Slot[]
  readonly sources: SlotSources
  readonly signal: AbortSignal | undefined
}

/**
 * The descriptors, one for each slot; they belong to the caller. A source on a file system that does not answer holds this
 * call alone, until `signal`.
 * @throws {LaunchError} ERR_LAUNCH_OP naming the config field of the slot that could not be opened; the reason of `signal`; nothing
 *   stays open then
 */
export async function openSlots({ slots, sources, signal }: SlotsToOpen): Promise<number[]> {
  const fds: number[] = []
  try {
    for (const slot of slots) fds.push(await openSlot(slot, sources, signal))
    return fds
  } catch (error) {
    closeFds(fds)
    throw error
  }
}

async function openSlot(slot: Slot, sources: SlotSources, signal: AbortSignal | undefined): Promise<number> {
  switch (slot.kind) {
    case 'tree':
      return named({ slot, path: slot.path, op: 'attach' }, () => cloneUnlocked(slot, signal))
    case 'idmapped_tree': {
      const tree = { ...slot, nofollow: false }
      return idmapped(
        slot.idmap,
        await named({ slot, path: slot.path, op: 'attach' }, () => cloneUnlocked(tree, signal)),
      )
    }
    case 'idmapped_filesystem': {
      const make = async (): Promise<number> => newMount(slot.type, optionsOf(slot))
      return idmapped(slot.idmap, await named({ slot, path: slot.type, op: 'attach' }, make))
    }
    case 'device':
      return named({ slot, path: slot.path, op: 'attach' }, () => cloneDevice(slot, signal))
    case 'place':
      return named({ slot, path: slot.path, op: 'attach_checked' }, () => openPlace(slot, signal))
    case 'directory': {
      const input = { path: slot.path, directory: true, signal }
      return named({ slot, path: slot.path, op: 'root_dir' }, () => openPathLater(input))
    }
    case 'root_mount':
      return named({ slot, path: '', op: 'root_over' }, async () => sources.rootMount())
    case 'layered':
      return named({ slot, path: 'overlay', op: 'root' }, () => sources.layered(slot))
    case 'upper':
      return sources.upper()
    case 'namespace':
      return named({ slot, path: slot.path, op: 'setns' }, async () => openNamespace(slot))
    case 'cgroup':
      return sources.cgroup(slot.hierarchy)
    case 'cgroup_tree':
      return sources.cgroupTree(slot.hierarchy)
    case 'filter':
      return sources.filter()
    case 'start':
      return sources.start()
    case 'console':
      return sources.console()
    case 'init':
      return sources.init()
    case 'init_root':
      return sources.initRoot()
    case 'status':
      return sources.status()
    case 'lifeline':
      return sources.lifeline()
    case 'sockets':
      return sources.sockets()
  }
}

interface Named {
  readonly slot: Slot
  readonly path: string
  readonly op: OpName
}

async function named({ slot, path, op }: Named, open: () => Promise<number>): Promise<number> {
  try {
    return await open()
  } catch (cause) {
    if (!isErrno(cause)) throw cause
    const { syscall, errno } = cause
    const fields = { configPath: slot.origin, op, phase: 'SPAWN', syscall, errno, signal: null }
    const subject = JSON.stringify(cause.path || path)
    const prefix = slot.origin === '' ? '' : `${slot.origin}: `
    const message = `${prefix}${syscall} ${subject}: ${errno}: ${errnoMessage(errno)}${hintFor(op, cause)}`
    throw new LaunchError('ERR_LAUNCH_OP', message, fields, { cause })
  }
}

type Of<Kind extends Slot['kind']> = Extract<Slot, { kind: Kind }>

function optionsOf({ source, options }: Of<'idmapped_filesystem'>): string[] {
  return source === '' ? [...options] : [`source=${source}`, ...options]
}

function openNamespace({ path, type, origin }: Of<'namespace'>): number {
  const fd = openRead(path)
  if (namespaceType(fd) === type) return fd
  closeFd(fd)
  const fields = { configPath: origin, op: 'setns', phase: 'SPAWN', syscall: 'ioctl', errno: 'EINVAL', signal: null }
  throw new LaunchError('ERR_LAUNCH_OP', `${origin}: ${path} is not a namespace of this type`, fields)
}

interface SlotsInput {
  readonly context: Context
  readonly config: Config
  readonly plan: Plan
  readonly cgroup: Cgroup
  readonly stdio: OpenStdio
  readonly id: string
  readonly rootfs: string
  /** Called with the mount over the root, where there is one, before it can be seen. */
  readonly covering: (mount: RootMount) => void
  /** Gets what is written to a root in memory. */
  readonly memory: MemoryUpper
  readonly signal: AbortSignal | undefined
}

const never = (what: string) => (): never => {
  throw new PlanError(`this plan has no slot for a ${what}`, { op: '' })
}

/** Opens the slots of a container's plan; the descriptors belong to the caller. */
export function openPlanSlots(input: SlotsInput): Promise<number[]> {
  const { context, config, plan, cgroup, stdio, id, rootfs, covering, memory, signal } = input
  return withJoinFds(cgroup.joinFds(), cgroupFd => {
    const sources: SlotSources = {
      rootMount: () => coverRoot(rootfs, covering),
      layered: slot => openLayered({ slot, memory, signal }),
      upper: memory.socket,
      cgroup: cgroupFd,
      cgroupTree: hierarchy =>
        cloneTree({ path: treeOf({ context, cgroup, hierarchy }), recursive: false, nofollow: true }),
      filter: () => filterMemory({ config, root: context.store.root }),
      start: () => context.store.listenForStart(id),
      console: () => duplicate(stdio.console),
      init: never('init'),
      initRoot: never('init root'),
      status: () => makeStatusFile(context.store, id),
      lifeline,
      sockets: never('socket of sockets'),
    }
    return openSlots({ slots: plan.slots, sources, signal })
  })
}

/** What a container sees of its cgroups: its own part, or ours if it has none and so stays in ours. */
function treeOf({
  context,
  cgroup,
  hierarchy,
}: Pick<SlotsInput, 'context' | 'cgroup'> & { hierarchy: number }): string {
  const facts = context.facts().cgroup.hierarchies[hierarchy]
  return cgroup.isNone && facts !== undefined ? ownDirectory(facts) : cgroup.pathIn(hierarchy)
}

/** The files that a process joins the cgroup by, each handed out once; what nobody took is closed. */
async function withJoinFds(
  joinFds: ReadonlyMap<number, number>,
  use: (take: (hierarchy: number) => number) => Promise<number[]>,
): Promise<number[]> {
  const files = new Map(joinFds)
  const take = (hierarchy: number): number => {
    const fd = files.get(hierarchy)
    if (fd === undefined) throw new PlanError(`no cgroup in hierarchy ${hierarchy}`, { op: 'cgroup_join' })
    files.delete(hierarchy)
    return fd
  }
  try {
    return await use(take)
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
export function openJoinSlots(input: JoinInput): Promise<number[]> {
  const { plan, cgroup, init, filter, terminal = -1, sockets, signal } = input
  return withJoinFds(cgroup?.joinFds() ?? new Map(), cgroupFd => {
    const sources: SlotSources = {
      rootMount: never('root mount'),
      layered: never('root of layers'),
      upper: never('root in memory'),
      cgroup: cgroupFd,
      cgroupTree: never('cgroup tree'),
      filter: filter === undefined ? never('filter') : () => filterMemory(filter),
      start: never('start socket'),
      console: () => duplicate(terminal),
      init: () => init.openPidfd(),
      initRoot: () => openPath(`/proc/${init.pid}/root`, { directory: true }),
      status: never('status'),
      lifeline: never('lifeline'),
      sockets: sockets === undefined ? never('socket of sockets') : () => duplicate(sockets),
    }
    return openSlots({ slots: plan.slots, sources, signal })
  })
}

/** A container's first process. */
export interface InitProcess {
  readonly pid: number
  /** A pidfd, which is the caller's. */
  openPidfd(): number
}

export const initOf = (child: Child): InitProcess => ({
  pid: child.pid,
  openPidfd: () => {
    const pidfd = child.withPidfd(duplicate)
    if (pidfd === null) throw diedError({ exitCode: null, signal: null, at: 'prepare' })
    return pidfd
  },
})

interface JoinInput {
  readonly plan: Plan
  /** Of a plan that joins them. */
  readonly cgroup?: Cgroup
  /** What the plan's filter is made of, if it may have one. */
  readonly filter?: FilterSource
  /** The socket that takes a terminal's master. */
  readonly terminal?: number
  /** The socket that takes what is made in the network namespace. */
  readonly sockets?: number
  readonly init: InitProcess
  readonly signal: AbortSignal | undefined
}
