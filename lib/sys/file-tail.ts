import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { isErrno, viaNode } from './errno.js'

/** The end of a file (UTF-8): whole lines of its last `limit` bytes; null if there is no such file. */
export function readTail(path: string, limit: number): string | null {
  try {
    return viaNode(() => tailOf(openSync(path, 'r'), limit))
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null
    throw error
  }
}

/** Closes the descriptor. */
function tailOf(fd: number, limit: number): string {
  try {
    const { size } = fstatSync(fd)
    const bytes = Buffer.alloc(Math.min(size, limit))
    const length = readSync(fd, bytes, 0, bytes.length, Math.max(0, size - limit))
    const text = bytes.subarray(0, length).toString('utf8')
    return size > limit ? text.slice(text.indexOf('\n') + 1) : text
  } finally {
    closeSync(fd)
  }
}
