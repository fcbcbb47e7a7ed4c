/** Much text of many bytes, so that nobody waits for all of it. */
import { giveWay } from './turns.js'

/** Bytes that become text at a time. */
const PIECE = 256 * 1024

/** UTF-8; what is none is U+FFFD. A character may be in two chunks. */
export async function textInTurns(chunks: readonly Uint8Array[]): Promise<string> {
  const text = new TextDecoder('utf-8', { ignoreBOM: true })
  let whole = ''
  for (const chunk of chunks)
    for (let at = 0; at < chunk.length; at += PIECE) {
      await giveWay()
      whole += text.decode(chunk.subarray(at, at + PIECE), { stream: true })
    }
  return whole + text.decode()
}

/** As Buffer.concat. */
export async function joinedInTurns(chunks: readonly Uint8Array[]): Promise<Buffer> {
  const whole = Buffer.allocUnsafe(chunks.reduce((sum, { length }) => sum + length, 0))
  let end = 0
  for (const chunk of chunks) {
    await giveWay()
    whole.set(chunk, end)
    end += chunk.length
  }
  return whole
}
