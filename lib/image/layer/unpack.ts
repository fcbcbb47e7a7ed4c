/** Unpacks one layer of an image into a directory, as overlay wants it. */
import { createHash } from 'node:crypto'
import { LayerError, SystemError } from '../../errors.js'
import { closeFd } from '../../sys/beneath.js'
import { listDirectory, openPath } from '../../sys/file.js'
import { effectiveUid } from '../../sys/self.js'
import { byteSource } from './byte-source.js'
import { compressionOf, decompressed } from './decompress.js'
import { type Interruption, interruption } from './interruption.js'
import type { LayerCounts } from './layer-content.js'
import { keepLimit, type LayerLimits, type Limits, limitsOf, RATIO_FROM_BYTES } from './layer-limits.js'
import { layerTree } from './layer-tree.js'
import { tarReader } from './tar-reader.js'
import { type LayerWriter, type OverlayKind, startWriter } from './writer.js'

export interface UnpackOptions {
  /** The layer as it was downloaded. */
  readonly stream: AsyncIterable<Uint8Array>
  /** An OCI or Docker media type of a layer: a tar archive, as it is or compressed with gzip or zstd. */
  readonly mediaType: string
  /** `sha256:...` of the decompressed archive, as the image's configuration has it. Default: it is not compared. */
  readonly diffId?: string
  /** An existing, empty directory, in a place that other users can't reach. */
  readonly target: string
  /** Which attributes overlay is going to look at: `trusted.overlay.*` (root), or `user.overlay.*` (rootless). */
  readonly overlay: OverlayKind
  /**
   * `kept`: as the layer has them, which takes root. `squashed`: all files belong to this user, there are no devices and no file capabilities.
   * Default: `kept` as root, else `squashed`.
   */
  readonly owners?: 'kept' | 'squashed'
  readonly limits?: LayerLimits
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
  const { target, overlay, signal } = options
  const limits = limitsOf(options.limits)
  const owners = options.owners ?? (effectiveUid() === 0 ? 'kept' : 'squashed')
  const compression = compressionOf(options.mediaType)
  signal?.throwIfAborted()
  if (listDirectory(target).length > 0) throw new SystemError({ syscall: 'unpack', errno: 'ENOTEMPTY', path: target })
  const directory = openPath(target, { directory: true })
  const kept = owners === 'kept'
  try {
    const writer = startWriter({ target: directory, overlay, owners: kept, devices: kept })
    const stop = interruption(signal, writer.failed)
    try {
      const bytes = measured({ ...options, limits }, chunks => decompressed(chunks, compression), stop)
      const counts = await write({ bytes: bytes.chunks, writer, limits, kept })
      const diffId = bytes.diffId()
      compare(diffId, options.diffId)
      await writer.finish()
      return { diffId, ...counts }
    } finally {
      stop.end()
      await writer.stop()
    }
  } catch (error) {
    await clearBelow(directory)
    throw error
  } finally {
    closeFd(directory)
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

/** Counts, compares and hashes what passes through. */
function measured(
  { stream, limits }: Pick<UnpackOptions, 'stream'> & { limits: Limits },
  decompress: (chunks: AsyncIterable<Uint8Array>) => AsyncIterable<Buffer>,
  stop: Interruption,
): Measured {
  const hash = createHash('sha256')
  let [compressed, bytes] = [0, 0]
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const chunk of stream) {
      compressed += chunk.length
      yield chunk
    }
  }
  async function* chunks(): AsyncGenerator<Buffer> {
    const iterator = decompress(counted())[Symbol.asyncIterator]()
    try {
      for (;;) {
        const { value, done } = await stop.race(iterator.next())
        if (done === true) return
        bytes += value.length
        keepLimit(limits, { name: 'bytes', value: bytes })
        if (bytes > RATIO_FROM_BYTES) keepLimit(limits, { name: 'ratio', value: Math.ceil(bytes / compressed) })
        hash.update(value)
        yield value
      }
    } finally {
      // A source that hangs would never answer.
      iterator.return?.()?.catch(() => {})
    }
  }
  return { chunks: chunks(), diffId: () => `sha256:${hash.digest('hex')}` }
}

interface Writing {
  readonly bytes: AsyncGenerator<Buffer>
  readonly writer: LayerWriter
  readonly limits: Limits
  readonly kept: boolean
}

async function write({ bytes, writer, limits, kept }: Writing): Promise<LayerCounts> {
  const source = byteSource(bytes)
  const tar = tarReader(source, limits)
  const tree = layerTree({ writer, tar, limits, kept })
  try {
    for (let entry = await tar.next(); entry !== null; entry = await tar.next()) await tree.add(entry)
    // What follows the archive's end belongs to its digest.
    while ((await source.some(Number.MAX_SAFE_INTEGER)).length > 0);
    return await tree.settle()
  } finally {
    await bytes.return(undefined)
  }
}

/** Leaves the directory itself. */
async function clearBelow(directory: number): Promise<void> {
  const writer = startWriter({ target: directory, overlay: 'user', owners: false, devices: false })
  try {
    void writer.order({ order: 'clear' })
    await writer.finish()
  } finally {
    await writer.stop()
  }
}

export interface ClearOptions {
  /** What `unpackLayer` has written to, whole or in part. */
  readonly target: string
}

/**
 * Removes all that is in the directory, by a process of its own; not the directory.
 * @throws {LayerError} ERR_LAYER_WRITE if something can't be removed
 * @throws {SystemError} ENOENT or ENOTDIR
 */
export async function clearLayer({ target }: ClearOptions): Promise<void> {
  const directory = openPath(target, { directory: true })
  try {
    await clearBelow(directory)
  } finally {
    closeFd(directory)
  }
}
