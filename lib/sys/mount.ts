import { check } from './errno.js'
import { native } from './native.js'

/** A detached copy of what is mounted at `path` (open_tree(2) with OPEN_TREE_CLONE). Needs CAP_SYS_ADMIN. */
export function cloneTree({
  path,
  recursive,
  nofollow,
}: {
  path: string
  recursive: boolean
  nofollow: boolean
}): number {
  return check(native().ts_open_tree(path, recursive ? 1 : 0, nofollow ? 1 : 0), 'open_tree', path)
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
