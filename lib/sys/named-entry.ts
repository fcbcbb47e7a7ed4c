import { lstatSync, readlinkSync } from 'node:fs'
import { isErrno, viaNode } from './errno.js'

/** What a name stands for, without following it. */
export type Entry =
  | { readonly kind: 'file'; readonly size: number }
  | { readonly kind: 'directory' | 'whiteout' | 'other' }
  | { readonly kind: 'link'; readonly target: string }

/** null: there is nothing. A whiteout is the character device 0/0, by which an overlay file system says that a name is gone. */
export function entryAt(path: string): Entry | null {
  try {
    const status = viaNode(() => lstatSync(path))
    if (status.isSymbolicLink()) return { kind: 'link', target: viaNode(() => readlinkSync(path)) }
    if (status.isCharacterDevice() && status.rdev === 0) return { kind: 'whiteout' }
    if (status.isFile()) return { kind: 'file', size: status.size }
    return { kind: status.isDirectory() ? 'directory' : 'other' }
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return null
    throw error
  }
}
