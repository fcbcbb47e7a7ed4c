/** Trees that somebody else has written: names are bytes, kept as texts with a character for each, and links are never followed. */
import { constants, lstatSync, readdirSync } from 'node:fs'
import { closeFd } from './beneath.js'
import { check, errnoName, viaNode } from './errno.js'
import { native } from './native.js'

export type NodeKind = 'file' | 'directory' | 'symlink' | 'device' | 'fifo' | 'socket'

export interface TreeNode {
  readonly kind: NodeKind
  /** In bytes; of a device and a fifo 0. */
  readonly size: number
  /** Permission bits, with those for setuid and the like. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** How many names it has. */
  readonly links: number
  readonly inode: bigint
  /** Of a device. */
  readonly rdev: bigint
}

const bytesOf = (path: string): Buffer => Buffer.from(`${path}\0`, 'latin1')

/** A directory at a relative path below an open one, for reading; it belongs to the caller. Null: there is none, or not any more. */
export function openTreeDirectory(directory: number, path: string): number | null {
  let from = directory
  for (const part of partsOf(path)) {
    const fd = native().ts_open_tree_directory(from, bytesOf(part))
    if (from !== directory) closeFd(from)
    if (fd < 0 && ['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errnoName(-fd))) return null
    from = check(fd, 'openat2', utf8Of(path))
  }
  return from
}

/** PATH_MAX, with its NUL: a tree may be deeper than a system call can be told. */
const LONGEST_PATH = 4096

/** One after the other, each no longer than that. A name is at most 255 bytes. */
function partsOf(path: string): string[] {
  const parts: string[] = []
  let rest = path === '' ? '.' : path
  while (rest.length >= LONGEST_PATH) {
    const end = rest.lastIndexOf('/', LONGEST_PATH - 1)
    if (end <= 0) break
    parts.push(rest.slice(0, end))
    rest = rest.slice(end + 1)
  }
  return [...parts, rest]
}

/** The names in an open directory, sorted by their bytes. */
export function listNames(directory: number): string[] {
  return viaNode(() => readdirSync(`/proc/self/fd/${directory}`, 'latin1')).sort()
}

/** What has that name in an open directory; null: nothing. */
export function nodeAt(directory: number, name: string): TreeNode | null {
  const path = Buffer.from(`/proc/self/fd/${directory}/${name}`, 'latin1')
  return viaNode(() => {
    const status = lstatSync(path, { bigint: true, throwIfNoEntry: false })
    if (status === undefined) return null
    return {
      kind: kindOf(Number(status.mode)),
      size: Number(status.size),
      mode: Number(status.mode) & 0o7777,
      uid: Number(status.uid),
      gid: Number(status.gid),
      links: Number(status.nlink),
      inode: status.ino,
      rdev: status.rdev,
    }
  }, utf8Of(name))
}

const KINDS: ReadonlyMap<number, NodeKind> = new Map([
  [constants.S_IFDIR, 'directory'],
  [constants.S_IFLNK, 'symlink'],
  [constants.S_IFIFO, 'fifo'],
  [constants.S_IFSOCK, 'socket'],
  [constants.S_IFCHR, 'device'],
  [constants.S_IFBLK, 'device'],
])

const kindOf = (mode: number): NodeKind => KINDS.get(mode & constants.S_IFMT) ?? 'file'

const value = Buffer.alloc(256)

/** An extended attribute of an open file, as text; null: it has none of that name. */
export function attributeOf(fd: number, name: string): string | null {
  const length = native().ts_xattr(fd, name, value, value.length)
  if (length < 0 && ['ENODATA', 'EOPNOTSUPP'].includes(errnoName(-length))) return null
  return value.toString('utf8', 0, check(length, 'fgetxattr', name))
}

/** A name or path for people and programs; bytes that are no UTF-8 become U+FFFD. */
export const utf8Of = (path: string): string => Buffer.from(path, 'latin1').toString('utf8')

export const bytesOfPath = (path: string): Uint8Array => Buffer.from(path, 'latin1')
