/** Volumes become mounts of a container; a new one is filled from the image. */
import { optionError } from '../config/option.js'
import { ImageError } from '../errors.js'
import type { OciMount } from '../index.js'
import type { LayerOwners } from '../layer/layer-owners.js'
import { makeDirectories, makeDirectory } from '../sys/file.js'
import { changeMode } from '../sys/path-access.js'
import { copyMerged } from './copy-merged.js'
import type { Depot } from './depot/depot.js'
import { claimedDigests, type Lease } from './depot/leases.js'
import { fillOnce } from './fill-once.js'
import { checkKnown } from './image-options.js'
import { partsOf } from './merged-file.js'
import type { Image } from './stored-image.js'
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

/** Far above any image: each is a copy of its own. */
const MOST_VOLUMES = 100

/**
 * Where the configuration of an image wants volumes, and none of `mounts` is.
 * @throws {ImageError} ERR_IMAGE_INVALID for what is no place for one, or too many
 */
export function imageVolumes({ config: { config } }: Image, mounts: readonly VolumeMount[]): readonly string[] {
  const wanted = Object.keys(config?.Volumes ?? {})
  const wrong = wanted.find(path => !path.startsWith('/') || partsOf(path).length === 0)
  const why =
    wrong === undefined
      ? `more than ${MOST_VOLUMES} volumes`
      : `a volume at ${JSON.stringify(wrong)}, which is no absolute path other than "/"`
  if (wrong !== undefined || wanted.length > MOST_VOLUMES)
    throw new ImageError('ERR_IMAGE_INVALID', `the image has ${why}`, { path: '/config/Volumes' })
  const taken = new Set(mounts.map(({ target }) => plainPath(target)))
  return [...new Set(wanted.map(plainPath))].filter(path => !taken.has(path))
}

const plainPath = (path: string): string => `/${partsOf(path).join('/')}`

interface Mounting {
  readonly depot: Depot
  readonly lease: Lease
  /** Of the image, base first. */
  readonly layers: readonly string[]
  /** Of the layers' files, and of the volumes'. */
  readonly owners: LayerOwners
  readonly mounts: readonly Required<VolumeMount>[]
  /** Where volumes without a name are to be, which go with the lease. */
  readonly anonymous: readonly string[]
  readonly signal: AbortSignal | undefined
}

/** Those above others come first. @throws {ImageError|LayerError}; the reason of `signal` */
export async function mountVolumes(mounting: Mounting): Promise<readonly OciMount[]> {
  const made = [...(await anonymousMounts(mounting)), ...(await namedMounts(mounting))]
  const depth = ({ destination }: OciMount): number => partsOf(destination).length
  return made.toSorted((a, b) => depth(a) - depth(b))
}

const mountOf = (source: string, destination: string, mode: 'ro' | 'rw'): OciMount => ({
  destination,
  type: 'bind',
  source,
  options: ['rbind', 'nosuid', 'nodev', mode],
})

async function anonymousMounts(mounting: Mounting): Promise<readonly OciMount[]> {
  const { depot, lease, layers, owners, anonymous, signal } = mounting
  if (anonymous.length === 0) return []
  // With those of containers that have been deleted since: they must not pile up if nobody prunes.
  await depot.exclusively(() => claimedDigests(depot), signal)
  makeDirectories(lease.volumes, 0o700)
  const made: OciMount[] = []
  for (const [index, path] of anonymous.entries()) {
    const target = `${lease.volumes}/${index}`
    makeDirectory(target)
    changeMode(target, 0o755)
    await copyMerged({ layers, path }, { target, owners, durable: false, signal })
    made.push(mountOf(target, path, 'rw'))
  }
  return made
}

async function namedMounts({ depot, lease, layers, owners, mounts, signal }: Mounting): Promise<readonly OciMount[]> {
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
    made.push(mountOf(volumeFiles(depot, volume), target, mode))
  }
  return made
}
