/** Decompressed bytes, of which there may be so many and no more: for a byte that came, and in all. */
import { decompressed, type LayerCompression } from './decompress.js'
import { keepLimit, type Limits } from './layer-limits.js'

/** Small files of zeros are no bombs. */
const RATIO_FROM_BYTES = 256 * 2 ** 20

interface Bounded {
  readonly stream: AsyncIterable<Uint8Array>
  readonly compression: LayerCompression
  readonly limits: Limits
  /** Cuts a wait short. Default: each is waited for to its end. */
  readonly race?: <T>(promise: Promise<T>) => Promise<T>
}

/** @throws {LayerError} ERR_LAYER_LIMIT (`bytes`, `ratio`); as `decompressed`; what `race` throws */
export async function* bounded({ stream, compression, limits, race = wait }: Bounded): AsyncGenerator<Buffer> {
  let [compressed, bytes] = [0, 0]
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const chunk of stream) {
      compressed += chunk.length
      yield chunk
    }
  }
  const iterator = decompressed(counted(), compression)[Symbol.asyncIterator]()
  try {
    for (;;) {
      const { value, done } = await race(iterator.next())
      if (done === true) return
      bytes += value.length
      keepLimit(limits, { name: 'bytes', value: bytes })
      if (bytes > RATIO_FROM_BYTES) keepLimit(limits, { name: 'ratio', value: Math.ceil(bytes / compressed) })
      yield value
    }
  } finally {
    // A source that hangs would never answer.
    iterator.return?.()?.catch(() => {})
  }
}

const wait = <T>(promise: Promise<T>): Promise<T> => promise
