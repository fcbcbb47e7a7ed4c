/** The stream sockets between the runtime and the init helper, as messages. */
import { Socket } from 'node:net'

/** Frames are bounded on both sides: a report is a few numbers and a path. */
const FRAME_LIMIT = 64 * 1024
const HEADER_BYTES = 4

export interface Channel {
  /** The next frame's bytes; null at the end of the stream. A reset counts as the end. */
  next(): Promise<Uint8Array | null>
  /** True where `next` would not wait. */
  hasNews(): boolean
  send(byte: number): void
  close(): void
}

/** Takes over the descriptor of a connected stream socket. */
export function openChannel(fd: number): Channel {
  const socket = new Socket({ fd, readable: true, writable: true })
  const frames: Uint8Array[] = []
  let buffered: Buffer = Buffer.alloc(0)
  let ended = false
  let wake: (() => void) | null = null
  const notify = (): void => {
    wake?.()
    wake = null
  }
  const end = (): void => {
    ended = true
    notify()
  }
  socket.on('data', (chunk: Buffer) => {
    const { whole, rest } = splitFrames(Buffer.concat([buffered, chunk]))
    frames.push(...whole)
    buffered = rest
    if (rest.length > FRAME_LIMIT) socket.destroy()
    notify()
  })
  // The helper may die at any moment; how it ended is told by its pidfd, not by this socket.
  socket.on('error', end).on('end', end).on('close', end)
  const next = async (): Promise<Uint8Array | null> => {
    for (;;) {
      const frame = frames.shift()
      if (frame !== undefined) return frame
      if (ended) return null
      await new Promise<void>(resolve => {
        wake = resolve
      })
    }
  }
  return {
    next,
    hasNews: () => ended || frames.length > 0,
    send: byte => void socket.write(Uint8Array.of(byte)),
    close: () => void socket.destroy(),
  }
}

function splitFrames(bytes: Buffer): { whole: Uint8Array[]; rest: Buffer } {
  const whole: Uint8Array[] = []
  let at = 0
  while (bytes.length - at >= HEADER_BYTES) {
    const end = at + HEADER_BYTES + bytes.readUInt32LE(at)
    if (end > bytes.length) break
    whole.push(bytes.subarray(at + HEADER_BYTES, end))
    at = end
  }
  return { whole, rest: bytes.subarray(at) }
}
