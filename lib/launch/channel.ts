/** The stream sockets between the runtime and the init helper, as messages. */
import { closeFd } from '../sys/beneath.js'
import { errnoName } from '../sys/errno.js'
import { native } from '../sys/native.js'
import { READABLE, type Watch, watch } from '../sys/watch.js'

/** Frames are bounded on both sides: a report is a few numbers and a path. */
const FRAME_LIMIT = 64 * 1024
const HEADER_BYTES = 4
const CHUNK_BYTES = 8 * 1024

export interface Channel {
  /** The next frame's bytes; null at the end of the stream. A reset counts as the end. One call at a time. */
  next(): Promise<Uint8Array | null>
  /** True if `next` would not wait. */
  hasNews(): boolean
  send(byte: number): void
  /** Ends a `next` that still waits. */
  close(): void
}

/**
 * Takes over the descriptor of a connected stream socket. Read when there is something, by calls of our own: a stream of
 * Node costs more than all that is said on it.
 */
export function openChannel(fd: number): Channel {
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
  let buffered: Buffer = Buffer.alloc(0)
  // Of what is in the socket: what has been told stays there until it has been heeded, for a thread that ends meanwhile.
  let seen = 0
  let ended = false
  let waiting: { readonly watch: Watch; readonly stop: () => void } | null = null
  // The helper may die at any moment; how it ended is told by its pidfd, not by this socket.
  const receive = (): void => {
    const length = native().ts_peek(fd, chunk, CHUNK_BYTES, seen)
    seen = Math.max(length, 0)
    if (length > 0) buffered = Buffer.concat([buffered, chunk.subarray(0, length)])
    else if (length === 0 || errnoName(-length) !== 'EAGAIN') ended = true
    if (buffered.length > FRAME_LIMIT) ended = true
  }
  const take = (): Uint8Array | null => {
    const end = frameEnd(buffered)
    if (end === null) return null
    const frame = buffered.subarray(HEADER_BYTES, end)
    buffered = buffered.subarray(end)
    return frame
  }
  const untilReadable = (): Promise<void> =>
    new Promise(resolve => {
      const readable = watch(fd, READABLE)
      waiting = { watch: readable, stop: resolve }
      void readable.ready.then(resolve)
    })
  const next = async (): Promise<Uint8Array | null> => {
    for (;;) {
      const frame = take()
      if (frame !== null || ended) return frame
      receive()
      if (ended || frameEnd(buffered) !== null) continue
      await untilReadable()
      waiting = null
    }
  }
  const hasNews = (): boolean => {
    if (frameEnd(buffered) === null) receive()
    return ended || frameEnd(buffered) !== null
  }
  const close = (): void => {
    ended = true
    waiting?.watch.stop()
    closeFd(fd)
    waiting?.stop()
  }
  return { next, hasNews, send: byte => void native().ts_send(fd, Uint8Array.of(byte), 1), close }
}

/** Where the first frame of `bytes` ends; null if it is not whole. */
function frameEnd(bytes: Buffer): number | null {
  if (bytes.length < HEADER_BYTES) return null
  const end = HEADER_BYTES + bytes.readUInt32LE(0)
  return end <= bytes.length ? end : null
}
