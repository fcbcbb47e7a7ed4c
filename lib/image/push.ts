/** From the store to a registry. */
import { readByteCount } from '../config/option.js'
import { ImageError } from '../errors.js'
import { hasBlob, readBlob } from './depot/blobs.js'
import type { Depot } from './depot/depot.js'
import type { Lease } from './depot/leases.js'
import type { Descriptor } from './documents.js'
import { inParallel } from './in-parallel.js'
import type { OnProgress } from './progress.js'
import { nameOf, parseReference, type Reference, referenceText } from './reference.js'
import type { Registries } from './registry/registries.js'
import type { Session } from './registry/session.js'
import { uploadBlob, uploadDocument } from './registry/upload.js'
import { findEntry, type Image, nameIn, readImage } from './stored-image.js'

const AT_ONCE = 3

export interface PushOptions {
  /** The name at the registry. Default: the image's own. */
  readonly to?: string
  /** Send blobs in pieces of so many bytes, of which a connection that breaks costs one. Default: each at once. */
  readonly chunkSize?: number | string
  readonly onProgress?: OnProgress
  readonly signal?: AbortSignal
}

export interface Pushed {
  /** The name at the registry. */
  readonly name: string
  /** Of the manifest, as it is there. */
  readonly digest: string
}

interface Push {
  readonly depot: Depot
  readonly registries: Registries
  readonly lease: Lease
  readonly name: string
  readonly options: PushOptions
}

/** @throws {ImageError|RegistryError|ConfigError}; the reason of the signal */
export async function pushImage({ depot, registries, lease, name, options }: Push): Promise<Pushed> {
  const { signal, onProgress = () => {} } = options
  const chunkSize = readByteCount({
    option: 'chunkSize',
    value: options.chunkSize,
    otherwise: Number.POSITIVE_INFINITY,
  })
  const entries = depot.entries()
  const image = readImage(depot, findEntry(entries, name))
  const target = parseReference(options.to ?? image.name ?? name)
  const blobs = different([...image.manifest.layers, image.manifest.config])
  await lease.claim([image.digest, ...blobs.map(({ digest }) => digest)], signal)
  await checkAll(depot, image, blobs)
  const others = othersWith({ depot, entries, target, blobs })
  const session = registries.writer(target, [...new Set(others.values())])
  onProgress({ type: 'resolved', image: referenceText(target), digest: image.digest, layers: image.manifest.layers })
  await inParallel(blobs, { limit: AT_ONCE, signal }, async (descriptor, aborted) => {
    const { digest, size } = descriptor
    const how = await uploadBlob({
      ...{ session, descriptor, path: depot.blobPath(digest), mountFrom: others.get(digest) ?? null, signal: aborted },
      chunkSize: chunkSize === Number.POSITIVE_INFINITY || chunkSize === 0 ? null : chunkSize,
      onBytes: done => onProgress({ type: 'transfer', digest, done, total: size }),
    })
    onProgress({ type: 'transferred', digest, how: how === 'uploaded' ? 'moved' : how })
  })
  return sendManifest({ depot, session, image, target, signal })
}

const different = (descriptors: readonly Descriptor[]): readonly Descriptor[] => [
  ...new Map(descriptors.map(each => [each.digest, each])).values(),
]

async function checkAll(depot: Depot, { name, digest }: Image, blobs: readonly Descriptor[]): Promise<void> {
  for (const blob of blobs) {
    if (await hasBlob(depot, blob)) continue
    const what = name ?? digest
    throw new ImageError('ERR_IMAGE_STORE', `${depot.blobPath(blob.digest)} is missing: pull or import ${what} again`, {
      image: what,
    })
  }
}

interface Sending {
  readonly depot: Depot
  readonly session: Session
  readonly image: Image
  readonly target: Reference
  readonly signal: AbortSignal | undefined
}

async function sendManifest({ depot, session, image, target, signal }: Sending): Promise<Pushed> {
  const { digest, mediaType } = image
  if (target.digest !== null && target.digest !== digest) {
    const message = `${referenceText(target)}: the image in the store has the digest ${digest}: push it by a tag`
    throw new ImageError('ERR_IMAGE_DIGEST', message, { image: referenceText(target), expected: target.digest })
  }
  const size = depot.entries().find(entry => entry.digest === digest)?.size ?? Number.MAX_SAFE_INTEGER
  const document = { bytes: readBlob(depot, { digest, size }), type: mediaType, digest }
  await uploadDocument({ session, name: target.tag ?? digest, document, signal })
  return { name: referenceText(target), digest }
}

interface Elsewhere {
  readonly depot: Depot
  readonly entries: readonly Descriptor[]
  readonly target: Reference
  readonly blobs: readonly Descriptor[]
}

/** By digest, another repository of the same registry that (by the names in the store) has it. */
function othersWith({ depot, entries, target, blobs }: Elsewhere): Map<string, string> {
  const wanted = new Set(blobs.map(({ digest }) => digest))
  const found = new Map<string, string>()
  for (const entry of entries) {
    const reference = referenceOf(nameIn(entry))
    if (reference?.domain !== target.domain || nameOf(reference) === nameOf(target)) continue
    for (const digest of digestsOf(depot, entry)) if (wanted.has(digest)) found.set(digest, reference.repository)
  }
  return found
}

function referenceOf(name: string | null): Reference | null {
  try {
    return name === null ? null : parseReference(name)
  } catch (error) {
    if (error instanceof ImageError) return null
    throw error
  }
}

function digestsOf(depot: Depot, entry: Descriptor): readonly string[] {
  try {
    return readImage(depot, entry).manifest.layers.map(({ digest }) => digest)
  } catch (error) {
    if (error instanceof ImageError) return []
    throw error
  }
}
