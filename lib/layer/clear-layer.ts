/** Removes what has been unpacked. */
import { closeFd } from '../sys/beneath.js'
import { openPath } from '../sys/file.js'
import { type LayerOwners, mappingsOf, type OwnerMappings } from './layer-owners.js'
import { startWriter } from './writer.js'

/** Leaves the directory itself. */
export async function clearBelow(directory: number, mappings: OwnerMappings | null): Promise<void> {
  const options = { overlay: 'user', owners: false, devices: false } as const
  const writer = await startWriter({ target: directory, mappings, ...options })
  try {
    void writer.order({ order: 'clear' })
    await writer.finish()
  } finally {
    await writer.stop()
  }
}

export interface ClearOptions {
  /** What `unpackLayer` has written to, whole or in part. */
  readonly target: string
  /** As they were for `unpackLayer`: without root, only the namespace can remove what belongs to mapped ids. Default: this user's. */
  readonly owners?: LayerOwners
}

/**
 * Removes all that is in the directory, by a process of its own that follows no link; not the directory. The event loop goes on.
 * @throws {LayerError} ERR_LAYER_WRITE if something can't be removed
 * @throws {SystemError} ENOENT or ENOTDIR
 */
export async function clearLayer({ target, owners = 'squashed' }: ClearOptions): Promise<void> {
  const directory = openPath(target, { directory: true })
  try {
    await clearBelow(directory, mappingsOf(owners))
  } finally {
    closeFd(directory)
  }
}
