/** Plain files of the host: thin, synchronous, and all errors are SystemErrors. */

import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  statfsSync,
  statSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { check, isErrno, viaNode } from './errno.js'
import { native } from './native.js'
import { whyUnread } from './unread.js'

const O_PATH = 0o10000000
const O_CLOEXEC = 0o2000000

/** The file's text (UTF-8). */
export function readText(path: string): string {
  return viaNode(() => readFileSync(path, 'utf8'))
}

/** As `readText`; null if there is no such file. */
export function readTextIfThere(path: string): string | null {
  try {
    return readText(path)
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ESRCH')) return null
    throw error
  }
}

export function readBytes(path: string): Uint8Array {
  return viaNode(() => readFileSync(path))
}

/**
 * The bytes of a regular file of at most `limit` bytes; else what it is instead, in words. Never waits: a fifo is not read, a
 * device not woken.
 */
export function readRegular(path: string, limit: number): Uint8Array | string {
  const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY | O_CLOEXEC
  return viaNode(() => {
    const fd = openSync(path, flags)
    try {
      return whyUnread(fstatSync(fd), limit) ?? readFileSync(fd)
    } finally {
      closeSync(fd)
    }
  })
}

/** Whether it is the number of an open descriptor. */
export function isOpen(fd: number): boolean {
  try {
    fstatSync(fd)
    return true
  } catch {
    return false
  }
}

/** False also if it can't be told. */
export const isThere = (path: string): boolean => existsSync(path)

export const areEqual = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0

/** Writes to an existing file with one write(2), for procfs and the like. */
export function writeText(path: string, text: string): void {
  viaNode(() => {
    const fd = openSync(path, constants.O_WRONLY | O_CLOEXEC)
    try {
      writeSync(fd, text)
    } finally {
      closeSync(fd)
    }
  }, path)
}

/** Writes a file beside `path` and renames it over: readers see the old or the new, never a half. */
export function replaceFile(path: string, content: string | Uint8Array, mode = 0o600): void {
  const temporary = `${path}.${process.pid}.${temporaries++}`
  viaNode(() => {
    try {
      writeFileSync(temporary, content, { mode, flag: 'wx' })
      renameSync(temporary, path)
    } catch (error) {
      rmSync(temporary, { force: true })
      throw error
    }
  }, path)
}
let temporaries = 0

/** @throws {SystemError} EEXIST if there is a file of that name */
export function writeNewFile(path: string, content: string | Uint8Array, mode = 0o600): void {
  viaNode(() => writeFileSync(path, content, { mode, flag: 'wx' }), path)
}

/** The same, with a descriptor to read and write it, which belongs to the caller. */
export function openNewFile(path: string, content: Uint8Array): number {
  return viaNode(() => {
    const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | O_CLOEXEC, 0o600)
    try {
      // All of it: one write(2) may stop short when the disk is full.
      writeFileSync(fd, content)
      return fd
    } catch (error) {
      closeSync(fd)
      throw error
    }
  }, path)
}

export function makeDirectory(path: string, mode = 0o700): void {
  viaNode(() => mkdirSync(path, { mode }))
}

/**
 * Makes the directory and what is missing above it; fine if it is there.
 * (The recursive mode of node:fs turns for ever on a path such as /proc/no/such in Node 20.)
 */
export function makeDirectories(path: string, mode: number): void {
  for (let end = path.indexOf('/', 1); ; end = path.indexOf('/', end + 1)) {
    makeUnlessThere(end < 0 ? path : path.slice(0, end), mode)
    if (end < 0) return
  }
}

function makeUnlessThere(path: string, mode: number): void {
  try {
    makeDirectory(path, mode)
  } catch (error) {
    // An existing directory may also be on a read-only file system, or in a directory that we may not write to.
    if (!isErrno(error, 'EEXIST', 'EROFS', 'EACCES', 'EPERM')) throw error
    const found = unlessGone(() => lstatSync(path))
    // It was there, and somebody has removed it since.
    if (found === null && isErrno(error, 'EEXIST')) makeUnlessThere(path, mode)
    else if (found === null || !(found.isDirectory() || (found.isSymbolicLink() && isDirectory(path)))) throw error
  }
}

export function removeDirectory(path: string): void {
  viaNode(() => rmdirSync(path))
}

/** Removes a directory and all in it; fine when it is gone. Links are removed, not followed. */
export function removeTree(path: string): void {
  emptyDirectory(path)
  unlessGone(() => rmdirSync(path))
}

