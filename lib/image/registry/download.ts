/** Blobs and manifests of a repository: nothing is believed that does not have the digest and size that were asked for. */
import { ImageError, RegistryError } from '../../errors.js'
import { runningSha256, sha256 } from '../../sys/hash.js'
import { type GrowingFile, readChunks } from '../../sys/large-file.js'
import { checkDigest } from '../digest.js'
import { type Descriptor, LARGEST_MANIFEST, typeOfDocument } from '../documents.js'
import { INDEX_TYPES, MANIFEST_TYPES, SCHEMA_1 } from '../media-types.js'
import { withRetries } from './retries.js'
import type { Session } from './session.js'
import { type Answer, Transient } from './wire.js'

/** A manifest or an index, as it came. */
export interface RawDocument {
  readonly bytes: Uint8Array
  readonly type: string
  readonly digest: string
}

const KNOWN_TYPES = [...INDEX_TYPES, ...MANIFEST_TYPES]

interface WantedDocument {
  readonly session: Session
  /** A tag or a digest. */
  readonly name: string
  /** Of the image, for messages. */
  readonly what: string
  readonly signal: AbortSignal | undefined
}

/** @throws {RegistryError|ImageError} */
export async function fetchDocument({ session, name, what, signal }: WantedDocument): Promise<RawDocument> {
  const headers = { accept: KNOWN_TYPES.join(', ') }
  const { registry } = session.endpoint
  const { bytes, header } = await withRetries({ registry, signal }, async () => {
    const answer = await session.call({ method: 'GET', path: `manifests/${name}`, headers, signal }, { once: true })
    return { bytes: await answer.bytes(LARGEST_MANIFEST), header: answer.header }
  })
  const digest = `sha256:${sha256(bytes)}`
  const said = name.startsWith('sha256:') ? name : header('docker-content-digest')
  if (said?.startsWith('sha256:')) checkDigest({ what: `the manifest of ${what}`, wanted: said, found: digest })
  return { bytes, type: typeOf(header('content-type'), bytes, what), digest }
}

function typeOf(header: string | null, bytes: Uint8Array, what: string): string {
  const given = header?.split(';')[0]?.trim().toLowerCase() ?? ''
  if (SCHEMA_1.includes(given)) {
    throw new ImageError(
      'ERR_IMAGE_INVALID',
      `${what}: the registry has it in Docker's schema 1 only: it has to be pushed anew`,
      { image: what },
    )
  }
  // Registries of plain files send application/json, or nothing.
  return KNOWN_TYPES.includes(given) ? given : typeOfDocument(bytes, what)
}

export interface Download {
  readonly session: Session
  readonly descriptor: Descriptor
  /** What an attempt before has left is at its front. Complete and on the disk when it is done. */
  readonly file: GrowingFile
  readonly path: string
  /** Hears of the bytes that are there; they can become fewer. */
  readonly onBytes: (count: number) => void
  readonly signal: AbortSignal | undefined
}

/** @throws {ImageError} ERR_IMAGE_DIGEST, with an empty file; {RegistryError}, with what came so far */
export async function downloadBlob(download: Download): Promise<void> {
  const { session, file, descriptor, signal } = download
  let arrived = 0
  let isOld = file.size > 0
  const count = (bytes: number): void => {
    arrived += bytes
    download.onBytes(file.size)
  }
  if (file.size > descriptor.size) await file.cut(0)
  const { registry } = session.endpoint
  for (let hash = await hashOfFront(download); ; hash = runningSha256()) {
    const running = { hash }
    await withRetries({ registry, signal, progress: () => arrived }, () => fetchRest(download, running, count))
    const found = `sha256:${running.hash.hex()}`
    if (found === descriptor.digest) return file.sync()
    await file.cut(0)
    // What an earlier process left may be broken; what has come now is what the registry has.
    if (!isOld) checkDigest({ what: `${registry}, ${session.endpoint.repository}`, wanted: descriptor.digest, found })
    isOld = false
  }
}

async function hashOfFront({ file, path }: Download): Promise<ReturnType<typeof runningSha256>> {
  const hash = runningSha256()
  for await (const chunk of readChunks(path, { end: file.size })) hash.add(chunk)
  return hash
}

/** One attempt at what is missing. */
async function fetchRest(
  { session, descriptor, file, signal }: Download,
  running: { hash: ReturnType<typeof runningSha256> },
  count: (bytes: number) => void,
): Promise<void> {
  if (file.size === descriptor.size) return
  const headers = { 'accept-encoding': 'identity', ...(file.size > 0 && { range: `bytes=${file.size}-` }) }
  const path = `blobs/${descriptor.digest}`
  const answer = await session.call({ method: 'GET', path, headers, accepts: [200, 206, 416], signal }, { once: true })
  if (!goesOn(answer, file.size)) {
    await file.cut(0)
    running.hash = runningSha256()
  }
  if (answer.status === 416) {
    await answer.discard()
    throw new Transient(`${answer.url.host} has no such range`)
  }
  for await (const chunk of answer.chunks()) {
    if (file.size + chunk.length > descriptor.size) {
      await file.cut(0)
      throw tooLong(session, descriptor)
    }
    running.hash.add(chunk)
    await file.append(chunk)
    count(chunk.length)
  }
  if (file.size < descriptor.size)
    throw new Transient(`${answer.url.host} ends the blob after ${file.size} of ${descriptor.size} bytes`)
}

/** Whether an answer goes on where the file ends. */
function goesOn(answer: Answer, size: number): boolean {
  if (answer.status === 200) return size === 0
  return answer.status === 206 && answer.header('content-range')?.startsWith(`bytes ${size}-`) === true
}

function tooLong({ endpoint: { registry, repository } }: Session, { digest, size }: Descriptor): ImageError {
  return new ImageError(
    'ERR_IMAGE_DIGEST',
    `${registry}, ${repository}: the blob ${digest} has more than the ${size} bytes that its manifest says`,
    { expected: String(size) },
  )
}

interface SmallBlob {
  readonly session: Session
  readonly descriptor: Descriptor
  readonly signal: AbortSignal | undefined
}

/** A blob in memory, whose size the caller has limited. @throws as `downloadBlob` */
export async function fetchBlob({ session, descriptor, signal }: SmallBlob): Promise<Uint8Array> {
  const { digest, size } = descriptor
  const { registry, repository } = session.endpoint
  const bytes = await withRetries({ registry, signal }, async () => {
    const answer = await session.call({ method: 'GET', path: `blobs/${digest}`, signal }, { once: true })
    return answer.bytes(size).catch((error: unknown) => {
      throw error instanceof RegistryError ? tooLong(session, descriptor) : error
    })
  })
  checkDigest({ what: `${registry}, ${repository}`, wanted: digest, found: `sha256:${sha256(bytes)}` })
  return bytes
}
