/** Blobs and manifests to a repository (distribution-spec, push). */
import { RegistryError } from '../../errors.js'
import { readChunks } from '../../sys/large-file.js'
import { checkDigest } from '../digest.js'
import type { Descriptor } from '../documents.js'
import type { RawDocument } from './download.js'
import { withRetries } from './retries.js'
import type { Session } from './session.js'
import { type Answer, Transient } from './wire.js'

export interface Upload {
  readonly session: Session
  readonly descriptor: Descriptor
  /** The file with its bytes. */
  readonly path: string
  /** A repository of the same registry that has it; null: none is known. */
  readonly mountFrom: string | null
  /** In bytes; null: all at once. */
  readonly chunkSize: number | null
  readonly onBytes: (count: number) => void
  readonly signal: AbortSignal | undefined
}

/** How a blob got there. */
export type UploadResult = 'exists' | 'mounted' | 'uploaded'

const OCTETS = { 'content-type': 'application/octet-stream' }

/** @throws {RegistryError} */
export async function uploadBlob(upload: Upload): Promise<UploadResult> {
  const { session, descriptor, signal } = upload
  const { digest } = descriptor
  const found = await session.call({ method: 'HEAD', path: `blobs/${digest}`, accepts: [200, 404], signal })
  await found.discard()
  if (found.status === 200) return 'exists'
  return withRetries({ registry: session.endpoint.registry, signal }, async () => {
    const begun = await begin(upload)
    if (begun === null) return 'mounted'
    if (upload.chunkSize === null) await sendWhole(upload, begun)
    else await sendChunks(upload, begun, upload.chunkSize)
    return 'uploaded'
  })
}

/** Where the bytes go; null: the registry has taken them from another repository. */
async function begin({ session, descriptor: { digest }, mountFrom, signal }: Upload): Promise<URL | null> {
  const mount = mountFrom === null ? '' : `?${new URLSearchParams({ mount: digest, from: mountFrom })}`
  const call = { method: 'POST', path: `blobs/uploads/${mount}`, headers: { 'content-length': '0' }, signal } as const
  const answer = await session.call({ ...call, accepts: mountFrom === null ? [202] : [201, 202] }, { once: true })
  await answer.discard()
  return answer.status === 201 ? null : locationOf(session, answer)
}

function locationOf({ endpoint: { registry } }: Session, answer: Answer): URL {
  const location = answer.header('location')
  if (location !== null && URL.canParse(location, answer.url.href)) return new URL(location, answer.url)
  throw new RegistryError('ERR_REGISTRY_RESPONSE', `${registry} does not say where the upload goes`, { registry })
}

async function sendWhole(upload: Upload, location: URL): Promise<void> {
  const { session, descriptor, signal } = upload
  const headers = { ...OCTETS, 'content-length': String(descriptor.size) }
  const body = (): AsyncIterable<Uint8Array> => counted(upload)
  const answer = await session.call(
    { method: 'PUT', path: withDigest(location, descriptor), headers, body, accepts: [201], signal },
    { once: true },
  )
  await answer.discard()
}

async function* counted({ path, onBytes }: Upload): AsyncGenerator<Uint8Array> {
  let sent = 0
  for await (const chunk of readChunks(path)) {
    yield chunk
    sent += chunk.length
    onBytes(sent)
  }
}

function withDigest(location: URL, { digest }: Descriptor): URL {
  const url = new URL(location)
  url.searchParams.set('digest', digest)
  return url
}

async function sendChunks(upload: Upload, first: URL, chunkSize: number): Promise<void> {
  const { session, descriptor, onBytes, signal } = upload
  let place = { location: first, sent: 0 }
  while (place.sent < descriptor.size) {
    const now = place
    const { registry } = session.endpoint
    place = await withRetries({ registry, signal }, () => sendChunk(upload, now, chunkSize))
    onBytes(place.sent)
  }
  const path = withDigest(place.location, descriptor)
  const answer = await session.call({ method: 'PUT', path, headers: { 'content-length': '0' }, accepts: [201], signal })
  await answer.discard()
}

interface Place {
  readonly location: URL
  readonly sent: number
}

async function sendChunk(upload: Upload, place: Place, chunkSize: number): Promise<Place> {
  const { session, descriptor, path, signal } = upload
  const end = Math.min(place.sent + chunkSize, descriptor.size)
  const bytes = await bytesOf(path, place.sent, end)
  const headers = { ...OCTETS, 'content-range': `${place.sent}-${end - 1}`, 'content-length': String(bytes.length) }
  const call = { method: 'PATCH', path: place.location, headers, body: () => bytes, accepts: [202], signal } as const
  try {
    const answer = await session.call(call, { once: true })
    await answer.discard()
    return { location: locationOf(session, answer), sent: end }
  } catch (error) {
    if (!(error instanceof Transient)) throw error
    return await askHowFar(upload, place, error)
  }
}

/** The registry may have taken the chunk, and only its answer got lost. */
async function askHowFar({ session, signal }: Upload, place: Place, lost: Transient): Promise<Place> {
  const answer = await session.call(
    { method: 'GET', path: place.location, accepts: [200, 204], signal },
    { once: true },
  )
  await answer.discard()
  const [, last] = /^(?:bytes=)?0-(\d+)$/.exec(answer.header('range') ?? '') ?? []
  const sent = last === undefined ? 0 : Number(last) + 1
  if (sent <= place.sent) throw lost
  return { location: locationOf(session, answer), sent }
}

async function bytesOf(path: string, start: number, end: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  for await (const part of readChunks(path, { start, end })) parts.push(part)
  return Buffer.concat(parts)
}

interface DocumentUpload {
  readonly session: Session
  /** A tag or a digest. */
  readonly name: string
  readonly document: RawDocument
  readonly signal: AbortSignal | undefined
}

/** @throws {RegistryError|ImageError} the latter if the registry says that it took something else */
export async function uploadDocument({ session, name, document, signal }: DocumentUpload): Promise<void> {
  const { bytes, type, digest } = document
  const headers = { 'content-type': type, 'content-length': String(bytes.length) }
  const call = { method: 'PUT', path: `manifests/${name}`, headers, body: () => bytes, accepts: [201], signal } as const
  const answer = await session.call(call)
  await answer.discard()
  const said = answer.header('docker-content-digest')
  const { registry, repository } = session.endpoint
  if (said !== null) checkDigest({ what: `${registry}, ${repository}`, wanted: digest, found: said })
}
