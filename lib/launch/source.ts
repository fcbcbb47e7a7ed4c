/** Opens what a plan takes of the host by its path, which may be on a file system that does not answer. */
import { LaunchError } from '../errors.js'
import { demandUnlocked } from '../host/locked.js'
import type { Slot } from '../plan/plan.js'
import { closeFd } from '../sys/beneath.js'
import { deviceOf, readLink } from '../sys/file.js'
import { openPathLater } from '../sys/job.js'
import { cloneTreeLater } from '../sys/mount.js'

type Of<Kind extends Slot['kind']> = Extract<Slot, { kind: Kind }>

export async function cloneDevice(slot: Of<'device'>, signal: AbortSignal | undefined): Promise<number> {
  const tree = { path: slot.path, recursive: false, nofollow: false }
  return demandDevice(await cloneTreeLater(tree, signal), slot)
}

export async function openPlace(slot: Of<'place'>, signal: AbortSignal | undefined): Promise<number> {
  const fd = await openPathLater({ path: slot.path, signal })
  demandUnlockedAt(fd, slot)
  return slot.device === undefined ? fd : demandDevice(fd, { ...slot, ...slot.device })
}

type Device = Pick<Of<'device'>, 'path' | 'type' | 'major' | 'minor' | 'origin'>

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

type ClearingTree = Pick<Of<'tree'>, 'path' | 'recursive' | 'nofollow' | 'cleared' | 'origin'>

export async function cloneUnlocked(tree: ClearingTree, signal: AbortSignal | undefined): Promise<number> {
  const { path, nofollow } = tree
  const mount = await cloneTreeLater(tree, signal)
  if (tree.cleared === undefined) return mount
  try {
    // The copy is mounted nowhere, and so can't tell where it is from.
    const place = await openPathLater({ path, nofollow, signal })
    demandUnlockedAt(place, tree)
    closeFd(place)
    return mount
  } catch (error) {
    closeFd(mount)
    throw error
  }
}

/** Closes the descriptor if the mount that it is in forbids something. */
function demandUnlockedAt(fd: number, { cleared, recursive, origin }: Omit<ClearingTree, 'path' | 'nofollow'>): void {
  if (cleared === undefined) return
  try {
    demandUnlocked({ path: readLink(`/proc/self/fd/${fd}`), recursive, cleared, origin })
  } catch (error) {
    closeFd(fd)
    throw error
  }
}
