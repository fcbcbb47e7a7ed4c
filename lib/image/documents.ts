/** Manifests, indexes and configurations of images: read strictly, since they come from anywhere. */
import { type JsonValue, pointer } from '../config/json.js'
import { parseJson } from '../config/parse.js'
import * as s from '../config/shape.js'
import { ConfigError, ImageError } from '../errors.js'
import { packingOf } from '../layer/layer-types.js'
import { DIGEST_EXPECTED } from './digest.js'
import { CONFIG_TYPES, INDEX_TYPES, MANIFEST_TYPES } from './media-types.js'
import type { Platform } from './platform.js'

/** What points to content: its kind, digest and size (image-spec, descriptor.md). */
export interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  /** In bytes. */
  readonly size: number
  readonly annotations?: Readonly<Record<string, string>>
  readonly platform?: { readonly os: string; readonly architecture: string; readonly variant?: string }
}

/** image-spec, manifest.md; Docker's schema 2 has the same members. */
export interface ImageManifest {
  readonly schemaVersion: 2
  readonly mediaType?: string
  readonly config: Descriptor
  /** Base first. */
  readonly layers: readonly Descriptor[]
  readonly annotations?: Readonly<Record<string, string>>
}

/** image-spec, image-index.md. */
export interface ImageIndex {
  readonly schemaVersion: 2
  readonly mediaType?: string
  readonly manifests: readonly Descriptor[]
  readonly annotations?: Readonly<Record<string, string>>
}

/** What an image says of the process that it is for (image-spec, config.md). */
export interface ProcessDefaults {
  readonly User?: string
  readonly ExposedPorts?: Readonly<Record<string, object>>
  readonly Env?: readonly string[]
  readonly Entrypoint?: readonly string[]
  readonly Cmd?: readonly string[]
  readonly Volumes?: Readonly<Record<string, object>>
  readonly WorkingDir?: string
  readonly Labels?: Readonly<Record<string, string>>
  readonly StopSignal?: string
}

export interface HistoryEntry {
  /** RFC 3339. */
  readonly created?: string
  readonly created_by?: string
  readonly author?: string
  readonly comment?: string
  readonly empty_layer?: boolean
}

/** The configuration of an image (image-spec, config.md). */
export interface ImageConfig {
  readonly created?: string
  readonly author?: string
  readonly architecture: string
  readonly os: string
  readonly variant?: string
  readonly config?: ProcessDefaults
  readonly rootfs: { readonly type: 'layers'; readonly diff_ids: readonly string[] }
  readonly history?: readonly HistoryEntry[]
}

/** The most bytes that a manifest or an index may have: what distribution-spec asks registries to take at least. */
export const LARGEST_MANIFEST = 4 * 1024 * 1024
export const LARGEST_CONFIG = 4 * 1024 * 1024
/** Far above any image: overlay takes 500. */
const MOST_LAYERS = 500
const MOST_MANIFESTS = 1000

const digest = s.word(/^sha256:[0-9a-f]{64}$/, `a digest: ${DIGEST_EXPECTED}`)
const texts = s.list(s.text)
const annotations = s.map(s.text, { emptyKey: true })
const platform = s.object({ os: s.text, architecture: s.text, variant: s.optional(s.text) })
const descriptor = s.object({
  mediaType: s.filled,
  digest,
  size: s.integer(0, Number.MAX_SAFE_INTEGER),
  annotations: s.optional(annotations),
  platform: s.optional(platform),
})
const version = s.integer(2, 2)
const manifestShape = s.object({
  schemaVersion: version,
  mediaType: s.optional(s.text),
  config: descriptor,
  layers: s.list(descriptor),
  annotations: s.optional(annotations),
})
const indexShape = s.object({
  schemaVersion: version,
  mediaType: s.optional(s.text),
  manifests: s.list(descriptor),
  annotations: s.optional(annotations),
})
const names = s.map(s.object({}), { emptyKey: true })
const processShape = s.object({
  User: s.optional(s.text),
  ExposedPorts: s.optional(names),
  Env: s.optional(texts),
  Entrypoint: s.optional(texts),
  Cmd: s.optional(texts),
  Volumes: s.optional(names),
  WorkingDir: s.optional(s.text),
  Labels: s.optional(annotations),
  StopSignal: s.optional(s.text),
})
const history = s.object({
  created: s.optional(s.text),
  created_by: s.optional(s.text),
  author: s.optional(s.text),
  comment: s.optional(s.text),
  empty_layer: s.optional(s.truth),
})
const configShape = s.object({
  created: s.optional(s.text),
  author: s.optional(s.text),
  architecture: s.text,
  os: s.text,
  variant: s.optional(s.text),
  config: s.optional(processShape),
  rootfs: s.object({ type: s.oneOf(['layers']), diff_ids: s.list(digest) }),
  history: s.optional(s.list(history)),
})

/** A document, and what messages call it. */
interface Given {
  readonly bytes: Uint8Array
  /** Such as `the manifest of docker.io/library/alpine:latest`. */
  readonly what: string
}

