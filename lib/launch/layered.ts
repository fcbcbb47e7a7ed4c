/** Opens a root that is an overlay, and keeps what is written to one in memory. */
import { memoryOptions } from '../compile/index.js'
import { idmapped } from '../host/idmapped.js'
import type { LayeredSlot } from '../plan/plan.js'
import { closeFd, closeFds } from '../sys/beneath.js'
import { cloneTreeLater, newMount } from '../sys/mount.js'
import { makeOverlay } from '../sys/overlay.js'
import { receiveFd, socketPair } from '../sys/socket.js'
import { duplicate } from '../sys/stream.js'

/** What is written to a root in memory: the descriptor of its tmpfs, wherever that was made. */
export interface MemoryUpper {
  /** A socket that takes it, which is the caller's. */
  socket(): number
  /** Takes the descriptor over. */
  keep(fd: number): void
  /** It, which is the caller's then; null: the root has none. To be called once the root is made. */
  take(): number | null
  /** Closes what is left, after a failure too. */
  close(): void
}

export function memoryUpper(): MemoryUpper {
  let socket: number | null = null
  let kept: number | null = null
  const close = (): void => {
    closeFds([socket, kept].filter(fd => fd !== null))
    socket = null
    kept = null
  }
  return {
    socket: () => {
      const [ours, theirs] = socketPair()
      socket = ours
      return theirs
    },
    keep: fd => {
      kept = fd
    },
    take: () => {
      if (socket !== null) kept = receiveFd(socket)
      const taken = kept
      kept = null
      close()
      return taken
    },
    close,
  }
}

interface Layered {
  readonly slot: LayeredSlot
  readonly memory: MemoryUpper
  /** Puts something into memory before it is a part of the root. Default: nothing. */
  readonly fill?: (tmpfs: number) => Promise<void>
  readonly signal: AbortSignal | undefined
}

/**
 * The detached overlay, which is the caller's. Only the layers have their ids mapped: the kernel makes files of its own in the upper
 * directory, as whom no id of the container stands for.
 * @throws {SystemError} for what can't be opened or mounted, {LaunchError} for ids that can't be mapped; what `fill` throws; the reason
 *   of `signal`
 */
export async function openLayered({ slot, memory, fill, signal }: Layered): Promise<number> {
  const layers: number[] = []
  const upper = await openUpper(slot, signal)
  try {
    if ('memory' in slot.upper) await fill?.(upper)
    for (const path of slot.layers) layers.push(await openLayer(slot, path, signal))
    const { userXattr, asList } = slot
    const overlay = await makeOverlay({ upper, layers, userXattr, asList, signal })
    if ('memory' in slot.upper) memory.keep(duplicate(upper))
    return overlay
  } finally {
    closeFds([upper, ...layers])
  }
}

async function openLayer({ idmap }: LayeredSlot, path: string, signal: AbortSignal | undefined): Promise<number> {
  const tree = await cloneTreeLater({ path, recursive: false, nofollow: false }, signal)
  return idmap === null ? tree : idmapped(idmap, tree)
}

async function openUpper({ upper }: LayeredSlot, signal: AbortSignal | undefined): Promise<number> {
  if ('memory' in upper) return newMount('tmpfs', memoryOptions(upper.memory))
  return cloneTreeLater({ path: upper.directory, recursive: false, nofollow: true }, signal)
}

export const closeUpper = (fd: number | null): void => {
  if (fd !== null) closeFd(fd)
}
