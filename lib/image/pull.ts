/** From a name to an image in the store. */
import { ImageError } from '../errors.js'
import { ensureBlob, hasBlob, putBytes } from './depot/blobs.js'
import type { Depot } from './depot/depot.js'
import type { Lease } from './depot/leases.js'
import {
  type Descriptor,
  type ImageConfig,
  type ImageManifest,
  platformOf,
  readIndex,
  readManifest,
} from './documents.js'
import { inParallel } from './in-parallel.js'
import { INDEX_TYPES, MANIFEST_TYPES } from './media-types.js'
import { choosePlatform, hostPlatform, type Platform, parsePlatform, platformText } from './platform.js'
import type { OnProgress } from './progress.js'
import { parseReference, type Reference, referenceText } from './reference.js'
import { downloadBlob, fetchBlob, fetchDocument, type RawDocument } from './registry/download.js'
import { firstOf, type Registries } from './registry/registries.js'
import type { Session } from './registry/session.js'
import { type Image, INDEX_KEY, platformIn, readImage, storedConfig, storedName, withName } from './stored-image.js'

/** How many blobs are fetched at once. */
const AT_ONCE = 3

export interface PullOptions {
  /** `OS/ARCHITECTURE[/VARIANT]`. Default: this machine's. */
  readonly platform?: string
  /** Unpack each layer as soon as it is there. Default false. */
  readonly unpack?: boolean
  /** As of `unpack`. */
  readonly owners?: 'mapped' | 'squashed'
  readonly onProgress?: OnProgress
  /** Cancels; what has come stays for the next call to go on with. */
  readonly signal?: AbortSignal
}

interface Pull {
  readonly depot: Depot
  readonly registries: Registries
  readonly lease: Lease
  readonly name: string
  readonly options: PullOptions
  /** Is called for each layer that is there, several at once. */
  readonly whenThere?: (layer: Descriptor, diffId: string, signal: AbortSignal) => Promise<void>
}

/** A manifest that has been read, and where it came from. */
interface Resolved {
  readonly raw: RawDocument
  readonly manifest: ImageManifest
  readonly sessions: readonly Session[]
  readonly descriptor: Descriptor
}

/** @throws {ImageError|RegistryError}; the reason of the signal */
export async function pullImage(pull: Pull): Promise<Image> {
  const { depot, registries, lease, name, options } = pull
  const { signal, onProgress = () => {} } = options
  const reference = parseReference(name)
  const what = referenceText(reference)
  const wanted = options.platform === undefined ? hostPlatform() : parsePlatform(options.platform)
  const readers = registries.readers(reference)
  const resolved = await firstOf(readers, session => resolve({ session, readers, reference, what, wanted, signal }))
  const { raw, manifest, descriptor } = resolved
  onProgress({ type: 'resolved', image: what, digest: raw.digest, layers: manifest.layers })
  await lease.claim([raw.digest, manifest.config.digest, ...manifest.layers.map(({ digest }) => digest)], signal)
  const config = await configOf(pull, resolved, what)
  checkPlatform(what, config, wanted)
  await lease.claim(config.rootfs.diff_ids, signal)
  await fetchLayers(pull, resolved, config)
  await putBytes({ depot, lease, bytes: raw.bytes, mediaType: raw.type })
  const entry = withName([], storedName(reference), descriptor)[0] ?? descriptor
  await depot.updateEntries(entries => withName(entries, storedName(reference), descriptor), signal)
  return readImage(depot, entry)
}

interface Resolving {
  readonly session: Session
  /** All that could be asked. */
  readonly readers: readonly Session[]
  readonly reference: Reference
  readonly what: string
  readonly wanted: Platform
  readonly signal: AbortSignal | undefined
}

async function resolve({ session, readers, reference, what, wanted, signal }: Resolving): Promise<Resolved> {
  // A mirror may have a manifest and lack a blob.
  const sessions = [session, ...readers.filter(other => other !== session)]
  const first = await fetchDocument({ session, name: reference.digest ?? reference.tag ?? 'latest', what, signal })
  if (!INDEX_TYPES.includes(first.type)) return resolvedTo(sessions, first, { what })
  const index = readIndex(first.bytes, { what: `the index of ${what}`, type: first.type })
  const candidates = index.manifests
    .filter(({ mediaType }) => MANIFEST_TYPES.includes(mediaType))
    .map(descriptor => ({ descriptor, platform: platformOf(descriptor) }))
  const { descriptor } = choosePlatform(what, candidates, wanted)
  const second = await fetchDocument({ session, name: descriptor.digest, what, signal })
  if (second.bytes.length !== descriptor.size || second.type !== descriptor.mediaType) {
    throw new ImageError('ERR_IMAGE_DIGEST', `${what}: the manifest is not as its index says`, { image: what })
  }
  return resolvedTo(sessions, second, { what, index: first.digest, platform: descriptor.platform })
}

interface Origin {
  readonly what: string
  readonly index?: string
  readonly platform?: Descriptor['platform']
}

function resolvedTo(sessions: readonly Session[], raw: RawDocument, { what, index, platform }: Origin): Resolved {
  const manifest = readManifest(raw.bytes, { what: `the manifest of ${what}`, type: raw.type })
  const annotations = index === undefined ? {} : { [INDEX_KEY]: index }
  const { type: mediaType, digest, bytes } = raw
  const descriptor = { mediaType, digest, size: bytes.length, annotations, ...(platform !== undefined && { platform }) }
  return { raw, manifest, sessions, descriptor }
}

async function configOf(
  { depot, lease, options: { signal } }: Pull,
  { manifest, sessions }: Resolved,
  what: string,
): Promise<ImageConfig> {
  const descriptor = manifest.config
  if (!(await hasBlob(depot, descriptor))) {
    const bytes = await firstOf(sessions, session => fetchBlob({ session, descriptor, signal }))
    await putBytes({ depot, lease, bytes, mediaType: descriptor.mediaType })
  }
  return storedConfig(depot, manifest, what)
}

/** An image that is there for one platform only says so itself. */
function checkPlatform(what: string, config: ImageConfig, wanted: Platform): void {
  const platform = platformIn(config)
  // Nothing is said by images that were made without a machine in mind.
  if (platform.os === '' || platform.architecture === '') return
  choosePlatform(`${what} (${platformText(platform)})`, [{ platform }], wanted)
}

async function fetchLayers(pull: Pull, resolved: Resolved, config: ImageConfig): Promise<void> {
  const { depot, options, whenThere } = pull
  const { signal, onProgress = () => {} } = options
  const seen = new Set<string>()
  const layers = resolved.manifest.layers.map((layer, index) => ({
    layer,
    diffId: config.rootfs.diff_ids[index] ?? '',
  }))
  // The same content twice is one blob.
  const different = layers.filter(({ layer: { digest } }) => !seen.has(digest) && seen.add(digest))
  await inParallel(different, { limit: AT_ONCE, signal }, async ({ layer, diffId }, aborted) => {
    const { digest, size } = layer
    const how = await ensureBlob({
      depot,
      content: layer,
      signal: aborted,
      fetch: (file, path) =>
        firstOf(resolved.sessions, session =>
          downloadBlob({
            ...{ session, descriptor: layer, file, path, signal: aborted },
            onBytes: done => onProgress({ type: 'transfer', digest, done, total: size }),
          }),
        ),
    })
    onProgress({ type: 'transferred', digest, how: how === 'exists' ? 'exists' : 'moved' })
    await whenThere?.(layer, diffId, aborted)
  })
}
