/** Files in directories that others may be able to write to, and which are believed only if they are our own. */
import { closeSync, constants, fstatSync, openSync, readFileSync, statSync, unlinkSync } from 'node:fs'
import { isErrno, viaNode } from './errno.js'
import { effectiveUid } from './self.js'

const O_CLOEXEC = 0o2000000

/**
 * The content of a regular file of this user, or in words why it is not believed. Links are not followed, and a FIFO does not block.
 * @throws {SystemError} ENOENT, ELOOP and what else open(2) and read(2) say
 */
export function readOwnFile(path: string, sizeLimit: number): Buffer | string {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | O_CLOEXEC
  return viaNode(() => {
    const fd = openSync(path, flags)
    try {
      const { uid, mode, size, nlink } = fstatSync(fd)
      if ((mode & constants.S_IFMT) !== constants.S_IFREG || nlink !== 1) return 'not a plain file'
      if (uid !== effectiveUid() || (mode & 0o022) !== 0) return 'others can write it'
      return size > sizeLimit ? 'too large' : readFileSync(fd)
    } finally {
      closeSync(fd)
    }
  })
}

/** Size, time and inode of a file: another after every update. */
export function stampOf(path: string): string {
  const { size, mtimeMs, ino } = viaNode(() => statSync(path))
  return `${size}-${mtimeMs}-${ino}`
}

export function removeIfThere(path: string): void {
  try {
    viaNode(() => unlinkSync(path))
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error
  }
}
