import { constants } from 'node:fs'
import { SystemError } from '../errors.js'
import { closeFd } from './beneath.js'
import { check, errnoName } from './errno.js'
import { openCached, runJob } from './job.js'
import { native } from './native.js'

interface TreePath {
  readonly path: string
  readonly recursive: boolean
  /** Of a link, the link itself. */
  readonly nofollow: boolean
}

/** A detached copy of what is mounted at `path` (open_tree(2) with OPEN_TREE_CLONE). Needs CAP_SYS_ADMIN. */
export function cloneTree({ path, recursive, nofollow }: TreePath): number {
  return check(native().ts_open_tree(path, recursive ? 1 : 0, nofollow ? 1 : 0), 'open_tree', path)
}

/**
 * As `cloneTree`, of a path that may be on a file system that does not answer: the event loop goes on.
 * @throws {SystemError}; the reason of `signal`
 */
export async function cloneTreeLater({ path, recursive, nofollow }: TreePath, signal?: AbortSignal): Promise<number> {
  const known = openCached(path, nofollow ? constants.O_NOFOLLOW : 0)
  if (known === null) {
    const job = { kind: 'openTree', path, first: recursive ? 1 : 0, second: nofollow ? 1 : 0, signal } as const
    return runJob(job, 'open_tree')
  }
  try {
    return cloneTreeAt(known, recursive)
  } finally {
    closeFd(known)
  }
}

/** As `cloneTree`, of an open directory or file. */
export function cloneTreeAt(fd: number, recursive: boolean): number {
  return check(native().ts_open_tree_at(fd, recursive ? 1 : 0), 'open_tree')
}

/** The CLONE_NEW* flag of an open namespace file; null where the file is something else. */
export function namespaceType(fd: number): number | null {
  const type = native().ts_namespace_type(fd)
  return type > 0 ? type : null
}

/**
 * A descriptor of a new user namespace that nobody is in; the maps are lines of uid_map and gid_map. Needs CAP_SETUID and
 * CAP_SETGID for more than the caller's own ids.
 */
export function makeUserNamespace(uidMap: string, gidMap: string): number {
  return check(native().ts_user_namespace(uidMap, gidMap), 'uid_map')
}

/** Maps the ids of a mount that is attached nowhere yet. */
export function mapIds({
  mount,
  namespace,
  recursive,
}: {
  mount: number
  namespace: number
  recursive: boolean
}): void {
  check(native().ts_idmap(mount, namespace, recursive ? 1 : 0), 'mount_setattr', 'MOUNT_ATTR_IDMAP')
}

const message = Buffer.alloc(512)

/**
 * A new file system, attached nowhere; `options` are `key` or `key=value`.
 * @throws {SystemError} with the file system's own words, if it has any
 */
export function newMount(type: string, options: readonly string[]): number {
  const texts = Buffer.from(options.map(option => `${option}\0`).join(''))
  const fd = native().ts_new_mount(type, texts, options.length, message, message.length)
  if (fd >= 0) return fd
  const words = message.toString('utf8', 0, message.indexOf(0)).trim().replace(/^e /, '')
  throw new SystemError({ syscall: 'fsconfig', errno: errnoName(-fd), path: words === '' ? type : `${type}: ${words}` })
}

/** Attaches a detached tree over an open directory; neither what is in it nor what is mounted in it later appears anywhere else. */
export function coverDirectory(tree: number, directory: number): void {
  check(native().ts_cover(tree, directory), 'move_mount')
}

/** Takes away the topmost mount at `path` with all that is mounted in it, also while it is in use (MNT_DETACH). */
export function uncover(path: string): void {
  check(native().ts_uncover(path), 'umount2', path)
}

const id = Buffer.alloc(8)

/** The numbers of the mount that a descriptor is in: of mountinfo(5), and the one that is never given again (Linux 6.8), else null. */
export function mountNumber(fd: number): { number: string; unique: string | null } {
  check(native().ts_mount_id(fd, 0, id), 'statx')
  const number = String(id.readBigUInt64LE())
  return { number, unique: native().ts_mount_id(fd, 1, id) === 0 ? String(id.readBigUInt64LE()) : null }
}
