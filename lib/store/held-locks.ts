/** The containers that one store has locked, and what it holds for each. */
import { closeDirectory } from '../sys/own-directory.js'
import { holdSpare, type Spare } from '../sys/spare.js'

/** What undoing a create takes: a cgroup is walked and removed by descriptor. */
const SPARE_DESCRIPTORS = 3

export interface Lock {
  release(): void
}

export interface Locks {
  /** Takes over the descriptor, which has the lock. */
  hold(id: string, fd: number): Lock
  /** The same for what `reserve` makes, with the descriptors that undoing will take. */
  holdNew(id: string, reserve: () => number): Lock
  /** The descriptor of one that is locked. */
  heldFd(id: string): number
  /** The same; null if it is not locked. */
  heldFdIfThere(id: string): number | null
  freeSpare(id: string): void
}

export function openLocks(): Locks {
  const held = new Map<string, number>()
  const spares = new Map<string, Spare>()
  const freeSpare = (id: string): void => {
    spares.get(id)?.release()
    spares.delete(id)
  }
  const hold = (id: string, fd: number): Lock => {
    held.set(id, fd)
    const release = (): void => {
      if (held.get(id) === fd) held.delete(id)
      closeDirectory(fd)
    }
    return { release }
  }
  const holdNew = (id: string, reserve: () => number): Lock => {
    const spare = holdSpare(SPARE_DESCRIPTORS)
    try {
      const lock = hold(id, reserve())
      spares.set(id, spare)
      const release = (): void => {
        freeSpare(id)
        lock.release()
      }
      return { release }
    } catch (error) {
      spare.release()
      throw error
    }
  }
  const heldFd = (id: string): number => {
    const fd = held.get(id)
    if (fd === undefined) throw new Error(`container "${id}" is not locked`)
    return fd
  }
  return { hold, holdNew, heldFd, heldFdIfThere: id => held.get(id) ?? null, freeSpare }
}
