/** Directories of the store that appear whole. */

import { LayerError } from '../errors.js'
import { clearLayer } from '../layer/clear-layer.js'
import { isDirectory, isThere, makeDirectories, makeDirectory } from '../sys/file.js'
import { removeLater, renamePath } from '../sys/large-file.js'
import { changeMode } from '../sys/path-access.js'
import type { Depot } from './depot/depot.js'
import { holdDirectory } from './depot/directory-lock.js'
import { storeOwners } from './store-owners.js'

interface Filling {
  readonly depot: Depot
  /** Its folder and name below the store's own directory; the files are in `filesAt` it. */
  readonly place: readonly [...folder: string[], name: string]
  /** Writes the files into an empty directory (0755). What it has left after a failure is removed. */
  readonly fill: (directory: string) => Promise<void>
  readonly signal: AbortSignal | undefined
}

/** Without root a directory can be renamed only as long as it can be written to, which the image decides: so it is in one of ours. */
export const filesAt = (depot: Depot, place: readonly string[]): string => depot.own(...place, 'data')

/** Where what is to be at this place is filled, and where it goes when it is removed. */
export const fillingOf = (depot: Depot, place: readonly string[]): string => depot.own('unpacking', place.join('-'))

/**
 * Has a directory filled unless that has been done; of several who want it at the same time, in whatever process, one does.
 * @returns whether it was this one. @throws what `fill` throws; the reason of `signal`
 */
export async function fillOnce({ depot, place, fill, signal }: Filling): Promise<boolean> {
  const files = filesAt(depot, place)
  if (isDirectory(files)) return false
  const lock = await holdDirectory(fillingOf(depot, place), signal)
  const tree = `${lock.path}/tree`
  try {
    if (isDirectory(files)) return false
    // What a process that was killed has left.
    await removeLayer(tree)
    makeDirectories(tree, 0o700)
    makeDirectory(`${tree}/data`)
    changeMode(`${tree}/data`, 0o755)
    await fill(`${tree}/data`)
    makeDirectories(depot.own(...place.slice(0, -1)), 0o700)
    // An empty directory, such as a volume that nobody has used, gives way.
    await renamePath(tree, depot.own(...place))
    return true
  } finally {
    await removeLayer(tree)
    lock.release({ remove: true })
  }
}

/** Removes the files of a layer, whose paths may be longer than the kernel takes at once. Fine when it is gone. */
export async function removeLayer(path: string): Promise<void> {
  if (!isThere(path)) return
  await clearFiles(path)
  await removeLater(path)
}

async function clearFiles(target: string): Promise<void> {
  try {
    await clearLayer({ target })
  } catch (error) {
    const owners = storeOwners()
    if (!(error instanceof LayerError && error.code === 'ERR_LAYER_WRITE') || typeof owners === 'string') throw error
    // Some belong to other ids: they can be removed in a user namespace that has those.
    await clearLayer({ target, owners })
  }
}
