import { check, errnoName, isErrno } from './errno.js'
import { fileStatus } from './file.js'
import { native } from './native.js'
import { closeDirectory, openOwnDirectory, type Unfit } from './own-directory.js'

/**
 * An exclusive lock on a directory of this user (flock(2)): the kernel drops it when its holder dies, so that it can't be stale.
 * Returns the descriptor that holds it (`closeDirectory` unlocks), `busy`, or `gone` if the directory is not there (any more).
 */
export function lockDirectory(path: string): number | 'busy' | 'gone' | Unfit {
  const fd = openOwnDirectory(path)
  if (fd === null) return 'gone'
  if (typeof fd !== 'number') return fd
  const locked = native().ts_lock(fd)
  if (locked === 0 && stillThere(path, fd)) return fd
  closeDirectory(fd)
  if (locked === 0) return 'gone'
  if (errnoName(-locked) === 'EAGAIN') return 'busy'
  check(locked, 'flock', path)
  return 'busy'
}

/** The holder of the lock before may have removed the directory, and another one may have been made. */
function stillThere(path: string, fd: number): boolean {
  try {
    const [now, ours] = [fileStatus(path), fileStatus(fd)]
    return now.device === ours.device && now.inode === ours.inode
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false
    throw error
  }
}
