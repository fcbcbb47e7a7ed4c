/** The part of node:fs/promises that lib/sys uses to read: nothing else goes on in the executable meanwhile, so that each call waits. */
import type { Buffer } from './node-buffer.js'
import { closeSync, fstatSync, lstatSync, openSync, readSync, renameSync, rmSync, type Stats } from './node-fs.js'

interface OpenFile {
  stat(): Promise<Stats>
  read(bytes: Buffer, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }>
  close(): Promise<void>
}

export async function open(path: string, flags: string | number, mode?: number): Promise<OpenFile> {
  const fd = openSync(path, flags, mode)
  return {
    stat: async () => fstatSync(fd),
    read: async (bytes, offset, length, position) => ({ bytesRead: readSync(fd, bytes, offset, length, position) }),
    close: async () => closeSync(fd),
  }
}

export const lstat = async (path: string): Promise<Stats> => lstatSync(path)
export const rename = async (from: string, to: string): Promise<void> => renameSync(from, to)
/** A file only, as `rmSync`. */
export const rm = async (path: string, options: { readonly force?: boolean }): Promise<void> => rmSync(path, options)
