/** Packs a directory, or what a container has written to its upper directory, as a layer of an image. */
import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import * as zlib from 'node:zlib'
import { LayerError } from '../errors.js'
import { closeFds } from '../sys/beneath.js'
import { openPath } from '../sys/file.js'
import { effectiveUid } from '../sys/self.js'
import { type LayerCompression, needZstd } from './decompress.js'
import { breather } from './layer-content.js'
import { chosenOwners, type LayerOwners, mappingsOf, ownMappings } from './layer-owners.js'
import { mergedReader } from './merged-reader.js'
import { packedTree } from './packed-tree.js'
import { startTreeReader, type TreeReader } from './tree-reader.js'

export interface PackOptions {
  readonly source: string
  /**
   * `directory`: all of it, the first layer of an image. `upper`: of an overlay; whiteouts and opaque directories become those of a layer.
   * `merged`: what overlay shows of it and of those that it is over, without whiteouts.
   */
  readonly kind: 'directory' | 'upper' | 'merged'
  /** With `merged`: the directories below it, the uppermost first. */
  readonly over?: readonly string[]
  readonly compression: LayerCompression
  /** Whose files are in it. `squashed`: root's, all of them. Default: as they are on disk as root, else `squashed`. */
  readonly owners?: LayerOwners
  /** Bytes of the contents of all files together, holes counted. Default: any number. */
  readonly most?: number
  readonly signal?: AbortSignal
}

export interface PackedLayer {
  /** `sha256:...` of the archive. */
  readonly diffId: string
  /** `sha256:...` of the compressed archive, and its bytes. */
  readonly digest: string
  readonly size: number
}

export interface Packing {
  /** To be read once. Nothing happens until then. */
  readonly stream: AsyncIterable<Uint8Array>
  /** Resolves at the end of the stream; rejects with the error that the stream throws, or if it is left before its end. */
  readonly result: Promise<PackedLayer>
}

const LEFT = 'nobody has read the layer to its end'

/**
 * The same tree makes the same bytes (with the same zlib): entries are sorted, and nobody's names are in it. Sockets are left out.
 *
 * The stream throws:
 * @throws {LayerError} something can't be read (ERR_LAYER_WRITE), can't be in a layer (ERR_LAYER_UNSAFE), or is above `most` or nested too deep (ERR_LAYER_LIMIT)
 * @throws {SystemError} there is no such directory
 * @throws {HostError} ERR_HOST_INSTALL for zstd with a Node that has none
 * @throws the reason of `signal`
 */
export function packLayer(options: PackOptions): Packing {
  let done = (_: PackedLayer): void => {}
  let failed = (_: unknown): void => {}
  const result = new Promise<PackedLayer>((resolve, reject) => {
    done = resolve
    failed = reject
  })
  result.catch(() => {})
  return { stream: packed(options, done, failed), result }
}

const sha256 = () => {
  const hash = createHash('sha256')
  return { update: (bytes: Uint8Array) => hash.update(bytes), text: () => `sha256:${hash.digest('hex')}` }
}

async function* packed(
  options: PackOptions,
  done: (layer: PackedLayer) => void,
  failed: (error: unknown) => void,
): AsyncGenerator<Uint8Array> {
  const [plain, whole] = [sha256(), sha256()]
  let size = 0
  try {
    const archive = archiveOf(options, bytes => plain.update(bytes))
    for await (const chunk of compressed(archive, options)) {
      size += chunk.length
      whole.update(chunk)
      yield chunk
    }
    done({ diffId: plain.text(), digest: whole.text(), size })
  } catch (error) {
    failed(error)
    throw error
  } finally {
    // Nothing, if it has settled.
    failed(new LayerError('ERR_LAYER_FORMAT', LEFT))
  }
}

interface WithZstd {
  readonly createZstdCompress?: () => zlib.Gzip
}

const CHUNK_BYTES = 128 * 1024

function compressed(archive: AsyncIterable<Buffer>, { compression, signal }: PackOptions): AsyncIterable<Uint8Array> {
  if (compression === 'none') return archive
  const transform =
    compression === 'gzip'
      ? zlib.createGzip({ chunkSize: CHUNK_BYTES })
      : needZstd((zlib as WithZstd).createZstdCompress)()
  const source = Readable.from(archive, { objectMode: false, highWaterMark: CHUNK_BYTES })
  source.on('error', error => transform.destroy(error))
  return passed(source.pipe(transform), source, signal)
}

async function* passed(transform: Readable, source: Readable, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of transform) yield chunk as Buffer
  } finally {
    signal?.throwIfAborted()
    source.destroy()
    transform.destroy()
  }
}

/** A user may have files that their own mode hides from it, but not from the root of its user namespace. */
async function readerOf(target: number, owners: LayerOwners): Promise<TreeReader> {
  const overlay = effectiveUid() === 0 ? 'trusted' : 'user'
  const mappings = mappingsOf(owners)
  if (mappings !== null || effectiveUid() === 0) return startTreeReader({ target, overlay, mappings })
  try {
    return await startTreeReader({ target, overlay, mappings: ownMappings() })
  } catch (error) {
    // No user namespaces on this machine: what can't be read then is an error of its own.
    if (!(error instanceof LayerError && error.syscall === 'unshare')) throw error
    return startTreeReader({ target, overlay, mappings: null })
  }
}

const treeOf = (readers: readonly TreeReader[]): TreeReader => {
  const [only] = readers
  return only !== undefined && readers.length === 1 ? only : mergedReader(readers)
}

/** Pieces of the archive, put together to be of some size. */
async function* archiveOf(options: PackOptions, passing: (bytes: Buffer) => void): AsyncGenerator<Buffer> {
  const { source, over = [], kind, most = Number.POSITIVE_INFINITY, signal } = options
  const owners = chosenOwners(options.owners)
  signal?.throwIfAborted()
  const directories: number[] = []
  const readers: TreeReader[] = []
  const breathe = breather()
  try {
    for (const path of [source, ...over]) {
      const directory = openPath(path, { directory: true })
      directories.push(directory)
      readers.push(await readerOf(directory, owners))
    }
    const tree = packedTree(treeOf(readers), { kind, squashed: owners === 'squashed', most })
    for await (const bytes of gathered(tree)) {
      signal?.throwIfAborted()
      passing(bytes)
      yield bytes
      await breathe()
    }
  } finally {
    await Promise.all(readers.map(reader => reader.stop()))
    closeFds(directories)
  }
}

async function* gathered(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let [held, size] = [[] as Buffer[], 0]
  for await (const piece of pieces) {
    held.push(piece)
    size += piece.length
    if (size < CHUNK_BYTES) continue
    yield Buffer.concat(held)
    held = []
    size = 0
  }
  if (size > 0) yield Buffer.concat(held)
}
