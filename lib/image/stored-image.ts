/** An image in the store: what its name leads to. */
import { ImageError } from '../errors.js'
import { readBlob } from './depot/blobs.js'
import type { Depot } from './depot/depot.js'
import {
  type Descriptor,
  type ImageConfig,
  type ImageManifest,
  platformOf,
  readImageConfig,
  readIndex,
  readManifest,
} from './documents.js'
import { INDEX_TYPES, MANIFEST_TYPES } from './media-types.js'
import { choosePlatform, hostPlatform, type Platform } from './platform.js'
import { nameOf, parseReference, type Reference, referenceText } from './reference.js'

export interface Image {
  /** What the store has it under; null if it has no name (any more). */
  readonly name: string | null
  /** Of its manifest. */
  readonly digest: string
  /** Of its manifest: OCI's, or Docker's schema 2. */
  readonly mediaType: string
  readonly manifest: ImageManifest
  readonly config: ImageConfig
  readonly platform: Platform
  /** Bytes of its parts, as they are stored. */
  readonly size: number
}

const NAME_KEY = 'org.opencontainers.image.ref.name'
/** The digest of the index that the image was chosen from. */
export const INDEX_KEY = 'tsrun.index-digest'

export const nameIn = ({ annotations }: Descriptor): string | null => annotations?.[NAME_KEY] ?? null

/** A tag says less than a digest, which stays the same: with both, only the digest is kept, as Docker does. */
export function storedName(reference: Reference): string {
  return reference.digest === null ? referenceText(reference) : `${nameOf(reference)}@${reference.digest}`
}

/** index.json with an image under this name, and no other. */
export function withName(entries: readonly Descriptor[], name: string, descriptor: Descriptor): readonly Descriptor[] {
  const { mediaType, digest, size, platform } = descriptor
  const annotations = { ...descriptor.annotations, [NAME_KEY]: name }
  const entry = { mediaType, digest, size, ...(platform !== undefined && { platform }), annotations }
  return [...entries.filter(each => nameIn(each) !== name), entry]
}

export const withoutName = (entries: readonly Descriptor[], name: string): readonly Descriptor[] =>
  entries.filter(each => nameIn(each) !== name)

const ID = /^(?:sha256:)?([0-9a-f]{7,64})$/

/**
 * The entry of a name as other tools have written it, of a whole name or one with defaults left out, or of the first digits (seven at
 * least) of the digest of a manifest. @throws {ImageError} ERR_IMAGE_NOT_FOUND, ERR_IMAGE_REFERENCE
 */
export function findEntry(entries: readonly Descriptor[], text: string): Descriptor {
  const exact = entries.find(each => nameIn(each) === text)
  if (exact !== undefined) return exact
  const [, digits] = ID.exec(text) ?? []
  const byDigest = digits === undefined ? [] : entries.filter(({ digest }) => digest.startsWith(`sha256:${digits}`))
  const name = digits !== undefined && text.includes(':') ? null : storedNameOf(text, byDigest.length > 0)
  const named = entries.find(each => name !== null && nameIn(each) === name)
  if (named !== undefined) return named
  const [found] = byDigest
  if (found !== undefined && byDigest.every(({ digest }) => digest === found.digest)) return found
  const why =
    found === undefined
      ? 'there is no such image in the store: pull or import it'
      : 'these digits begin several digests'
  throw new ImageError('ERR_IMAGE_NOT_FOUND', `${name ?? text}: ${why}`, { image: name ?? text })
}

function storedNameOf(text: string, mayFail: boolean): string | null {
  try {
    return storedName(parseReference(text))
  } catch (error) {
    if (mayFail) return null
    throw error
  }
}

/** @throws {ImageError} ERR_IMAGE_STORE for what is missing or changed; ERR_IMAGE_INVALID */
export function readImage(depot: Depot, entry: Descriptor): Image {
  const name = nameIn(entry)
  const what = name ?? entry.digest
  const descriptor = manifestOf(depot, entry, what)
  const { mediaType, digest } = descriptor
  const manifest = readManifest(readBlob(depot, descriptor), { what: `the manifest of ${what}`, type: mediaType })
  const config = storedConfig(depot, manifest, what)
  const size = [descriptor, manifest.config, ...manifest.layers].reduce((sum, part) => sum + part.size, 0)
  return { name, digest, mediaType, manifest, config, platform: platformIn(config), size }
}

/** @throws {ImageError} ERR_IMAGE_STORE, ERR_IMAGE_INVALID */
export function storedConfig(depot: Depot, { config, layers }: ImageManifest, what: string): ImageConfig {
  return readImageConfig(readBlob(depot, config), { what: `the configuration of ${what}`, layers: layers.length })
}

export const platformIn = ({ os, architecture, variant = '' }: ImageConfig): Platform => ({ os, architecture, variant })

/** Other tools keep an index under a name: the image for this machine, of those that are there. */
function manifestOf(depot: Depot, entry: Descriptor, what: string): Descriptor {
  if (MANIFEST_TYPES.includes(entry.mediaType)) return entry
  if (!INDEX_TYPES.includes(entry.mediaType)) {
    throw new ImageError('ERR_IMAGE_INVALID', `${what} is no image, but ${entry.mediaType}`, { image: what })
  }
  const { manifests } = readIndex(readBlob(depot, entry), { what: `the index of ${what}`, type: entry.mediaType })
  const candidates = manifests
    .filter(({ mediaType }) => MANIFEST_TYPES.includes(mediaType))
    .map(descriptor => ({ descriptor, platform: platformOf(descriptor) }))
  const [only] = candidates
  if (only !== undefined && candidates.length === 1 && only.platform === null) return only.descriptor
  return choosePlatform(what, candidates, hostPlatform()).descriptor
}
