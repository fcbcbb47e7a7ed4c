/**
 * Files below a directory descriptor and never outside of it: no links, no other mounts, no `..` (openat2).
 * For cgroup trees and procfs, where names may come from a configuration.
 */
import { constants, readdirSync } from 'node:fs'
import { SystemError } from '../errors.js'
import { check, errnoName, viaNode } from './errno.js'
import { openPath } from './file.js'
import { native } from './native.js'

const O_PATH = 0o10000000

const FLAGS = {
  read: constants.O_RDONLY,
  write: constants.O_WRONLY,
  directory: O_PATH | constants.O_DIRECTORY,
  list: constants.O_RDONLY | constants.O_DIRECTORY,
} as const

/** A descriptor (O_PATH) of the directory at `path`; to be closed with `closeFd`. */
export function openDirectory(path: string): number {
  return openPath(path, { directory: true })
}

export function openBeneath(dirfd: number, path: string, how: keyof typeof FLAGS): number {
  return check(native().ts_open_beneath(dirfd, path, FLAGS[how]), 'openat2', path)
}

/** False: there is no such file. */
export function isThereBeneath(dirfd: number, path: string): boolean {
  const fd = native().ts_open_beneath(dirfd, path, O_PATH)
  if (fd < 0 && errnoName(-fd) === 'ENOENT') return false
  closeFd(check(fd, 'openat2', path))
  return true
}

const READ_BYTES = 256 * 1024
/** More than the pids of all processes that a kernel can have. */
const MOST_BYTES = 64 * 1024 * 1024
let scratch: Buffer | null = null

/** The file's text, to its end. @throws {SystemError} EFBIG above 64 MiB */
export function readBeneath(dirfd: number, path: string): string {
  scratch ??= Buffer.alloc(READ_BYTES)
  for (let buffer = scratch; buffer.length <= MOST_BYTES; buffer = Buffer.alloc(buffer.length * 4)) {
    const length = check(native().ts_read_beneath(dirfd, path, buffer, buffer.length), 'read', path)
    if (length < buffer.length) return buffer.toString('utf8', 0, length)
  }
  throw new SystemError({ syscall: 'read', errno: 'EFBIG', path })
}

/** Writes `text` with one write(2). */
export function writeBeneath(dirfd: number, path: string, text: string): void {
  const bytes = Buffer.from(text)
  check(native().ts_write_beneath(dirfd, path, bytes, bytes.length), 'write', path)
}

/** Writes each line with one write(2), all to one open file. Returns the first line that was refused and why; null: none. */
export function writeLinesBeneath(
  dirfd: number,
  path: string,
  lines: readonly string[],
): { line: number; errno: string } | null {
  const bytes = Buffer.from(lines.map(line => `${line}\n`).join(''))
  const done = Buffer.alloc(4)
  const result = native().ts_write_lines_beneath(dirfd, path, bytes, bytes.length, done)
  return result < 0 ? { line: done.readInt32LE(0), errno: errnoName(-result) } : null
}

/** True: made; false: it was there. */
export function mkdirBeneath(dirfd: number, path: string, mode: number): boolean {
  const made = native().ts_mkdir_beneath(dirfd, path, mode)
  if (made < 0 && errnoName(-made) === 'EEXIST') return false
  check(made, 'mkdirat', path)
  return true
}

export function rmdirBeneath(dirfd: number, path: string): void {
  check(native().ts_rmdir_beneath(dirfd, path), 'unlinkat', path)
}

export function chownBeneath(dirfd: number, path: string, uid: number, gid: number): void {
  check(native().ts_chown_beneath(dirfd, path, uid, gid), 'fchownat', path)
}

/** The directory above an open one. The caller counts the levels: nothing else keeps it below where it began. */
export function openAbove(directory: number): number {
  return check(native().ts_open_above(directory), 'openat', '..')
}

const NAMES_BYTES = 64 * 1024

/** The names of the directories in one that is open for reading (`list`). */
export function listDirectories(directory: number): string[] {
  for (let size = NAMES_BYTES; ; size *= 4) {
    const names = Buffer.allocUnsafe(size)
    const length = native().ts_list_directories(directory, names, size)
    if (length < 0 && errnoName(-length) === 'ERANGE' && size < MOST_BYTES) continue
    check(length, 'getdents64')
    return length === 0 ? [] : names.toString('utf8', 0, length - 1).split('\0')
  }
}

/** What is in the directory, without `.` and `..`. */
export function listBeneath(dirfd: number, path: string): { name: string; directory: boolean }[] {
  const fd = openBeneath(dirfd, path, 'directory')
  try {
    const entries = viaNode(() => readdirSync(`/proc/self/fd/${fd}/`, { withFileTypes: true }))
    return entries.map(entry => ({ name: entry.name, directory: entry.isDirectory() }))
  } finally {
    closeFd(fd)
  }
}

export function closeFd(fd: number): void {
  check(native().ts_close(fd), 'close')
}

/** All of them, also when one of them is not open; that is thrown at the end. */
export function closeFds(fds: Iterable<number>): void {
  const numbers = Int32Array.from(fds)
  check(native().ts_close_all(Buffer.from(numbers.buffer), numbers.length), 'close')
}
