/** Descriptors that the caller left open for the container. */
import { readlinkSync } from 'node:fs'

const FIRST = 3

export interface Inherited {
  readonly extraFds: readonly number[]
  readonly extraEnv: readonly string[]
}

/**
 * The descriptors of socket activation (LISTEN_FDS, if LISTEN_PID means this process), and `preserve` more.
 * @throws {Error} for one that is not open, or that is an epoll instance
 */
export function inheritedFds(preserve: number): Inherited {
  const listening = listenCount()
  // The container's process is the first of its pid namespace, as every user of LISTEN_FDS checks.
  const extraEnv = listening === 0 ? [] : [`LISTEN_FDS=${listening}`, 'LISTEN_PID=1']
  return { extraFds: preservedFds(listening + preserve), extraEnv }
}

/** The first `count` descriptors beyond the standard streams. @throws {Error} as `inheritedFds` */
export function preservedFds(count: number): readonly number[] {
  const fds = Array.from({ length: count }, (_, index) => FIRST + index)
  const closed = fds.find(fd => !isInherited(fd))
  if (closed !== undefined) throw new Error(`cannot pass descriptor ${closed} to the container: it is not open`)
  return fds
}

function listenCount(): number {
  const { LISTEN_FDS = '', LISTEN_PID } = process.env
  return LISTEN_PID === String(process.pid) && /^[0-9]{1,4}$/.test(LISTEN_FDS) ? Number(LISTEN_FDS) : 0
}

/**
 * Node opens descriptors of its own, and sets close-on-exec on those that it inherited too. But the first that it opens is
 * an epoll instance, on the lowest number that is free: what lies below that was there before.
 */
function isInherited(fd: number): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`) !== 'anon_inode:[eventpoll]'
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}
