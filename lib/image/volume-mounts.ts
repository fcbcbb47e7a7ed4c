/** Volumes become mounts of a container; a new one is filled from the image. */
import { optionError } from '../config/option.js'
import type { OciMount } from '../index.js'
import { copyMerged } from './copy-merged.js'
import type { Depot } from './depot/depot.js'
import type { Lease } from './depot/leases.js'
import { fillOnce } from './fill-once.js'
import { checkKnown } from './image-options.js'
import type { LayerOwners } from './layer/layer-owners.js'
import { checkVolumeName, claimOf, volumeFiles, volumePlace } from './volumes.js'

export interface VolumeMount {
  /** Its name. It is made if the store does not have it. */
  readonly volume: string
  /** In the container; absolute. */
  readonly target: string
  /** Default `rw`. */
  readonly mode?: 'ro' | 'rw'
}

/** @throws {ConfigError} naming the option; {ImageError} ERR_VOLUME_NAME */
export function checkVolumeMounts(mounts: readonly VolumeMount[]): readonly Required<VolumeMount>[] {
  if (!Array.isArray(mounts)) throw optionError({ option: 'mounts', expected: 'an array', received: mounts })
  return mounts.map((mount: VolumeMount, index) => {
    const option = `mounts[${index}]`
    if (typeof mount !== 'object' || mount === null)
      throw optionError({ option, expected: 'an object', received: mount })
    checkKnown(option, mount, ['volume', 'target', 'mode'])
    const { volume, target, mode = 'rw' } = mount
    checkVolumeName(volume)
    if (typeof target !== 'string' || !/^\/+[^/]/.test(target))
      throw optionError({ option: `${option}.target`, expected: 'an absolute path other than "/"', received: target })
    if (mode !== 'ro' && mode !== 'rw')
      throw optionError({ option: `${option}.mode`, expected: '"ro" or "rw"', received: mode })
    return { volume, target, mode }
  })
}

interface Mounting {
  readonly depot: Depot
  readonly lease: Lease
  /** Of the image, base first. */
  readonly layers: readonly string[]
  /** Of the layers' files, and of the volumes'. */
  readonly owners: LayerOwners
  readonly mounts: readonly Required<VolumeMount>[]
  readonly signal: AbortSignal | undefined
}

/** @throws {ImageError|LayerError}; the reason of `signal` */
export async function mountVolumes(mounting: Mounting): Promise<readonly OciMount[]> {
  const { depot, lease, layers, owners, mounts, signal } = mounting
  if (mounts.length === 0) return []
  await lease.claim(
    mounts.map(({ volume }) => claimOf(volume)),
    signal,
  )
  const made: OciMount[] = []
  for (const { volume, target, mode } of mounts) {
    const fill = (directory: string): Promise<void> =>
      copyMerged({ layers, path: target }, { target: directory, owners, durable: true, signal })
    await fillOnce({ depot, place: volumePlace(volume), fill, signal })
    const source = volumeFiles(depot, volume)
    made.push({ destination: target, type: 'bind', source, options: ['rbind', 'nosuid', 'nodev', mode] })
  }
  return made
}
