/** The root of a container that is restored, if it has layers: the same overlay is made again, for CRIU alone to attach. */

import type { ImagePaths } from '../checkpoint/image-directory.js'
import { upperArchive } from '../checkpoint/saved-root.js'
import { memoryUpper, openLayered } from '../launch/layered.js'
import { fillUpper } from '../layer/saved-upper.js'
import type { Plan } from '../plan/plan.js'
import type { ContainerRecord } from '../store/container-record.js'
import { closeFd } from '../sys/beneath.js'
import { makeDirectory } from '../sys/file.js'
import { claimUpper } from './upper-claim.js'

export interface RestoredRoot {
  /** Attached nowhere. */
  readonly tree: number
  /** The container has a process by now: what it writes to is its own. */
  settle(record: ContainerRecord): void
  /** As of `MemoryUpper`. */
  takeMemory(): number | null
  close(): void
}

interface Wanted {
  readonly id: string
  readonly plan: Plan
  /** The place of the root, in the state directory. */
  readonly rootfs: string
  readonly paths: ImagePaths
  /** Of what memory is filled from; null: it begins empty. */
  readonly digest: string | null
  readonly signal: AbortSignal | undefined
}

/**
 * null: the root is one directory.
 * @throws {StateError} ERR_STATE_LOCKED if another container writes to the same directory; as `openLayered`; {LayerError} for an archive
 *   that is damaged
 */
export async function openRestoredRoot(wanted: Wanted): Promise<RestoredRoot | null> {
  const slot = wanted.plan.slots.find(each => each.kind === 'layered')
  if (slot === undefined) return null
  const { id, rootfs, signal } = wanted
  const memory = memoryUpper()
  const claim = 'directory' in slot.upper ? claimUpper(slot.upper.directory, id) : null
  const release = (): void => {
    memory.close()
    claim?.release()
  }
  try {
    makeDirectory(rootfs)
    const tree = await openLayered({ slot, memory, signal, ...filling(wanted) })
    return {
      tree,
      settle: record => claim?.settle(record),
      takeMemory: memory.take,
      close: () => {
        closeFd(tree)
        release()
      },
    }
  } catch (error) {
    release()
    throw error
  }
}

function filling({ paths, digest, signal }: Wanted): Pick<Parameters<typeof openLayered>[0], 'fill'> {
  if (digest === null) return {}
  const file = upperArchive(paths)
  const fill = (tmpfs: number): Promise<void> =>
    fillUpper({ upper: `/proc/self/fd/${tmpfs}/upper`, file, diffId: digest, signal })
  return { fill }
}
