/** New images: on another one with what a container has changed, or of a whole root. */

import { OCI_LAYER, packingOf } from '../layer/layer-types.js'
import { packLayer } from '../layer/pack.js'
import { isDirectory } from '../sys/file.js'
import { runningSha256 } from '../sys/hash.js'
import { readChunks } from '../sys/large-file.js'
import { compressionIn, plainChunks } from './archive-files.js'
import { putBytes, putStream, readBlob } from './depot/blobs.js'
import type { Depot } from './depot/depot.js'
import type { Lease } from './depot/leases.js'
import type { Descriptor, HistoryEntry, ImageConfig, ImageManifest, ProcessDefaults } from './documents.js'
import { OCI_CONFIG, OCI_MANIFEST } from './media-types.js'
import { hostPlatform } from './platform.js'
import { parseReference } from './reference.js'
import { storeOwners } from './store-owners.js'
import { findEntry, type Image, readImage, storedName, withName } from './stored-image.js'

export interface CommitOptions {
  /** The image that is changed. Default: none, the new one has this layer alone. */
  readonly base?: string
  /** What is different from the configuration of the base: each field in place of its own. */
  readonly config?: ProcessDefaults
  readonly author?: string
  /** Is told in the history. */
  readonly message?: string
  /** Default `gzip`. */
  readonly compression?: 'gzip' | 'zstd' | 'none'
  readonly signal?: AbortSignal
}

export interface Commit {
  readonly depot: Depot
  readonly lease: Lease
  /** A directory, or an archive of the files of a root. */
  readonly source: string
  readonly kind: 'upper' | 'directory'
  readonly name: string
  readonly options: CommitOptions
}

/** @throws {ImageError} ERR_IMAGE_REFERENCE, ERR_IMAGE_NOT_FOUND; {LayerError} */
export async function commitImage(commit: Commit): Promise<Image> {
  const { depot, lease, name, options } = commit
  const { signal } = options
  const target = storedName(parseReference(name))
  const base = options.base === undefined ? null : readImage(depot, findEntry(depot.entries(), options.base))
  if (base !== null) {
    const { manifest, config } = base
    await lease.claim([base.digest, ...manifest.layers.map(({ digest }) => digest), ...config.rootfs.diff_ids], signal)
  }
  const layer = isDirectory(commit.source) ? await packed(commit) : await taken(commit)
  await lease.claim([layer.diffId], signal)
  const text = Buffer.from(JSON.stringify(configWith(commit, base, layer.diffId)))
  const config = await putBytes({ depot, lease, bytes: text, mediaType: OCI_CONFIG })
  const layers = [...(base?.manifest.layers ?? []).map(asOci), layer.descriptor]
  const manifest: ImageManifest = { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers }
  const bytes = Buffer.from(JSON.stringify(manifest))
  const descriptor = await putBytes({ depot, lease, bytes, mediaType: OCI_MANIFEST })
  await depot.updateEntries(entries => withName(entries, target, descriptor), signal)
  return readImage(depot, withName([], target, descriptor)[0] ?? descriptor)
}

interface NewLayer {
  readonly descriptor: Descriptor
  readonly diffId: string
}

const layerType = (compression: 'gzip' | 'zstd' | 'none'): string =>
  compression === 'none' ? OCI_LAYER : `${OCI_LAYER}+${compression}`

async function packed({ depot, lease, source, kind, options }: Commit): Promise<NewLayer> {
  const { compression = 'gzip', signal } = options
  // What a container has written may belong to any of its ids; what is in a directory has been put there by this user.
  const owners = kind === 'upper' ? { owners: storeOwners() } : {}
  const { stream, result } = packLayer({
    source,
    kind,
    compression,
    ...owners,
    ...(signal !== undefined && { signal }),
  })
  const content = await putStream({ depot, lease, stream, signal })
  const { diffId } = await result
  return { descriptor: { mediaType: layerType(compression), ...content }, diffId }
}

/** The archive itself is the layer; whether it is one that can be unpacked is seen when that is done. */
async function taken({ depot, lease, source, options: { signal } }: Commit): Promise<NewLayer> {
  const hash = runningSha256()
  for await (const chunk of plainChunks(source)) {
    signal?.throwIfAborted()
    hash.add(chunk)
  }
  const mediaType = layerType(await compressionIn(source))
  const content = await putStream({ depot, lease, stream: readChunks(source), signal })
  return { descriptor: { mediaType, ...content }, diffId: `sha256:${hash.hex()}` }
}

/** The same blobs have OCI's names in a manifest of OCI. */
function asOci({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType: layerType(packingOf(mediaType) ?? 'none'), digest, size }
}

function configWith({ depot, options }: Commit, base: Image | null, diffId: string): object {
  const created = new Date().toISOString()
  const { author, message, config: changes = {} } = options
  const entry: HistoryEntry = {
    created,
    created_by: 'tsrun',
    ...(author !== undefined && { author }),
    ...(message !== undefined && { comment: message }),
  }
  // As it was written: with members that mean nothing to us.
  const before = base === null ? emptyConfig() : (JSON.parse(textOf(depot, base)) as ImageConfig)
  return {
    ...before,
    created,
    ...(author !== undefined && { author }),
    config: { ...before.config, ...changes },
    rootfs: { type: 'layers', diff_ids: [...before.rootfs.diff_ids, diffId] },
    history: [...(before.history ?? []), entry],
  }
}

const textOf = (depot: Depot, { manifest }: Image): string =>
  Buffer.from(readBlob(depot, manifest.config)).toString('utf8')

function emptyConfig(): ImageConfig {
  const { os, architecture, variant } = hostPlatform()
  return { os, architecture, ...(variant !== '' && { variant }), rootfs: { type: 'layers', diff_ids: [] } }
}
