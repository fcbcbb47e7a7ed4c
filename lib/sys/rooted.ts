/**
 * Files of a container, by paths in its root. Everything below is hostile and may change at any moment: a path is resolved by the kernel
 * within the root, once, into a descriptor, and what is done is done to that. Only plain files and directories are opened, and none of
 * procfs, sysfs and the like, to which a link may lead: what is written there is read by the kernel.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  renameSync,
  type Stats,
} from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { SystemError } from '../errors.js'
import { closeFd } from './beneath.js'
import { check, isErrno, named, viaNode } from './errno.js'
import { fileSystemMagic } from './file.js'
import { native } from './native.js'

const O_PATH = 0o10000000
const O_CLOEXEC = 0o2000000

/** tmpfs, overlay and disks are not in this list: proc, sysfs, cgroup, cgroup2, debugfs, tracefs, securityfs, bpf, devpts, mqueue. */
const OF_THE_KERNEL: ReadonlySet<number> = new Set([
  ...[0x9fa0, 0x62656572, 0x27e0eb, 0x63677270, 0x64626720, 0x74726163, 0x73636673, 0xcafe4a11, 0x1cd1, 0x19800202],
])

export interface RootedStatus {
  readonly kind: 'file' | 'directory' | 'symlink' | 'other'
  /** In bytes. */
  readonly size: number
  /** Permission bits. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly modified: Date
}

/** A descriptor of the root as a process sees it; it belongs to the caller. */
export function openRootOf(pid: number): number {
  return check(native().ts_open(`/proc/${pid}/root`, O_PATH | constants.O_DIRECTORY), 'open', `/proc/${pid}/root`)
}

export interface RootedPlace {
  readonly root: number
  /** Absolute in the root. */
  readonly path: string
}

/** An O_PATH descriptor, which is checked not to be of the kernel's own file systems. */
export function openRooted({ root, path }: RootedPlace, flags = 0): number {
  const fd = check(native().ts_open_in_root(root, path, O_PATH | flags, 0), 'openat2', path)
  if (!OF_THE_KERNEL.has(fileSystemMagic(fd))) return fd
  closeFd(fd)
  throw new SystemError(
    { syscall: 'openat2', errno: 'EPERM', path },
    { hint: 'the file system there is the kernel’s own' },
  )
}

/** A place that is opened again for what is to be done: of the descriptor, not by its name. */
export async function reopen(place: RootedPlace, flags: number): Promise<FileHandle> {
  const fd = openRooted(place)
  try {
    const status = at(place.path, () => fstatSync(fd))
    if (!status.isFile()) throw new SystemError({ syscall: 'openat2', errno: notFile(status), path: place.path })
    return await later(place, () => open(`/proc/self/fd/${fd}`, flags | O_CLOEXEC))
  } finally {
    closeFd(fd)
  }
}

const notFile = (status: Stats): string => (status.isDirectory() ? 'EISDIR' : 'ENXIO')

/** The error of a call of Node's is one of the path, which means more to people than /proc/self/fd. */
export const at = <T>(path: string, act: () => T): T => named(path, () => viaNode(act))

export async function later<T>({ path }: Pick<RootedPlace, 'path'>, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    return at(path, () => {
      throw error
    })
  }
}

const CHUNK = 1024 * 1024

/** What a plain file has when it is opened. @throws {SystemError} EFBIG above `limit` bytes */
export async function readRooted(place: RootedPlace, limit: number): Promise<Buffer> {
  const file = await reopen(place, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const { size } = at(place.path, () => fstatSync(file.fd))
    if (size > limit) throw new SystemError({ syscall: 'read', errno: 'EFBIG', path: place.path })
    const bytes = Buffer.allocUnsafe(size)
    let done = 0
    while (done < size) {
      const { bytesRead } = await later(place, () => file.read(bytes, done, Math.min(size - done, CHUNK)))
      if (bytesRead === 0) break
      done += bytesRead
    }
    return bytes.subarray(0, done)
  } finally {
    await file.close()
  }
}

export interface NewOwner {
  readonly uid: number
  readonly gid: number
}

interface Writing extends RootedPlace {
  readonly data: Uint8Array
  /** Of a new file and new directories; null: this process. */
  readonly owner: NewOwner | null
  /** Permission bits. Default: those that it has, 0644 of a new one. */
  readonly mode: number | undefined
}

