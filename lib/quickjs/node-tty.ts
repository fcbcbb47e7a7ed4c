/** The parts of node:net and node:tty that lib uses: streams over descriptors. */
import { addImmediate, addWatch, type LoopWatch, removeWatch } from './event-loop.js'
import { host } from './host.js'
import { Buffer } from './node-buffer.js'
import { Emitter } from './node-events.js'
import { systemError } from './tables.js'

const READABLE = 1
const WRITABLE = 4
const EAGAIN = 11
const CHUNK_BYTES = 64 * 1024
/** Of what waits to be written: who writes more is asked to wait. */
const ROOM = 16 * 1024

interface StreamOptions {
  readonly fd: number
  readonly readable?: boolean
  readonly writable?: boolean
  /** Somebody else's too: it stays open, and as it is. */
  readonly isShared?: boolean
}

/** A stream over a pipe, a socket or a terminal, which it closes. */
export class Socket extends Emitter {
  readonly #fd: number
  readonly #readable: boolean
  readonly #isShared: boolean
  #reading: LoopWatch | null = null
  #writing: LoopWatch | null = null
  #unwritten: Uint8Array[] = []
  #isHeld = true
  #isEnding = false
  readonly #pipes = new Map<Socket, (chunk: Buffer) => void>()
  bytesRead = 0
  destroyed = false
  closed = false
  /** Nothing is kept here: what is not wanted yet stays where it is. */
  readonly readableLength = 0
  readableFlowing: boolean | null = null

  constructor({ fd, readable = true, writable = true, isShared = false }: StreamOptions) {
    super()
    this.#fd = fd
    this.#readable = readable
    this.#isShared = isShared
    this.writable = writable
    if (!isShared) host.setBlocking(fd, 0)
  }
  readonly writable: boolean

  override on(event: string, call: (...args: never[]) => void): this {
    super.on(event, call)
    if (event === 'data' && this.readableFlowing !== false) this.resume()
    return this
  }

  resume(): this {
    this.readableFlowing = true
    if (this.#readable && !this.destroyed && this.#reading === null) {
      this.#reading = this.#hold(addWatch(this.#fd, READABLE, () => this.#read()))
    }
    return this
  }

  pause(): this {
    this.readableFlowing = false
    this.#stopReading()
    return this
  }

  #hold(watch: LoopWatch): LoopWatch {
    return this.#isHeld ? watch : watch.unref()
  }

  ref(): this {
    this.#isHeld = true
    this.#reading?.ref()
    this.#writing?.ref()
    return this
  }

  unref(): this {
    this.#isHeld = false
    this.#reading?.unref()
    this.#writing?.unref()
    return this
  }

  #stopReading(): void {
    removeWatch(this.#reading)
    this.#reading = null
  }

  #read(): void {
    const bytes = Buffer.allocUnsafe(CHUNK_BYTES)
    const length = host.read(this.#fd, bytes, -1)
    if (length === -EAGAIN) return
    if (length < 0) this.destroy(systemError(length, { syscall: 'read' }))
    else if (length === 0) this.push(null)
    else {
      this.bytesRead += length
      // A small chunk does not keep the whole of it.
      this.emit(
        'data',
        length < CHUNK_BYTES / 2 ? Buffer.from(bytes.slice(0, length).buffer) : bytes.subarray(0, length),
      )
    }
  }

  /** The end of what there is to read. */
  push(end: null): boolean {
    this.#stopReading()
    addImmediate(() => {
      if (this.destroyed) return
      this.emit('end')
      if (this.#unwritten.length === 0) this.destroy()
    })
    return end !== null
  }

  pipe(target: Socket): Socket {
    const pass = (chunk: Buffer): void => {
      if (target.write(chunk)) return
      this.pause()
      target.once('drain', () => this.resume())
    }
    this.#pipes.set(target, pass)
    this.on('data', pass)
    return target
  }

  unpipe(target: Socket): this {
    const pass = this.#pipes.get(target)
    if (pass !== undefined) this.off('data', pass)
    this.#pipes.delete(target)
    return this.listenerCount('data') === 0 ? this.pause() : this
  }

  /** False: wait for `drain` before more is written. */
  write(data: string | Uint8Array): boolean {
    if (this.destroyed || this.#isEnding) return false
    const bytes = typeof data === 'string' ? host.encode(data) : data
    if (bytes.length > 0) this.#unwritten.push(bytes)
    if (this.#writing === null) this.#write()
    return this.#unwritten.reduce((sum, { length }) => sum + length, 0) < ROOM
  }

  end(data?: string | Uint8Array): this {
    if (data !== undefined) this.write(data)
    this.#isEnding = true
    if (this.#unwritten.length === 0) this.destroy()
    return this
  }

  #write(): void {
    for (let first = this.#unwritten[0]; first !== undefined; first = this.#unwritten[0]) {
      const written = host.write(this.#fd, first)
      if (written < 0) {
        if (written === -EAGAIN) this.#writeLater()
        else this.destroy(systemError(written, { syscall: 'write' }))
        return
      }
      if (written === first.length) this.#unwritten.shift()
      else this.#unwritten[0] = first.subarray(written)
    }
    if (this.#writing === null) return
    removeWatch(this.#writing)
    this.#writing = null
    if (this.#isEnding) this.destroy()
    else this.emit('drain')
  }

  #writeLater(): void {
    this.#writing ??= this.#hold(addWatch(this.#fd, WRITABLE, () => this.#write()))
  }

  destroy(error?: Error): this {
    if (this.destroyed) return this
    this.destroyed = true
    this.#stopReading()
    removeWatch(this.#writing)
    this.#unwritten = []
    if (!this.#isShared) host.close(this.#fd)
    addImmediate(() => {
      if (error !== undefined) this.emit('error', error)
      this.closed = true
      this.emit('close')
    })
    return this
  }
}

/** A terminal's master: both directions. */
export class ReadStream extends Socket {
  constructor(fd: number) {
    super({ fd })
  }
}

export const isatty = (fd: number): boolean => host.isTerminal(fd)

/** A standard stream of this process. */
export interface Standard extends Socket {
  readonly fd: number
  readonly isTTY: boolean
  readonly rows: number | undefined
  readonly columns: number | undefined
}

/** `followSize` is given what is to be called whenever a terminal may have another size. */
export function standardStream(fd: number, followSize: (resize: () => void) => void): Standard {
  const stream = new Socket({ fd, readable: fd === 0, writable: fd !== 0, isShared: true })
  const size = (index: 0 | 1) => (): number | undefined => {
    const found = host.terminalSize(fd)
    return typeof found === 'number' ? undefined : found[index]
  }
  if (isatty(fd) && fd !== 0) followSize(() => void stream.emit('resize'))
  Object.defineProperties(stream, { rows: { get: size(0) }, columns: { get: size(1) } })
  return Object.assign(stream, { fd, isTTY: isatty(fd) }) as unknown as Standard
}
