import { statfsSync } from 'node:fs'
import { viaNode } from './errno.js'

/** The magic number (statfs(2)) of the file system that an open file is on. */
export function fileSystemMagic(fd: number): number {
  return viaNode(() => statfsSync(`/proc/self/fd/${fd}`).type)
}