/** Makes the file, and the directories that it is in, or replaces what is in it. */
export async function writeRooted({ data, owner, mode, ...place }: Writing): Promise<void> {
  const file = await openToWrite(place, owner, mode)
  try {
    await later(place, () => file.writeFile(data))
  } finally {
    await file.close()
  }
}

export async function openToWrite(place: RootedPlace, owner: NewOwner | null, mode?: number): Promise<FileHandle> {
  const file = await openOrMake(place, owner)
  return mode === undefined ? file : prepared(place, file, () => fchmodSync(file.fd, mode))
}

/** The caller gets it as it is to be, or it is closed. */
async function prepared({ path }: RootedPlace, file: FileHandle, act: () => void): Promise<FileHandle> {
  try {
    at(path, act)
    return file
  } catch (error) {
    await file.close()
    throw error
  }
}

async function openOrMake(place: RootedPlace, owner: NewOwner | null): Promise<FileHandle> {
  try {
    const file = await reopen(place, constants.O_WRONLY | constants.O_NONBLOCK)
    return await prepared(place, file, () => ftruncateSync(file.fd, 0))
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error
  }
  const file = await makeFileRooted(place, owner, 0o644)
  return owner === null ? file : prepared(place, file, () => fchownSync(file.fd, owner.uid, owner.gid))
}

/** A new file, in directories as `openParent` makes them. @throws {SystemError} EEXIST */
export async function makeFileRooted(
  place: RootedPlace,
  owner: NewOwner | null | undefined,
  mode: number,
): Promise<FileHandle> {
  const { directory, name } = openParent(place, owner)
  try {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW | O_CLOEXEC
    return await later(place, () => open(`/proc/self/fd/${directory}/${name}`, flags, mode))
  } finally {
    closeFd(directory)
  }
}

/** The directory that a path is in, made if it is missing (with `owner`), and the name in it. */
export function openParent(
  { root, path }: RootedPlace,
  owner: NewOwner | null | undefined,
): { directory: number; name: string } {
  const parts = path.split('/').filter(part => part !== '' && part !== '.')
  const name = parts.pop()
  if (name === undefined || name === '..') throw new SystemError({ syscall: 'openat2', errno: 'EINVAL', path })
  const parent = `/${parts.join('/')}`
  if (owner !== undefined) makeRooted({ root, path: parent }, owner)
  return { directory: openRooted({ root, path: parent }, constants.O_DIRECTORY), name }
}

/** mkdir -p. */
export function makeRooted({ root, path }: RootedPlace, owner: NewOwner | null): void {
  try {
    closeFd(openRooted({ root, path }, constants.O_DIRECTORY))
    return
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error
  }
  const { directory, name } = openParent({ root, path }, owner)
  try {
    makeIn({ directory, name, owner, path })
  } finally {
    closeFd(directory)
  }
}

interface Making {
  readonly directory: number
  readonly name: string
  readonly path: string
  readonly owner: NewOwner | null
}

function makeIn({ directory, name, owner, path }: Making): void {
  const place = `/proc/self/fd/${directory}/${name}`
  try {
    at(path, () => mkdirSync(place, { mode: 0o755 }))
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return
    throw error
  }
  if (owner === null) return
  at(path, () => {
    const made = openSync(place, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW | O_CLOEXEC)
    try {
      fchownSync(made, owner.uid, owner.gid)
    } finally {
      closeSync(made)
    }
  })
}

/** Of what a link at the end of the path leads to, in the root. */
export function statRooted(place: RootedPlace): RootedStatus {
  const fd = openRooted(place)
  try {
    return statusFrom(at(place.path, () => fstatSync(fd)))
  } finally {
    closeFd(fd)
  }
}

export function statusFrom(status: Stats): RootedStatus {
  const kind = status.isFile()
    ? 'file'
    : status.isDirectory()
      ? 'directory'
      : status.isSymbolicLink()
        ? 'symlink'
        : 'other'
  const { size, mode, uid, gid, mtime } = status
  return { kind, size, mode: mode & 0o7777, uid, gid, modified: mtime }
}

export function renameRooted(from: RootedPlace, to: RootedPlace, owner: NewOwner | null): void {
  const source = openParent(from, undefined)
  try {
    const target = openParent(to, owner)
    try {
      const [before, after] = [source, target].map(({ directory, name }) => `/proc/self/fd/${directory}/${name}`)
      at(from.path, () => renameSync(before ?? '', after ?? ''))
    } finally {
      closeFd(target.directory)
    }
  } finally {
    closeFd(source.directory)
  }
}