/** Removes all that is in a directory. */
export function emptyDirectory(path: string): void {
  // Not rmSync: it takes Node two milliseconds to load.
  const entries = unlessGone(() => readdirSync(path, { withFileTypes: true })) ?? []
  for (const entry of entries) {
    const inner = `${path}/${entry.name}`
    if (entry.isDirectory()) removeTree(inner)
    else unlessGone(() => unlinkSync(inner))
  }
}

/** The names of the directories, and of the links, in a directory. */
export function listDirectoriesAndLinks(path: string): string[] {
  const entries = viaNode(() => readdirSync(path, { withFileTypes: true }))
  return entries.filter(entry => entry.isDirectory() || entry.isSymbolicLink()).map(({ name }) => name)
}

/** null if there is nothing at that path. */
export function unlessGone<T>(act: () => T): T | null {
  try {
    return viaNode(act)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null
    throw error
  }
}

export function removeFile(path: string): void {
  viaNode(() => unlinkSync(path))
}

export function listDirectory(path: string): string[] {
  return viaNode(() => readdirSync(path))
}

/** Whether this process, by its real ids, may write to it. */
export function isWritable(path: string): boolean {
  try {
    viaNode(() => accessSync(path, constants.W_OK))
    return true
  } catch (error) {
    if (isErrno(error, 'EACCES', 'ENOENT', 'EROFS')) return false
    throw error
  }
}

/** Whether this process, by its real ids, may execute it. */
export function isExecutable(path: string): boolean {
  try {
    viaNode(() => accessSync(path, constants.X_OK))
    return !isDirectory(path)
  } catch (error) {
    if (isErrno(error)) return false
    throw error
  }
}

/** What a symbolic link says. */
export function readLink(path: string): string {
  return viaNode(() => readlinkSync(path))
}

/** The absolute path without links. */
export function realPath(path: string): string {
  return viaNode(() => realpathSync(path))
}

export interface FileStatus {
  readonly kind: 'file' | 'directory' | 'socket' | 'other'
  readonly device: number
  readonly inode: number
  readonly uid: number
  readonly gid: number
  readonly mode: number
}
export function fileStatus(target: string | number): FileStatus {
  const status = viaNode(() => (typeof target === 'number' ? fstatSync(target) : statSync(target)))
  const kind = status.isFile() ? 'file' : status.isDirectory() ? 'directory' : status.isSocket() ? 'socket' : 'other'
  return { kind, device: status.dev, inode: status.ino, uid: status.uid, gid: status.gid, mode: status.mode & 0o7777 }
}

/** False also if nothing is there. */
export function isDirectory(path: string): boolean {
  try {
    return fileStatus(path).kind === 'directory'
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return false
    throw error
  }
}

export interface DeviceNumbers {
  readonly type: 'b' | 'c'
  readonly major: number
  readonly minor: number
}

/** Which device an open node stands for; null if it is no device. */
export function deviceOf(fd: number): DeviceNumbers | null {
  const status = viaNode(() => fstatSync(fd, { bigint: true }))
  if (!status.isBlockDevice() && !status.isCharacterDevice()) return null
  // dev_t of the C library: 12 and 20 bits, interleaved.
  const major = ((status.rdev >> 8n) & 0xfffn) | ((status.rdev >> 32n) & 0xfffff000n)
  const minor = (status.rdev & 0xffn) | ((status.rdev >> 12n) & 0xffffff00n)
  return { type: status.isBlockDevice() ? 'b' : 'c', major: Number(major), minor: Number(minor) }
}

/** An O_PATH descriptor: the object itself is not opened, so that a fifo or device can't block. */
export function openPath(path: string, { directory = false } = {}): number {
  return open(path, O_PATH | (directory ? constants.O_DIRECTORY : 0))
}

/** Does not wait for the other end of a fifo. */
export function openRead(path: string): number {
  return open(path, constants.O_RDONLY | constants.O_NONBLOCK)
}

/** /dev/null, for reading and writing. */
export function openNull(): number {
  return open('/dev/null', constants.O_RDWR)
}

// A descriptor that `closeFd` closes. The end of a worker would close one of node:fs once more, by its number, which may be
// another file's by then.
function open(path: string, flags: number): number {
  return check(native().ts_open(path, flags), 'open', path)
}

/** The magic number (statfs(2)) of the file system that an open file is on. */
export function fileSystemMagic(fd: number): number {
  return viaNode(() => statfsSync(`/proc/self/fd/${fd}`).type)
}
