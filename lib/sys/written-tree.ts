/** Directories of the host that a container has written to, once it is gone. */
import { chmodSync, lchownSync, lstatSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs'
import { viaNode } from './errno.js'
import { unlessGone } from './file.js'

interface FileOwner {
  readonly uid: number
  readonly gid: number
}

/**
 * Removes what a container that is gone has written on the host, with directories that it has closed to its own user. Fine if it is gone, also
 * if another process removes it at the same time. Nobody else may be able to write there.
 */
export function removeWritten(path: string): void {
  unlessGone(() => {
    const status = lstatSync(path)
    if (!status.isDirectory()) return unlinkSync(path)
    if ((status.mode & 0o700) !== 0o700) chmodSync(path, 0o700)
    for (const name of readdirSync(path)) removeWritten(`${path}/${name}`)
    rmdirSync(path)
  })
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
