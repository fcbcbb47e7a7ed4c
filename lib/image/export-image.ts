/** From the store to an archive, or to an image layout elsewhere. */
import { ImageError, SystemError } from '../errors.js'
import { isDirectory, listDirectory, makeDirectories } from '../sys/file.js'
import { readChunks, syncDirectory, writeWhole } from '../sys/large-file.js'
import type { Depot } from './depot/depot.js'
import { hexOf } from './digest.js'
import type { Descriptor } from './documents.js'
import { OCI_INDEX } from './media-types.js'
import { parseReference } from './reference.js'
import { findEntry, type Image, readImage, withName } from './stored-image.js'
import { tarEnd, tarHeader, tarPadding } from './tar-writer.js'

const LAYOUT_TEXT = '{"imageLayoutVersion":"1.0.0"}'

interface Part {
  readonly name: string
  readonly content: Uint8Array | { readonly path: string; readonly size: number }
}

const blobName = (digest: string): string => `blobs/sha256/${hexOf(digest)}`

/** Everything that an image consists of, by its name in an image layout, and in what `docker save` writes. */
function partsOfImage(depot: Depot, text: string): { readonly image: Image; readonly parts: readonly Part[] } {
  const entry = findEntry(depot.entries(), text)
  const image = readImage(depot, entry)
  const { manifest, digest, mediaType } = image
  const blobs = [{ digest, size: manifestSize(image) }, manifest.config, ...manifest.layers]
  const different = [...new Map(blobs.map(blob => [blob.digest, blob])).values()]
  const descriptor = { mediaType, digest, size: manifestSize(image), platform: platformField(image) }
  const manifests = image.name === null ? [descriptor] : withName([], image.name, descriptor)
  const document = (value: unknown): Uint8Array => Buffer.from(`${JSON.stringify(value)}\n`)
  const parts = [
    { name: 'oci-layout', content: Buffer.from(LAYOUT_TEXT) },
    { name: 'index.json', content: document({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }) },
    { name: 'manifest.json', content: document([dockerEntry(image)]) },
    ...different.map(blob => ({
      name: blobName(blob.digest),
      content: { path: depot.blobPath(blob.digest), size: blob.size },
    })),
  ]
  return { image, parts }
}

const manifestSize = ({ size, manifest }: Image): number =>
  size - [manifest.config, ...manifest.layers].reduce((sum, part) => sum + part.size, 0)

function platformField({ platform: { os, architecture, variant } }: Image): NonNullable<Descriptor['platform']> {
  return { os, architecture, ...(variant !== '' && { variant }) }
}

/** What `docker load` reads. */
function dockerEntry({ name, manifest }: Image): object {
  const reference = name === null ? null : referenceOrNull(name)
  const isTagged = reference !== null && reference.tag !== null && reference.digest === null
  return {
    Config: blobName(manifest.config.digest),
    RepoTags: isTagged ? [name] : null,
    Layers: manifest.layers.map(({ digest }) => blobName(digest)),
  }
}

function referenceOrNull(name: string) {
  try {
    return parseReference(name)
  } catch (error) {
    if (error instanceof ImageError) return null
    throw error
  }
}

/** An archive that is an OCI archive and one of `docker save` at once. @throws {ImageError} ERR_IMAGE_NOT_FOUND, ERR_IMAGE_STORE */
export async function* archiveOf(depot: Depot, name: string, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const { parts } = partsOfImage(depot, name)
  for (const directory of ['blobs/', 'blobs/sha256/']) yield tarHeader(directory, { size: 0, directory: true })
  for (const { name: file, content } of parts) {
    signal?.throwIfAborted()
    const size = content instanceof Uint8Array ? content.length : content.size
    yield tarHeader(file, { size })
    yield* contentOf(content, signal)
    yield tarPadding(size)
  }
  yield tarEnd()
}

async function* contentOf(content: Part['content'], signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  if (content instanceof Uint8Array) return yield content
  let read = 0
  for await (const chunk of readChunks(content.path)) {
    signal?.throwIfAborted()
    read += chunk.length
    yield chunk
  }
  if (read !== content.size) {
    throw new ImageError(
      'ERR_IMAGE_STORE',
      `${content.path} has ${read} bytes, not ${content.size}: pull or import the image again`,
    )
  }
}

/** Writes the archive to a file, which appears when it is whole. */
export async function writeArchive(
  depot: Depot,
  name: string,
  { path, signal }: { path: string; signal?: AbortSignal | undefined },
): Promise<void> {
  await writeWhole(path, archiveOf(depot, name, signal))
}

/** Writes an image layout into a new or empty directory; its index.json comes last. @throws {SystemError} ENOTEMPTY */
export async function writeLayout(
  depot: Depot,
  name: string,
  { path, signal }: { path: string; signal?: AbortSignal | undefined },
): Promise<void> {
  const { parts } = partsOfImage(depot, name)
  if (isDirectory(path) && listDirectory(path).length > 0)
    throw new SystemError({ syscall: 'export', errno: 'ENOTEMPTY', path })
  makeDirectories(`${path}/blobs/sha256`, 0o755)
  const layout = parts.filter(part => part.name !== 'manifest.json')
  const isIndex = (part: Part): boolean => part.name === 'index.json'
  for (const part of [...layout.filter(part => !isIndex(part)), ...layout.filter(isIndex)]) {
    await writeWhole(`${path}/${part.name}`, contentOf(part.content, signal))
  }
  await syncDirectory(path)
}