const invalid = ({ what }: Given, path: string, message: string): ImageError =>
  new ImageError('ERR_IMAGE_INVALID', `${what}: ${path === '' ? '' : `${path}: `}${message}`, { path })

function read<T>(given: Given, shape: s.Shape): T {
  const value = load(given)
  const [issue] = s.shapeIssues(shape, value, '')
  if (issue === undefined) return value as T
  throw invalid(given, issue.path, issue.message)
}

function load(given: Given): JsonValue {
  try {
    return parseJson(given.bytes)
  } catch (error) {
    const [issue] = error instanceof ConfigError ? error.issues : []
    throw issue === undefined ? error : invalid(given, issue.path, issue.message)
  }
}

/** One document must not be two things, by whoever reads it: the type in it is the one that it came with (image-spec, manifest.md). */
function checkKind(given: Given, document: object, kind: { type: string; foreign: readonly string[] }): void {
  const { mediaType } = document as { mediaType?: string }
  if (mediaType !== undefined && mediaType !== kind.type) {
    throw invalid(given, '/mediaType', `is ${JSON.stringify(mediaType)}, but the document came as ${kind.type}`)
  }
  const foreign = kind.foreign.find(member => member in document)
  if (foreign !== undefined) throw invalid(given, pointer('', foreign), `is no member of ${kind.type}`)
}

/** @throws {ImageError} ERR_IMAGE_INVALID, with the place of the first thing that is wrong */
export function readManifest(bytes: Uint8Array, { what, type }: { what: string; type: string }): ImageManifest {
  const given = { bytes, what }
  const manifest = read<ImageManifest>(given, manifestShape)
  checkKind(given, manifest, { type, foreign: ['manifests', 'fsLayers'] })
  if (!CONFIG_TYPES.includes(manifest.config.mediaType)) {
    throw invalid(
      given,
      '/config/mediaType',
      `is ${JSON.stringify(manifest.config.mediaType)}: it is no image that could be run`,
    )
  }
  if (manifest.config.size > LARGEST_CONFIG)
    throw invalid(given, '/config/size', `is above the limit of ${LARGEST_CONFIG}`)
  if (manifest.layers.length > MOST_LAYERS) throw invalid(given, '/layers', `are more than ${MOST_LAYERS}`)
  for (const [index, { mediaType }] of manifest.layers.entries()) {
    if (packingOf(mediaType) !== null) continue
    throw invalid(given, pointer('/layers', index, 'mediaType'), `${JSON.stringify(mediaType)} is no layer`)
  }
  return manifest
}

/** @throws {ImageError} ERR_IMAGE_INVALID */
export function readIndex(bytes: Uint8Array, { what, type }: { what: string; type: string }): ImageIndex {
  const given = { bytes, what }
  const index = read<ImageIndex>(given, indexShape)
  checkKind(given, index, { type, foreign: ['config', 'layers', 'fsLayers'] })
  if (index.manifests.length > MOST_MANIFESTS) throw invalid(given, '/manifests', `are more than ${MOST_MANIFESTS}`)
  return index
}

/** @throws {ImageError} ERR_IMAGE_INVALID, also if it does not have as many layers as its manifest */
export function readImageConfig(bytes: Uint8Array, { what, layers }: { what: string; layers: number }): ImageConfig {
  const given = { bytes, what }
  const config = read<ImageConfig>(given, configShape)
  const { diff_ids: ids } = config.rootfs
  if (ids.length !== layers) {
    throw invalid(given, '/rootfs/diff_ids', `has ${ids.length} layers, but the manifest has ${layers}`)
  }
  return config
}

/** The platform that a descriptor in an index names; null: none. */
export function platformOf({ platform }: Descriptor): Platform | null {
  if (platform === undefined) return null
  return { os: platform.os, architecture: platform.architecture, variant: platform.variant ?? '' }
}

/** Which of both a document is, if nobody has said so: by its own word, or by its members. @throws {ImageError} */
export function typeOfDocument(bytes: Uint8Array, what: string): string {
  const document = load({ bytes, what })
  const { mediaType, manifests } = document as { mediaType?: unknown; manifests?: unknown }
  if (typeof mediaType === 'string' && [...INDEX_TYPES, ...MANIFEST_TYPES].includes(mediaType)) return mediaType
  const [index = '', manifest = ''] = [INDEX_TYPES[0], MANIFEST_TYPES[0]]
  return manifests === undefined ? manifest : index
}

/** The document of an image layout's index.json, which may have any descriptors. @throws {ImageError} ERR_IMAGE_STORE */
export function readLayoutIndex(bytes: Uint8Array, what: string): ImageIndex {
  try {
    return read<ImageIndex>({ bytes, what }, indexShape)
  } catch (cause) {
    if (!(cause instanceof ImageError)) throw cause
    throw new ImageError('ERR_IMAGE_STORE', cause.message, { path: cause.path }, { cause })
  }
}
