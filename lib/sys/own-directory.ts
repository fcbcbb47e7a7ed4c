/** A directory of this user's own, and the files in it, by descriptor: no link is followed, and nothing is read that can block. */
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  readSync,
  type Stats,
  writeFileSync,
} from 'node:fs'
import { isErrno, viaNode } from './errno.js'
import { effectiveUid } from './self.js'

const O_CLOEXEC = 0o2000000
const LINE_FEED = 0x0a

/** Why what is there is not taken for what it should be, in words that follow "it". */
export interface Unfit {
  readonly because: string
}

/** Its descriptor, to be closed with `closeDirectory`; null: there is none. */
export function openOwnDirectory(path: string): number | null | Unfit {
  let fd: number
  try {
    fd = viaNode(() => openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW | O_CLOEXEC))
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null
    if (isErrno(error, 'ENOTDIR', 'ELOOP')) return isLink(path) ? { because: 'is a symbolic link' } : null
    throw error
  }
  const { uid } = viaNode(() => fstatSync(fd))
  if (uid === 0 || uid === effectiveUid()) return fd
  closeDirectory(fd)
  return { because: `belongs to uid ${uid}, not to this user` }
}

export function closeDirectory(fd: number): void {
  viaNode(() => closeSync(fd))
}

/** False also if nothing is there. */
export function isLink(path: string): boolean {
  try {
    return viaNode(() => lstatSync(path)).isSymbolicLink()
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return false
    throw error
  }
}

/** The path of a file in an open directory, whatever has become of the directory's own path. */
export const pathIn = (directory: number, name: string): string => `/proc/self/fd/${directory}/${name}`

/** The content of a regular file of at most `limit` bytes; null: there is none. */
export function readOwn(directory: number, name: string, limit: number): Buffer | null | Unfit {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY | O_CLOEXEC
  let fd: number
  try {
    fd = viaNode(() => openSync(pathIn(directory, name), flags))
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null
    if (isErrno(error, 'ELOOP')) return { because: 'is a symbolic link' }
    // A socket.
    if (isErrno(error, 'ENXIO')) return { because: 'is no regular file' }
    throw error
  }
  try {
    return viaNode(() => faultOf(fstatSync(fd), limit) ?? readFileSync(fd))
  } finally {
    closeDirectory(fd)
  }
}

function faultOf(status: Stats, limit: number): Unfit | null {
  if (!status.isFile()) return { because: 'is no regular file' }
  return status.size > limit ? { because: `has ${status.size} bytes, above the limit of ${limit}` } : null
}

/** Adds a line with one write(2), below what one that was cut off has left; the file is made (0600) if there is none. */
export function appendOwn(directory: number, name: string, line: string): void {
  const { O_RDWR, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants
  const flags = O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC
  viaNode(() => {
    const fd = openSync(pathIn(directory, name), flags, 0o600)
    try {
      writeFileSync(fd, `${endsWithLine(fd) ? '' : '\n'}${line}\n`)
    } finally {
      closeSync(fd)
    }
  })
}

/** False: a full disk took a part of the last one, or its writer was killed. */
function endsWithLine(fd: number): boolean {
  const { size } = fstatSync(fd)
  const last = Uint8Array.of(LINE_FEED)
  if (size > 0) readSync(fd, last, 0, 1, size - 1)
  return last[0] === LINE_FEED
}
