/** What nobody needs any more. */
import { ImageError } from '../errors.js'
import { isThere, makeDirectories } from '../sys/file.js'
import { removeLater, renamePath, sizeOfFile } from '../sys/large-file.js'
import { closeDirectory } from '../sys/own-directory.js'
import { readBlob } from './depot/blobs.js'
import { type Depot, removeUnfinished } from './depot/depot.js'
import { takeDirectory } from './depot/directory-lock.js'
import { type Claims, claimedDigests, namesIn } from './depot/leases.js'
import { type Descriptor, readIndex } from './documents.js'
import { fillingOf, removeLayer } from './fill-once.js'
import { INDEX_TYPES } from './media-types.js'
import { findEntry, nameIn, readImage, withoutName } from './stored-image.js'

export interface Pruned {
  /** The names that were removed. */
  readonly names: readonly string[]
  /** The blobs that were removed, by their digests. */
  readonly blobs: readonly string[]
  /** Unpacked layers that were removed. */
  readonly layers: number
  /** How many bytes the blobs had. */
  readonly bytes: number
}

/** All digests that an entry of index.json leads to: its blobs, and its layers as they are unpacked. */
function reachedFrom(depot: Depot, entry: Descriptor): readonly string[] {
  if (!isThere(depot.blobPath(entry.digest))) return [entry.digest]
  if (INDEX_TYPES.includes(entry.mediaType)) {
    const { manifests } = readIndex(readBlob(depot, entry), { what: entry.digest, type: entry.mediaType })
    return [entry.digest, ...manifests.flatMap(each => reachedFrom(depot, each))]
  }
  const { manifest, config } = readImage(depot, entry)
  const blobs = [entry, manifest.config, ...manifest.layers].map(({ digest }) => digest)
  return [...blobs, ...config.rootfs.diff_ids]
}

/** Removes what no entry leads to and nobody uses. Needs the depot for itself. */
async function sweepDepot(depot: Depot, { all }: Claims): Promise<Omit<Pruned, 'names'>> {
  const needed = new Set([...all, ...depot.entries().flatMap(entry => reachedFrom(depot, entry))])
  const isNeeded = (hex: string): boolean => needed.has(`sha256:${hex}`)
  const blobs: string[] = []
  let bytes = 0
  const folder = `${depot.directory}/blobs/sha256`
  for (const hex of namesIn(folder).filter(name => /^[0-9a-f]{64}$/.test(name) && !isNeeded(name))) {
    bytes += (await sizeOfFile(`${folder}/${hex}`)) ?? 0
    await removeLater(`${folder}/${hex}`)
    blobs.push(`sha256:${hex}`)
  }
  let layers = 0
  for (const kind of namesIn(depot.own('layers'))) {
    for (const hex of namesIn(depot.own('layers', kind)).filter(name => !isNeeded(name))) {
      await removeUnpacked(depot, kind, hex)
      layers += 1
    }
  }
  removeUnfinished(depot.directory)
  await clearUnfinished(depot.own('partial'))
  await clearUnfinished(depot.own('unpacking'))
  return { blobs, layers, bytes }
}

/** First out of sight, so that nobody takes a half of it for a whole. */
async function removeUnpacked(depot: Depot, kind: string, hex: string): Promise<void> {
  const grave = fillingOf(depot, ['layers', kind, hex])
  makeDirectories(grave, 0o700)
  await renamePath(depot.own('layers', kind, hex), `${grave}/tree`)
}

/** What was begun and is not gone on with now. */
async function clearUnfinished(folder: string): Promise<void> {
  for (const name of namesIn(folder)) {
    const fd = takeDirectory(`${folder}/${name}`)
    if (typeof fd !== 'number') continue
    try {
      await removeLayer(`${folder}/${name}/tree`)
      await removeLater(`${folder}/${name}`)
    } finally {
      closeDirectory(fd)
    }
  }
}

export interface PruneOptions {
  /** Names too, but for those of images that a container uses. Default false. */
  readonly all?: boolean
  readonly signal?: AbortSignal
}

/** @throws {ImageError} ERR_IMAGE_STORE, ERR_IMAGE_INVALID if an entry can't be read: then nothing has been removed */
export async function pruneImages(depot: Depot, { all = false, signal }: PruneOptions): Promise<Pruned> {
  const names: string[] = []
  if (all) {
    const claims = await depot.exclusively(() => claimedDigests(depot), signal)
    await depot.updateEntries(entries => {
      const unused = entries.filter(({ digest }) => !claims.all.has(digest))
      names.push(...unused.flatMap(entry => nameIn(entry) ?? []))
      return entries.filter(entry => !unused.includes(entry))
    }, signal)
  }
  const removed = await depot.exclusively(async () => sweepDepot(depot, await claimedDigests(depot)), signal)
  return { names, ...removed }
}

export interface RemoveImageOptions {
  /** Also if a container uses the image: what it needs stays until the container is gone. Default false. */
  readonly force?: boolean
  readonly signal?: AbortSignal
}

/** @throws {ImageError} ERR_IMAGE_NOT_FOUND, ERR_IMAGE_IN_USE */
export async function removeImage(
  depot: Depot,
  text: string,
  { force = false, signal }: RemoveImageOptions,
): Promise<Pruned> {
  const { ofContainers } = await depot.exclusively(() => claimedDigests(depot), signal)
  const names: string[] = []
  await depot.updateEntries(entries => {
    const entry = findEntry(entries, text)
    const name = nameIn(entry)
    const isLast = entries.filter(({ digest }) => digest === entry.digest).length === 1
    if (!force && isLast && ofContainers.has(entry.digest)) {
      const what = name ?? entry.digest
      throw new ImageError('ERR_IMAGE_IN_USE', `${what}: a container uses it`, { image: what })
    }
    if (name !== null) names.push(name)
    return name === null ? entries.filter(each => each !== entry) : withoutName(entries, name)
  }, signal)
  return { ...(await pruneImages(depot, { ...(signal !== undefined && { signal }) })), names }
}
