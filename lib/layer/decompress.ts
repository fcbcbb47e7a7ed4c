/** The compressions of layers. */
import { Readable } from 'node:stream'
import * as zlib from 'node:zlib'
import { HostError, LayerError } from '../errors.js'
import { packingOf } from './layer-types.js'

export type LayerCompression = 'none' | 'gzip' | 'zstd'

/** @throws {LayerError} ERR_LAYER_FORMAT for the media type of anything else */
export function compressionOf(mediaType: string): LayerCompression {
  const packing = packingOf(mediaType)
  if (packing !== null) return packing
  throw new LayerError('ERR_LAYER_FORMAT', `${JSON.stringify(mediaType)} is no media type of a layer that is known`)
}

const CHUNK_BYTES = 128 * 1024

/** What Node has of zstd from 22.15 on; its types are those of 20. */
interface WithZstd {
  readonly createZstdDecompress?: (options: { chunkSize: number }) => NodeJS.ReadWriteStream & AsyncIterable<Buffer>
}

/** @throws {HostError} ERR_HOST_INSTALL if this Node has no zstd */
export function needZstd<T>(create: T | undefined): T {
  if (create !== undefined) return create
  throw new HostError('ERR_HOST_INSTALL', {
    needs: 'Node 22.15 or newer, for layers that are compressed with zstd',
    found: `Node ${process.versions.node}`,
    remedy: 'run a newer Node, or use an image whose layers are compressed with gzip',
  })
}

/**
 * The decompressed stream; also of several members one after the other (gzip), or frames (zstd).
 * @throws {LayerError} ERR_LAYER_FORMAT (while it is read) if it is damaged or ends early
 */
export function decompressed(stream: AsyncIterable<Uint8Array>, compression: LayerCompression): AsyncIterable<Buffer> {
  if (compression === 'none') return asBuffers(stream)
  const { createZstdDecompress } = zlib as WithZstd
  const transform =
    compression === 'gzip'
      ? zlib.createGunzip({ chunkSize: CHUNK_BYTES })
      : needZstd(createZstdDecompress)({ chunkSize: CHUNK_BYTES })
  const source = Readable.from(stream, { objectMode: false, highWaterMark: CHUNK_BYTES })
  source.on('error', error => (transform as zlib.Gunzip).destroy(error))
  return translated(source.pipe(transform as zlib.Gunzip), source, compression)
}

async function* asBuffers(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  for await (const chunk of stream) yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
}

async function* translated(
  transform: zlib.Gunzip,
  source: Readable,
  compression: LayerCompression,
): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of transform) yield chunk as Buffer
  } catch (cause) {
    const { code = '', message } = cause as NodeJS.ErrnoException
    if (!/^(Z|ZSTD)_/.test(code)) throw cause
    throw new LayerError('ERR_LAYER_FORMAT', `the ${compression} stream is damaged: ${message}`, {}, { cause })
  } finally {
    source.destroy()
    transform.destroy()
  }
}
