/**
 * A connection to D-Bus. Nothing blocks: messages are sent and received when the connection's descriptor is ready. No
 * callback of C is used: what sd-bus has no callback for, it hands out.
 */

import { SystemError } from '../errors.js'
import { check } from './errno.js'
import { load } from './ffi.js'
import { append, sdBus, type Typed } from './sd-bus.js'
import { monotonicMs } from './self.js'
import { READABLE, watch } from './watch.js'

/** The other side answered a call with an error. */
export class BusError extends Error {
  /** Such as `org.freedesktop.systemd1.NoSuchUnit`. */
  override readonly name: string
  constructor(name: string, message: string) {
    super(message)
    this.name = name
  }
}

export interface BusCall {
  readonly destination: string
  readonly path: string
  readonly interface: string
  readonly member: string
  readonly args?: readonly Typed[]
}

export interface SignalName {
  readonly interface: string
  readonly member: string
  /** Basic types only. */
  readonly signature: string
}

const EPOLLOUT = 4

/** A connection. To be closed. */
export class Bus {
  readonly #bus: number
  readonly #deadline: number
  readonly #onSignal: (args: readonly string[]) => void
  readonly #signal: SignalName

  /** Use `openBus`. */
  constructor(bus: number, { signal, onSignal, limitMs }: BusOptions) {
    this.#bus = bus
    this.#signal = signal
    this.#onSignal = onSignal
    this.#deadline = monotonicMs() + limitMs
  }

  /**
   * Resolves with the reply's texts, as far as `reply` (basic types) says.
   * @throws {BusError} the answer is an error
   * @throws {SystemError} ETIMEDOUT when the limit of the connection has passed; ECONNRESET
   */
  async call(call: BusCall, reply = ''): Promise<string[]> {
    const cookie = this.#send(call)
    for (;;) {
      const message = await this.#next()
      try {
        if (this.#take(message) || replyCookie(message) !== cookie) continue
        failOnError(message)
        return readTexts(message, reply)
      } finally {
        sdBus().sd_bus_message_unref(message)
      }
    }
  }

  /** Receives signals until `isDone`. @throws {SystemError} as `call` */
  async until(isDone: () => boolean): Promise<void> {
    while (!isDone()) {
      const message = await this.#next()
      this.#take(message)
      sdBus().sd_bus_message_unref(message)
    }
  }

  close(): void {
    sdBus().sd_bus_close_unref(this.#bus)
  }

  #send(call: BusCall): bigint {
    const { sd_bus_message_new_method_call: make, sd_bus_send: send, sd_bus_message_unref: release } = sdBus()
    const [slot, cookie] = [Buffer.alloc(8), Buffer.alloc(8)]
    check(make(this.#bus, slot, call.destination, call.path, call.interface, call.member), call.member)
    const message = pointerIn(slot)
    try {
      for (const { signature, value } of call.args ?? []) append(message, signature, value)
      check(send(this.#bus, message, cookie), 'sd_bus_send', call.member)
      return cookie.readBigUInt64LE(0)
    } finally {
      release(message)
    }
  }

  /** The next message that sd-bus has no use for itself. */
  async #next(): Promise<number> {
    const slot = Buffer.alloc(8)
    for (;;) {
      const result = check(sdBus().sd_bus_process(this.#bus, slot), 'sd_bus_process')
      const message = pointerIn(slot)
      if (message !== 0) return message
      if (result === 0) await this.#ready()
    }
  }

  async #ready(): Promise<void> {
    const fd = check(sdBus().sd_bus_get_fd(this.#bus), 'sd_bus_get_fd')
    const events = check(sdBus().sd_bus_get_events(this.#bus), 'sd_bus_get_events')
    const ready = watch(fd, READABLE | (events & EPOLLOUT))
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise<never>((_, reject) => {
      const error = new SystemError({ syscall: 'sd_bus_call', errno: 'ETIMEDOUT' })
      timer = setTimeout(reject, Math.max(0, this.#deadline - monotonicMs()), error)
    })
    try {
      await Promise.race([ready.ready, late])
    } finally {
      clearTimeout(timer)
      ready.stop()
    }
  }

  #take(message: number): boolean {
    const { interface: from, member, signature } = this.#signal
    if (sdBus().sd_bus_message_is_signal(message, from, member) <= 0) return false
    this.#onSignal(readTexts(message, signature))
    return true
  }
}

export interface BusOptions {
  readonly signal: SignalName
  readonly onSignal: (args: readonly string[]) => void
  /** How long the connection may be used, in milliseconds. */
  readonly limitMs: number
}

/**
 * A connection to the system's bus, or to that of the calling user.
 * @throws {HostError} ERR_HOST_CGROUP without libsystemd
 * @throws {SystemError} if there is no such bus
 */
export function openBus(which: 'system' | 'user', options: BusOptions): Bus {
  const { sd_bus_open_system: system, sd_bus_open_user: user } = sdBus()
  const slot = Buffer.alloc(8)
  check((which === 'system' ? system : user)(slot), `sd_bus_open_${which}`)
  return new Bus(pointerIn(slot), options)
}

const pointerIn = (slot: Buffer): number => Number(slot.readBigUInt64LE(0))

function replyCookie(message: number): bigint | null {
  const cookie = Buffer.alloc(8)
  return sdBus().sd_bus_message_get_reply_cookie(message, cookie) < 0 ? null : cookie.readBigUInt64LE(0)
}

/** struct sd_bus_error starts with two pointers: name and message. */
function failOnError(message: number): void {
  const error = sdBus().sd_bus_message_get_error(message)
  if (error === 0) return
  const fields = bytesAt(error, 16)
  throw new BusError(textAt(fields.readBigUInt64LE(0)), textAt(fields.readBigUInt64LE(8)))
}

function readTexts(message: number, signature: string): string[] {
  return Array.from(signature, type => {
    const slot = Buffer.alloc(8)
    check(sdBus().sd_bus_message_read_basic(message, type.charCodeAt(0), slot), 'sd_bus_message_read_basic')
    return 'sog'.includes(type) ? textAt(slot.readBigUInt64LE(0)) : String(slot.readBigUInt64LE(0))
  })
}

const libc = load(null, {
  memcpy: ['size_t', ['pointer', 'size_t', 'size_t']],
  strlen: ['size_t', ['size_t']],
})

function bytesAt(address: number | bigint, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  if (length > 0) libc.memcpy(bytes, address, length)
  return bytes
}

const textAt = (address: bigint): string =>
  address === 0n ? '' : bytesAt(address, libc.strlen(address)).toString('utf8')
