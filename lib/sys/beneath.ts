/**
 * Files below a directory descriptor and never outside of it: no links, no other mounts, no `..` (openat2).
 * For cgroup trees and procfs, where names may come from a configuration.
 */
import { constants, readdirSync } from 'node:fs'
import { check, errnoName, viaNode } from './errno.js'
import { openPath } from './file.js'
import { native } from './native.js'

const O_PATH = 0o10000000

const FLAGS = {
  read: constants.O_RDONLY,
  write: constants.O_WRONLY,
  directory: O_PATH | constants.O_DIRECTORY,
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

const READ_LIMIT = 256 * 1024
let scratch: Buffer | null = null

/** The file's text, up to 256 KiB. */
export function readBeneath(dirfd: number, path: string): string {
  scratch ??= Buffer.alloc(READ_LIMIT)
  const length = check(native().ts_read_beneath(dirfd, path, scratch, READ_LIMIT), 'read', path)
  return scratch.toString('utf8', 0, length)
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
