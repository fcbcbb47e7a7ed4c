/** A lock that lasts as long as some work does, held by flock(2) on a directory made for it: the kernel drops it when its holder dies. */
import { ImageError } from '../../errors.js'
import { isErrno } from '../../sys/errno.js'
import { makeDirectories, removeDirectory } from '../../sys/file.js'
import { lockDirectory } from '../../sys/lock.js'
import { closeDirectory } from '../../sys/own-directory.js'
import { restFor } from '../registry/retries.js'

const FIRST_PAUSE_MS = 2
const LONGEST_PAUSE_MS = 100

export interface HeldDirectory {
  readonly path: string
  /** Lets go of it; with `remove` it goes too, if nothing is in it. More than once is fine. */
  release(options?: { readonly remove?: boolean }): void
}

/** Makes the directory if need be, and waits until nobody else holds it. @throws {ImageError} ERR_IMAGE_STORE; the reason of `signal` */
export async function holdDirectory(path: string, signal?: AbortSignal): Promise<HeldDirectory> {
  for (let wait = FIRST_PAUSE_MS; ; ) {
    signal?.throwIfAborted()
    makeDirectories(path, 0o700)
    const fd = takeDirectory(path)
    if (typeof fd === 'number') return held(path, fd)
    if (fd === 'gone') continue
    await restFor(wait * (0.5 + Math.random() / 2), signal)
    wait = Math.min(wait * 2, LONGEST_PAUSE_MS)
  }
}

/** As `lockDirectory`, for a directory of the store. */
export function takeDirectory(path: string): number | 'busy' | 'gone' {
  const fd = lockDirectory(path)
  if (typeof fd !== 'object') return fd
  throw new ImageError('ERR_IMAGE_STORE', `${path}: it ${fd.because}`)
}

function held(path: string, fd: number): HeldDirectory {
  let isHeld = true
  return {
    path,
    release: ({ remove = false } = {}) => {
      if (!isHeld) return
      isHeld = false
      // While it is still locked: nobody else has begun to work in it.
      if (remove) removeIfEmpty(path)
      closeDirectory(fd)
    },
  }
}

function removeIfEmpty(path: string): void {
  try {
    removeDirectory(path)
  } catch (error) {
    if (!isErrno(error, 'ENOTEMPTY', 'EEXIST', 'ENOENT')) throw error
  }
}

export async function whileHeld<T>(path: string, signal: AbortSignal | undefined, act: () => Promise<T>): Promise<T> {
  const lock = await holdDirectory(path, signal)
  try {
    return await act()
  } finally {
    lock.release()
  }
}
