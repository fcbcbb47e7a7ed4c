/** A stream of bytes, taken in pieces of a wished size. Holds one chunk of the stream, and what it puts together. */
export interface ByteSource {
  /** Exactly so many bytes, if they are here already; else null. */
  now(size: number): Buffer | null
  /** Exactly so many bytes; fewer (even none) only at the end of the stream. */
  take(size: number): Promise<Buffer>
  /** At least one byte and at most so many; none only at the end. */
  some(most: number): Promise<Buffer>
}

export function byteSource(chunks: AsyncIterator<Buffer>): ByteSource {
  let chunk: Buffer = Buffer.alloc(0)
  let at = 0
  const fill = async (): Promise<boolean> => {
    while (at === chunk.length) {
      const { value, done } = await chunks.next()
      if (done === true) return false
      chunk = value
      at = 0
    }
    return true
  }
  const slice = (size: number): Buffer => {
    const end = Math.min(at + size, chunk.length)
    const piece = chunk.subarray(at, end)
    at = end
    return piece
  }
  const some = async (most: number): Promise<Buffer> => ((await fill()) ? slice(most) : Buffer.alloc(0))
  const now = (size: number): Buffer | null => (chunk.length - at >= size ? slice(size) : null)
  const take = async (size: number): Promise<Buffer> => {
    const whole = now(size)
    if (whole !== null) return whole
    const pieces: Buffer[] = []
    for (let left = size; left > 0; ) {
      const piece = await some(left)
      if (piece.length === 0) break
      left -= piece.length
      pieces.push(piece)
    }
    return Buffer.concat(pieces)
  }
  return { now, take, some }
}
