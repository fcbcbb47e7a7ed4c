/** A container's standard streams: pipes, and the master of a terminal, as Node streams. */

import type { Socket } from 'node:net'
import type { Duplex, Readable, Writable } from 'node:stream'
import { builtin } from './builtin.js'
import { check } from './errno.js'
import { native } from './native.js'

/** A pipe: [end to read, end to write]. A real pipe, since programs open /dev/stdout again, which a socket does not allow. */
export function makePipe(): [number, number] {
  const ends = Buffer.alloc(8)
  check(native().ts_pipe(ends), 'pipe2')
  return [ends.readInt32LE(0), ends.readInt32LE(4)]
}

export function duplicate(fd: number): number {
  return check(native().ts_duplicate(fd), 'fcntl', String(fd))
}

/** The end of a pipe that has news when this process is gone. It belongs to the caller. */
export function lifeline(): number {
  return check(native().ts_lifeline(), 'pipe2')
}

/** The descriptors of streams that can be asked what there is to be read. */
const descriptors = new WeakMap<Readable, number>()

/** Takes over the descriptor. */
export function readableOf(fd: number): Readable {
  const stream = streamOver(fd, { readable: true, writable: false })
  descriptors.set(stream, fd)
  return stream
}

/** How many bytes are in the pipe (or the terminal) of a stream of ours that it has not taken yet. */
export function unreadBytes(stream: Readable): number {
  const fd = stream.destroyed ? undefined : descriptors.get(stream)
  return fd === undefined ? 0 : check(native().ts_unread(fd), 'ioctl', 'FIONREAD')
}

/** Takes over the descriptor. A closed other end (EPIPE) is reported to listeners for errors, and nowhere else. */
export function writableOf(fd: number): Writable {
  const socket = streamOver(fd, { readable: false, writable: true })
  socket.on('error', ignoreClosedPipe)
  return socket
}

function ignoreClosedPipe(this: Socket, error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE' && error.code !== 'ECONNRESET' && this.listenerCount('error') === 1) throw error
}

const TAIL_BYTES = 64 * 1024

/** Reads the descriptor (taken over) until `stop`, which returns the last 64 KiB as text. A pipe that a grandchild holds open does not matter. */
export function collectTail(fd: number): { stop(): Promise<string> } {
  const stream = readableOf(fd)
  let kept: Buffer = Buffer.alloc(0)
  stream.on('data', (chunk: Buffer) => {
    kept = Buffer.concat([kept, chunk]).subarray(-TAIL_BYTES)
  })
  const stop = async (): Promise<string> => {
    // What was written before the exit is in the pipe already: one turn of the event loop reads it.
    await new Promise(resolve => setImmediate(resolve))
    await new Promise(resolve => setImmediate(resolve))
    stream.destroy()
    return kept.toString('utf8')
  }
  return { stop }
}

/** One stream for both directions of a terminal. */
export interface Terminal extends Duplex {
  /** Sets the window size; the foreground process group gets SIGWINCH. */
  resize(size: { rows: number; columns: number }): void
}

/** Takes over the master's descriptor. The hang-up (EIO) at the end of the last process is the end of the stream. */
export function terminalOf(master: number): Terminal {
  const { ReadStream } = builtin('node:tty') as typeof import('node:tty')
  // A ReadStream of a pty master can be written to as well: it is a socket over a tty handle.
  const stream = givenTo(master, () => new ReadStream(master)) as unknown as Terminal
  // Node destroys a stream that fails to be read before anybody hears of it; then it is too late for an orderly end.
  const destroy = stream.destroy.bind(stream)
  stream.destroy = (error?: NodeJS.ErrnoException) => {
    if (error?.code !== 'EIO' || stream.destroyed) return destroy(error)
    stream.once('end', () => destroy())
    stream.push(null)
    return stream
  }
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EIO' && stream.listenerCount('error') === 1) throw error
  })
  descriptors.set(stream, master)
  stream.resize = size => {
    // The number may be another descriptor's by then.
    if (!stream.destroyed) resizeTerminal(master, size)
  }
  return stream
}

function resizeTerminal(fd: number, { rows, columns }: { rows: number; columns: number }): void {
  check(native().ts_resize(fd, rows, columns), 'ioctl', 'TIOCSWINSZ')
}

/** What struct termios fits in. */
const TERMINAL_BYTES = 64

export interface RawOptions {
  /** Keys pass through too, Control-C among them. Default true; without it only what is written passes through as it is. */
  readonly keys?: boolean
}

/**
 * Makes a terminal of this process (a descriptor) pass bytes through as they are, for a container's terminal that is shown on it:
 * that one has ended its lines with CR and LF already. (The raw mode of node:tty ends them once more.) The function that is
 * returned gives the terminal back as it was; it may be called more than once.
 * @throws {SystemError} if the descriptor is no terminal
 */
export function rawTerminal(fd: number, { keys = true }: RawOptions = {}): () => void {
  const saved = Buffer.alloc(TERMINAL_BYTES)
  check(native().ts_terminal_raw(fd, keys ? 1 : 0, saved), 'tcsetattr', String(fd))
  let isRaw = true
  return () => {
    // A terminal that has hung up has no settings any more.
    if (isRaw) native().ts_terminal_restore(fd, saved)
    isRaw = false
  }
}

interface Directions {
  readonly readable: boolean
  readonly writable: boolean
  /** Default false: the end of what is read ends what is written. */
  readonly allowHalfOpen?: boolean
  /** Where all that is read goes, in place of the stream's own buffers: `callback` is told how much it is, and goes on by returning true. */
  readonly onread?: { readonly buffer: Uint8Array; readonly callback: (bytes: number) => boolean }
}

/** A stream of Node over a pipe, a socket or a terminal; takes over the descriptor. Loads node:net, which takes milliseconds. */
export function streamOver(fd: number, directions: Directions): Socket {
  const net = builtin('node:net') as typeof import('node:net')
  return givenTo(fd, () => new net.Socket({ fd, ...directions }))
}

/** A worker may be ended at any moment: until `make` has taken the descriptor over its thread closes it. */
function givenTo<T>(fd: number, make: () => T): T {
  native().ts_offer(fd)
  const stream = make()
  native().ts_given(fd)
  return stream
}
