/** Unpacks one layer of an image into a directory, as overlay wants it. */
import { createHash } from 'node:crypto'
import { LayerError, SystemError } from '../errors.js'
import { closeFd } from '../sys/beneath.js'
import { listDirectory, openPath } from '../sys/file.js'
import { othersReach } from '../sys/reach.js'
import { bounded } from './bounded.js'
import { byteSource } from './byte-source.js'
import { clearBelow } from './clear-layer.js'
import { compressionOf, type LayerCompression } from './decompress.js'
import { interruption } from './interruption.js'
import type { LayerCounts } from './layer-content.js'
import { type LayerLimits, type Limits, limitsOf } from './layer-limits.js'
import { chosenOwners, type LayerOwners, mappingsOf, type OwnerMappings } from './layer-owners.js'
import type { OverlayKind } from './layer-process.js'
import { layerTree } from './layer-tree.js'
import { tarReader } from './tar-reader.js'
import { type LayerWriter, startWriter } from './writer.js'

export interface UnpackOptions {
  /** The layer as it was downloaded. */
  readonly stream: AsyncIterable<Uint8Array>
  /** An OCI or Docker media type of a layer: a tar archive, as it is or compressed with gzip or zstd. */
  readonly mediaType: string
  /** `sha256:...` of the decompressed archive, as the image's configuration has it. Default: it is not compared. */
  readonly diffId?: string
  /** An existing, empty directory, in a place that other users can't reach. */
  readonly target: string
  /** It is in a mount that is attached nowhere: other users can't reach it, whatever its name is. Default false. */
  readonly isHidden?: boolean
  /** Which attributes overlay is going to look at: `trusted.overlay.*` (root), or `user.overlay.*` (rootless). */
  readonly overlay: OverlayKind
  /**
   * `squashed` leaves out devices and file capabilities too, `mapped` devices. Default: `kept` as root, else `squashed`.
   */
  readonly owners?: LayerOwners
  readonly limits?: LayerLimits
  /** The files are on the disk when it resolves (syncfs(2)), as is whatever else their file system has to write. Default false. */
  readonly durable?: boolean
  readonly signal?: AbortSignal
}

export interface UnpackedLayer extends LayerCounts {
  /** `sha256:...` of the decompressed archive. */
  readonly diffId: string
}

/**
 * Nothing is left in the target when this rejects. A process that is killed leaves part of a layer there: remove it with `clearLayer`.
 *
 * @throws {LayerError} the layer is damaged, unsafe, above a limit or another one, or could not be written
 * @throws {HostError} ERR_HOST_INSTALL for zstd with a Node that has none
 * @throws {SystemError} the target is missing (ENOENT), no directory (ENOTDIR) or not empty (ENOTEMPTY)
 * @throws the reason of `signal`
 */
export async function unpackLayer(options: UnpackOptions): Promise<UnpackedLayer> {
  const { target, signal } = options
  const limits = limitsOf(options.limits)
  const owners = chosenOwners(options.owners)
  const compression = compressionOf(options.mediaType)
  signal?.throwIfAborted()
  if (listDirectory(target).length > 0) throw new SystemError({ syscall: 'unpack', errno: 'ENOTEMPTY', path: target })
  const directory = openPath(target, { directory: true })
  try {
    return await unpackInto({ options, limits, owners, compression, directory })
  } finally {
    closeFd(directory)
  }
}

interface Unpacking {
  readonly options: UnpackOptions
  readonly limits: Limits
  readonly owners: LayerOwners
  readonly compression: LayerCompression
  readonly directory: number
}

async function unpackInto({ options, limits, owners, compression, directory }: Unpacking): Promise<UnpackedLayer> {
  const mappings = mappingsOf(owners)
  const allowed = { owners: owners !== 'squashed', devices: owners === 'kept' }
  const writer = await startWriter({ target: directory, overlay: options.overlay, mappings, ...allowed })
  const stop = interruption(options.signal, writer.verdict)
  try {
    const { stream } = options
    const bytes = measured(bounded({ stream, compression, limits, race: stop.race }))
    const counts = await write({
      bytes: bytes.chunks,
      writer,
      limits,
      exposed: options.isHidden !== true && othersReach(options.target),
      ...allowed,
    })
    const diffId = bytes.diffId()
    compare(diffId, options.diffId)
    if (options.durable === true) void writer.order({ order: 'sync' })
    await stop.race(writer.finish())
    return { diffId, ...counts }
  } catch (error) {
    await writer.stop()
    await clearAfter(error, directory, mappings)
    throw error
  } finally {
    stop.end()
    await writer.stop()
  }
}

async function clearAfter(cause: unknown, directory: number, mappings: OwnerMappings | null): Promise<void> {
  try {
    await clearBelow(directory, mappings)
  } catch (error) {
    const why = cause instanceof Error ? cause.message : String(cause)
    const then = error instanceof Error ? error.message : String(error)
    throw new LayerError(
      'ERR_LAYER_WRITE',
      `${why}; and what had been unpacked could not be removed: ${then}`,
      {},
      { cause },
    )
  }
}

function compare(found: string, wanted: string | undefined): void {
  if (wanted === undefined || found === wanted) return
  throw new LayerError(
    'ERR_LAYER_DIGEST',
    `the layer has the digest ${found}, and not ${wanted}, when it is decompressed`,
  )
}

interface Measured {
  readonly chunks: AsyncGenerator<Buffer>
  /** To be called at their end. */
  diffId(): string
}

/** Hashes what passes through. */
function measured(chunks: AsyncIterable<Buffer>): Measured {
  const hash = createHash('sha256')
  async function* hashed(): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      hash.update(chunk)
      yield chunk
    }
  }
  return { chunks: hashed(), diffId: () => `sha256:${hash.digest('hex')}` }
}

interface Writing {
  readonly bytes: AsyncGenerator<Buffer>
  readonly writer: LayerWriter
  readonly limits: Limits
  readonly owners: boolean
  readonly devices: boolean
  readonly exposed: boolean
}

async function write({ bytes, writer, ...surroundings }: Writing): Promise<LayerCounts> {
  const source = byteSource(bytes)
  const tar = tarReader(source, surroundings.limits)
  const tree = layerTree({ writer, tar, ...surroundings })
  try {
    for (let entry = await tar.next(); entry !== null; entry = await tar.next()) await tree.add(entry)
    // What follows the archive's end belongs to its digest.
    while ((await source.some(Number.MAX_SAFE_INTEGER)).length > 0);
    return await tree.settle()
  } finally {
    await bytes.return(undefined)
  }
}
