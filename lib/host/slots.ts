/** Opens the host objects that a plan names, in the order of its slots. */
import { LaunchError } from '../errors.js'
import type { OpName } from '../plan/ops.js'
import type { Slot } from '../plan/plan.js'
import { closeFd, closeFds, openDirectory } from '../sys/beneath.js'
import { errnoMessage, isErrno } from '../sys/errno.js'
import { deviceOf, openPath, openRead } from '../sys/file.js'
import { newMount } from '../sys/idmap.js'
import { cloneTree, namespaceType } from '../sys/mount.js'
import { idmapped } from './idmap.js'
import { demandUnlocked } from './locked.js'

/** How the slots are opened that are not paths; each returns a descriptor that then belongs to the caller of `openSlots`. */
export interface SlotSources {
  cgroup(hierarchy: number): number
  cgroupTree(hierarchy: number): number
  filter(): number
  start(): number
  console(): number
  init(): number
  initRoot(): number
}

/**
 * The descriptors, one for each slot; they belong to the caller.
 * @throws {LaunchError} ERR_LAUNCH_OP naming the config field of the slot that could not be opened; nothing stays open then
 */
export function openSlots(slots: readonly Slot[], sources: SlotSources): number[] {
  const fds: number[] = []
  try {
    for (const slot of slots) fds.push(openSlot(slot, sources))
    return fds
  } catch (error) {
    closeFds(fds)
    throw error
  }
}

function openSlot(slot: Slot, sources: SlotSources): number {
  switch (slot.kind) {
    case 'tree':
      return named({ slot, path: slot.path, op: 'attach' }, () => cloneUnlocked(slot))
    case 'idmapped_tree':
      return idmapped(
        slot.idmap,
        named({ slot, path: slot.path, op: 'attach' }, () => cloneUnlocked({ ...slot, nofollow: false })),
      )
    case 'idmapped_filesystem':
      return idmapped(
        slot.idmap,
        named({ slot, path: slot.type, op: 'attach' }, () => newMount(slot.type, optionsOf(slot))),
      )
    case 'device':
      return named({ slot, path: slot.path, op: 'attach' }, () => cloneDevice(slot))
    case 'place':
      return named({ slot, path: slot.path, op: 'attach_checked' }, () => openPlace(slot))
    case 'directory':
      return named({ slot, path: slot.path, op: 'root_dir' }, () => openDirectory(slot.path))
    case 'namespace':
      return named({ slot, path: slot.path, op: 'setns' }, () => openNamespace(slot))
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
  }
}

interface Named {
  readonly slot: Slot
  readonly path: string
  readonly op: OpName
}

function named({ slot, path, op }: Named, open: () => number): number {
  try {
    return open()
  } catch (cause) {
    if (!isErrno(cause)) throw cause
    const { syscall, errno } = cause
    const fields = { configPath: slot.origin, op, phase: 'SPAWN', syscall, errno, signal: null }
    const message = `${slot.origin}: ${syscall} ${JSON.stringify(cause.path || path)}: ${errno}: ${errnoMessage(errno)}`
    throw new LaunchError('ERR_LAUNCH_OP', message, fields, { cause })
  }
}

function cloneDevice(slot: Extract<Slot, { kind: 'device' }>): number {
  return demandDevice(cloneTree({ path: slot.path, recursive: false, nofollow: false }), slot)
}

function openPlace(slot: Extract<Slot, { kind: 'place' }>): number {
  demandUnlocked(slot)
  const fd = openPath(slot.path)
  return slot.device === undefined ? fd : demandDevice(fd, { ...slot, ...slot.device })
}

type Device = Pick<Extract<Slot, { kind: 'device' }>, 'path' | 'type' | 'major' | 'minor' | 'origin'>

/** The host may have given the name to another device, which nobody meant to share. Takes the descriptor over, and returns it. */
function demandDevice(fd: number, { path, type, major, minor, origin }: Device): number {
  const found = deviceOf(fd)
  if (found?.type === type && found.major === major && found.minor === minor) return fd
  closeFd(fd)
  const what = found === null ? 'no device' : `the device ${found.type} ${found.major}:${found.minor}`
  const fields = { configPath: origin, op: 'attach', phase: 'SPAWN', syscall: 'fstat', errno: 'ENODEV', signal: null }
  const message = `${origin}: ${path} of the host is ${what}, not ${type} ${major}:${minor}`
  throw new LaunchError('ERR_LAUNCH_OP', message, fields)
}

function cloneUnlocked(tree: Parameters<typeof cloneTree>[0] & Parameters<typeof demandUnlocked>[0]): number {
  demandUnlocked(tree)
  return cloneTree(tree)
}

function optionsOf({ source, options }: Extract<Slot, { kind: 'idmapped_filesystem' }>): string[] {
  return source === '' ? [...options] : [`source=${source}`, ...options]
}

function openNamespace({ path, type, origin }: Extract<Slot, { kind: 'namespace' }>): number {
  const fd = openRead(path)
  if (namespaceType(fd) === type) return fd
  closeFd(fd)
  const fields = { configPath: origin, op: 'setns', phase: 'SPAWN', syscall: 'ioctl', errno: 'EINVAL', signal: null }
  throw new LaunchError('ERR_LAUNCH_OP', `${origin}: ${path} is not a namespace of this type`, fields)
}
