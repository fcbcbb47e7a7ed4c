/** Named directories that outlive containers. A volume has its files in `data`, which it has from its first use on. */
import { ImageError } from '../errors.js'
import { isDirectory, isThere, makeDirectories } from '../sys/file.js'
import { renamePath } from '../sys/large-file.js'
import { randomName } from '../sys/self.js'
import type { Depot } from './depot/depot.js'
import { holdDirectory } from './depot/directory-lock.js'
import { claimedDigests, namesIn } from './depot/leases.js'
import { filesAt, removeLayer } from './fill-once.js'
import { checkKnown } from './image-options.js'

export interface Volume {
  readonly name: string
  /** Where its files are; null: it has not been used yet. */
  readonly path: string | null
  /** A container has it, or a process is about to give it one. */
  readonly inUse: boolean
}

export interface VolumeOptions {
  readonly signal?: AbortSignal
}

export interface Volumes {
  /** Makes one, which is filled when it is used first. Fine if it is there. @throws {ImageError} ERR_VOLUME_NAME; the reason of `signal` */
  create(name: string, options?: VolumeOptions): Promise<Volume>
  /** All, by name. */
  list(options?: VolumeOptions): Promise<readonly Volume[]>
  /** Removes one with all that is in it. @throws {ImageError} ERR_VOLUME_NOT_FOUND, ERR_VOLUME_IN_USE, ERR_VOLUME_NAME */
  remove(name: string, options?: VolumeOptions): Promise<void>
  /** Removes all that are not in use, with what is in them. @returns their names */
  prune(options?: VolumeOptions): Promise<readonly string[]>
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/
const NAME_EXPECTED = 'a letter or digit, and then letters, digits, "_", "." or "-", 128 at most'

/** @throws {ImageError} ERR_VOLUME_NAME */
export function checkVolumeName(name: unknown): asserts name is string {
  if (typeof name === 'string' && NAME.test(name)) return
  const message = `${JSON.stringify(name)} is no name of a volume, which is ${NAME_EXPECTED}`
  throw new ImageError('ERR_VOLUME_NAME', message, { expected: NAME_EXPECTED })
}

/** What a lease has in the place of a digest. */
export const claimOf = (name: string): string => `volume:${name}`

export const volumePlace = (name: string): [string, string] => ['volumes', name]
export const volumeFiles = (depot: Depot, name: string): string => filesAt(depot, volumePlace(name))
const volumeDirectory = (depot: Depot, name: string): string => depot.own(...volumePlace(name))

export function openVolumes(depot: Depot): Volumes {
  return {
    create: async (name, options = {}) => {
      checkKnown('volumes.create', options, ['signal'])
      checkVolumeName(name)
      await depot.exclusively(async () => makeDirectories(volumeDirectory(depot, name), 0o700), options.signal)
      return found(depot, name, await claimsIn(depot, options.signal))
    },
    list: async (options = {}) => {
      checkKnown('volumes.list', options, ['signal'])
      const names = namesOf(depot)
      const claims = names.length === 0 ? new Set<string>() : await claimsIn(depot, options.signal)
      return names.map(name => found(depot, name, claims))
    },
    remove: async (name, options = {}) => {
      checkKnown('volumes.remove', options, ['signal'])
      checkVolumeName(name)
      await removeVolume(depot, name, options.signal)
    },
    prune: async (options = {}) => {
      checkKnown('volumes.prune', options, ['signal'])
      const removed: string[] = []
      for (const name of namesOf(depot)) if (await removeIfUnused(depot, name, options.signal)) removed.push(name)
      return removed
    },
  }
}

const namesOf = (depot: Depot): readonly string[] =>
  namesIn(depot.own('volumes'))
    .filter(name => NAME.test(name))
    .toSorted()

const claimsIn = async (depot: Depot, signal: AbortSignal | undefined): Promise<ReadonlySet<string>> =>
  (await depot.exclusively(() => claimedDigests(depot), signal)).all

function found(depot: Depot, name: string, claims: ReadonlySet<string>): Volume {
  const path = volumeFiles(depot, name)
  return { name, path: isDirectory(path) ? path : null, inUse: claims.has(claimOf(name)) }
}

/** First out of sight, so that nobody takes a half of it for a whole: what a process that is killed leaves then is for `prune` of images. */
async function removeVolume(depot: Depot, name: string, signal: AbortSignal | undefined): Promise<void> {
  checkThere(depot, name)
  const grave = await holdDirectory(depot.own('unpacking', `removed-${randomName()}`), signal)
  const tree = `${grave.path}/tree`
  try {
    await depot.exclusively(async () => {
      checkThere(depot, name)
      if ((await claimedDigests(depot)).all.has(claimOf(name))) {
        throw new ImageError('ERR_VOLUME_IN_USE', `the volume ${name} is in use`, {
          path: volumeDirectory(depot, name),
        })
      }
      await renamePath(volumeDirectory(depot, name), tree)
    }, signal)
    await removeLayer(tree)
  } finally {
    grave.release({ remove: true })
  }
}

function checkThere(depot: Depot, name: string): void {
  const path = volumeDirectory(depot, name)
  if (isThere(path)) return
  throw new ImageError('ERR_VOLUME_NOT_FOUND', `there is no volume ${name} in the store ${depot.directory}`, { path })
}

/** False: it is in use, or somebody else has removed it meanwhile. */
async function removeIfUnused(depot: Depot, name: string, signal: AbortSignal | undefined): Promise<boolean> {
  try {
    await removeVolume(depot, name, signal)
    return true
  } catch (error) {
    const isLeft = error instanceof ImageError && /^ERR_VOLUME_(IN_USE|NOT_FOUND)$/.test(error.code)
    if (!isLeft) throw error
    return false
  }
}
