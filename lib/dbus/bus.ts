/** A connection to D-Bus. Nothing blocks: messages are sent and received when the connection's descriptor is ready. */
import { SystemError } from '../errors.js'
import { closeFd } from '../sys/beneath.js'
import { check, errnoName, isErrno } from '../sys/errno.js'
import { native } from '../sys/native.js'
import { monotonicMs } from '../sys/self.js'
import { connectTo } from '../sys/socket.js'
import { settlesWithin } from '../sys/timer.js'
import { READABLE, WRITABLE, watch } from '../sys/watch.js'
import { socketPaths } from './bus-address.js'
import { type BusCall, decodeMessage, encodeCall, KIND, lengthOfMessage, type Message } from './message.js'
import { badMessage } from './reading.js'

/** The other side answered a call with an error. */
export class BusError extends Error {
  /** Such as `org.freedesktop.systemd1.NoSuchUnit`. */
  override readonly name: string
  constructor(name: string, message: string) {
    super(message)
    this.name = name
  }
}

export interface SignalName {
  readonly interface: string
  readonly member: string
  /** Basic types only. */
  readonly signature: string
}

export interface BusOptions {
  readonly signal: SignalName
  readonly onSignal: (args: readonly string[]) => void
  /** How long the connection may be used, in milliseconds. */
  readonly limitMs: number
}

const CHUNK_BYTES = 16 * 1024
/** The answers to what is said before the first message. */
const LONGEST_GREETING = 4 * 1024
/**
 * All of it at once: who we are is told by the socket itself, so that it holds in a user namespace too.
 * Specification: "Authentication Protocol", EXTERNAL.
 */
const GREETING = '\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n'
const BUS = {
  destination: 'org.freedesktop.DBus',
  path: '/org/freedesktop/DBus',
  interface: 'org.freedesktop.DBus',
} as const

/** A connection. To be closed. */
export class Bus {
  readonly #fd: number
  readonly #deadline: number
  readonly #options: BusOptions
  #received: Buffer = Buffer.alloc(0)
  #serial = 0

  /** Use `openBus`. */
  constructor(fd: number, options: BusOptions) {
    this.#fd = fd
    this.#options = options
    this.#deadline = monotonicMs() + options.limitMs
  }

  /**
   * Resolves with the reply's values as texts, as far as `reply` (basic types) says.
   * @throws {BusError} the answer is an error
   * @throws {SystemError} ETIMEDOUT when the limit of the connection has passed; ECONNRESET; EBADMSG for an answer that is no such reply
   */
  async call(call: BusCall, reply = ''): Promise<string[]> {
    this.#serial += 1
    const serial = this.#serial
    await this.#send(encodeCall(call, serial))
    for (;;) {
      const message = await this.#next()
      if (this.#take(message) || message.replyTo !== serial) continue
      if (message.kind === KIND.error) throw new BusError(message.error, wordsOf(message))
      return message.read(reply).map(String)
    }
  }

  /** Receives signals until `isDone`. @throws {SystemError} as `call` */
  async until(isDone: () => boolean): Promise<void> {
    while (!isDone()) this.#take(await this.#next())
  }

  close(): void {
    closeFd(this.#fd)
  }

  /** To be called first. @throws {SystemError} EACCES if the bus does not want us */
  async greet(): Promise<void> {
    await this.#send(Buffer.from(GREETING))
    let answer = await this.#line()
    if (answer.startsWith('DATA')) answer = await this.#line()
    if (!answer.startsWith('OK ')) throw new SystemError({ syscall: 'connect', errno: 'EACCES', path: 'D-Bus' })
    await this.call({ ...BUS, member: 'Hello' })
  }

  async #line(): Promise<string> {
    for (;;) {
      const end = this.#received.indexOf(10)
      if (end >= 0) {
        const line = this.#received.subarray(0, end).toString('utf8')
        this.#received = this.#received.subarray(end + 1)
        return line
      }
      if (this.#received.length > LONGEST_GREETING) throw badMessage()
      await this.#receive()
    }
  }

  async #next(): Promise<Message> {
    for (;;) {
      const length = lengthOfMessage(this.#received)
      if (length !== null && length <= this.#received.length) {
        const message = decodeMessage(this.#received.subarray(0, length))
        this.#received = this.#received.subarray(length)
        return message
      }
      await this.#receive()
    }
  }

  async #receive(): Promise<void> {
    const chunk = Buffer.alloc(CHUNK_BYTES)
    for (;;) {
      const length = native().ts_receive(this.#fd, chunk, chunk.length)
      if (length > 0) {
        this.#received = Buffer.concat([this.#received, chunk.subarray(0, length)])
        return
      }
      if (length === 0) throw new SystemError({ syscall: 'recv', errno: 'ECONNRESET', path: 'D-Bus' })
      if (errnoName(-length) !== 'EAGAIN') check(length, 'recv', 'D-Bus')
      await this.#ready(READABLE)
    }
  }

  async #send(bytes: Buffer): Promise<void> {
    let rest: Buffer = bytes
    while (rest.length > 0) {
      const sent = native().ts_send(this.#fd, rest, rest.length)
      if (sent < 0 && errnoName(-sent) === 'EAGAIN') await this.#ready(WRITABLE)
      else rest = rest.subarray(check(sent, 'send', 'D-Bus'))
    }
  }

  async #ready(events: number): Promise<void> {
    const ready = watch(this.#fd, events)
    const left = this.#deadline - monotonicMs()
    try {
      if (left > 0 && (await settlesWithin(ready.ready, left))) return
    } finally {
      ready.stop()
    }
    throw new SystemError({ syscall: 'recv', errno: 'ETIMEDOUT', path: 'D-Bus' })
  }

  #take(message: Message): boolean {
    const { signal, onSignal } = this.#options
    if (message.kind !== KIND.signal) return false
    if (message.interface !== signal.interface || message.member !== signal.member) return false
    onSignal(message.read(signal.signature).map(String))
    return true
  }
}

/** An error may say why, as the first of its values. */
function wordsOf(message: Message): string {
  try {
    return String(message.read('s')[0] ?? '')
  } catch (error) {
    if (isErrno(error, 'EBADMSG')) return ''
    throw error
  }
}

/**
 * A connection to the system's bus, or to that of the calling user.
 * @throws {SystemError} if there is no such bus, or it does not answer
 */
export async function openBus(which: 'system' | 'user', options: BusOptions): Promise<Bus> {
  const bus = new Bus(await connectToAny(socketPaths(which)), options)
  try {
    await bus.greet()
    return bus
  } catch (error) {
    bus.close()
    throw error
  }
}

async function connectToAny([path = '', ...others]: readonly string[]): Promise<number> {
  try {
    return await connectTo(path)
  } catch (error) {
    if (others.length === 0) throw error
    return connectToAny(others)
  }
}
