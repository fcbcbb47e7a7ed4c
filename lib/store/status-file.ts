/** `exit` of the state directory: how the program ended that runs below a first process of ours (the op `reap`). */
import { isErrno } from '../sys/errno.js'
import { openNewFile, readRegular } from '../sys/file.js'
import { type ExitStatus, statusOfWait } from '../sys/processes.js'
import type { Store } from './store.js'

const fileOf = (store: Store, id: string): string => `${store.directory(id)}/exit`

const SIZE = 4
/** As in native/init/ops_reap.c. */
const IS_KEPT = 0x10000

/** A descriptor to read and write, for the helper. */
export function makeStatusFile(store: Store, id: string): number {
  return openNewFile(fileOf(store, id), Buffer.alloc(SIZE))
}

/** Null if there is none: the first process was killed, or the container has no such process. */
export function readStatusFile(store: Store, id: string): ExitStatus | null {
  const bytes = read(fileOf(store, id))
  if (typeof bytes === 'string' || bytes.length !== SIZE) return null
  const kept = Buffer.from(bytes).readUInt32LE(0)
  return kept & IS_KEPT ? statusOfWait(kept & 0xffff) : null
}

function read(path: string): Uint8Array | string {
  try {
    return readRegular(path, SIZE)
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return 'nothing'
    throw error
  }
}
