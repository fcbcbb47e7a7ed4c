/** Who a path belongs to, and who may do what with it. */
import { chmodSync, lchownSync, lstatSync } from 'node:fs'
import { viaNode } from './errno.js'

interface FileOwner {
  readonly uid: number
  readonly gid: number
}

export function ownerOfPath(path: string): FileOwner {
  const { uid, gid } = viaNode(() => lstatSync(path))
  return { uid, gid }
}

/** Of the path itself, which may be a link: its group and its permissions. */
export function accessOfPath(path: string): { readonly gid: number; readonly mode: number; readonly isLink: boolean } {
  const status = viaNode(() => lstatSync(path))
  return { gid: status.gid, mode: status.mode & 0o7777, isLink: status.isSymbolicLink() }
}

/** Whatever the umask is. */
export function changeMode(path: string, mode: number): void {
  viaNode(() => chmodSync(path, mode))
}

export function changeOwner(path: string, { uid, gid }: FileOwner): void {
  viaNode(() => lchownSync(path, uid, gid))
}
