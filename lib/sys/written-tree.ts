/** Directories of the host that a container has written to, once it is gone. */
import { chmodSync, lchownSync, lstatSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs'
import { viaNode } from './errno.js'

interface FileOwner {
  readonly uid: number
  readonly gid: number
}

/**
 * Removes what a container that is gone has written on the host, with directories that it has closed to its own user. Fine if it is gone.
 * Nobody else may be able to write there.
 */
export function removeWritten(path: string): void {
  const status = viaNode(() => lstatSync(path, { throwIfNoEntry: false }))
  if (status === undefined) return
  if (!status.isDirectory()) {
    viaNode(() => unlinkSync(path))
    return
  }
  if ((status.mode & 0o700) !== 0o700) viaNode(() => chmodSync(path, 0o700))
  for (const name of viaNode(() => readdirSync(path))) removeWritten(`${path}/${name}`)
  viaNode(() => rmdirSync(path))
}

export function ownerOfPath(path: string): FileOwner {
  const { uid, gid } = viaNode(() => lstatSync(path))
  return { uid, gid }
}

/** Whatever the umask is. */
export function changeMode(path: string, mode: number): void {
  viaNode(() => chmodSync(path, mode))
}

export function changeOwner(path: string, { uid, gid }: FileOwner): void {
  viaNode(() => lchownSync(path, uid, gid))
}
