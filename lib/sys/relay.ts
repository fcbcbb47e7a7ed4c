/**
 * Connections that are passed through from one socket to another by a native thread (native/sys/relay.c), one for each thread of JavaScript. It
 * accepts; who is connected where is said from here; the bytes do not come through JavaScript. The thread is there while something is served or
 * connected.
 */
import type { Socket } from 'node:net'
import { closeFd } from './beneath.js'
import { check, errnoName } from './errno.js'
import type { InetAddress } from './inet.js'
import { native } from './native.js'
import { streamOver } from './stream.js'
import { after } from './timer.js'
import { inTurn } from './turns.js'

export interface Traffic {
  /** Bytes that the side that was accepted has sent. */
  readonly sent: number
  /** Bytes that it has got. */
  readonly received: number
}

export interface Arrived {
  /** The address that was connected to: 4 bytes, or 16. */
  readonly local: Uint8Array
  /** It is being connected to what `route` has said. */
  readonly isRouted: boolean
}

/** How many connections all servers with the same one may have open. */
export interface RelayQuota {
  readonly number: number
  readonly most: number
}

export interface RelayServing {
  readonly quota: RelayQuota
  arrived(connection: RelayedConnection, arrived: Arrived): void
  /** So many have been reset, for want of room in the quota. */
  refused(local: Uint8Array, count: number): void
}

export interface RelayServer {
  /** Where to connect those who come from now on, without asking first; null: nowhere. */
  route(to: InetAddress | null): void
  /** Who has been accepted stays. */
  close(): void
}

/** As struct record of native/sys/relay.h. */
const RECORD_BYTES = 56
const NEWS = { accepted: 0, connected: 1, failed: 2, closed: 3, refused: 4 } as const
const [NEWS_AT, SERVER_AT, ROUTED_AT, FAMILY_AT, LOCAL_AT, SENT_AT] = [8, 16, 20, 22, 24, 40]

/** How long the thread stays when there is nothing for it any more. */
const IDLE_MS = 1000
/** How long a turn of the event loop may be held by what the thread has told. */
const TURN_MS = 2

interface Running {
  readonly handle: bigint
  readonly pipe: Socket
  readonly servers: Map<number, RelayServing>
  readonly connections: Map<bigint, RelayedConnection>
  /** A later turn hears the rest of what has been told. */
  isBehind: boolean
}

let running: Running | null = null
let nextNumber = 1
let nextQuota = 1
let idle: NodeJS.Timeout | null = null

/** Of a connection that has been accepted. It is connected once, or reset. */
export class RelayedConnection {
  /** Resolves when both sides are closed. */
  readonly closed: Promise<void>
  readonly #relay: bigint
  /** null: closed. */
  #handle: bigint | null
  #traffic: Traffic = { sent: 0, received: 0 }
  #isConnected: boolean | null = null
  #wasConnected = false
  #settle: ((isConnected: boolean) => void) | null = null
  #resolveClosed = (): void => {}

  /** @internal */
  constructor(relay: bigint, handle: bigint) {
    this.#relay = relay
    this.#handle = handle
    this.closed = new Promise(resolve => (this.#resolveClosed = resolve))
  }

  /** Bytes have passed through, or may have. */
  get wasConnected(): boolean {
    return this.#wasConnected
  }

  get isClosed(): boolean {
    return this.#handle === null
  }

  traffic(): Traffic {
    if (this.#handle === null) return this.#traffic
    const counts = Buffer.alloc(16)
    native().ts_relay_counts(this.#handle, counts)
    return trafficOf(counts, 0)
  }

  /** From now on bytes pass through; false: nobody answers there in time, and another address may be tried, or it has been closed. */
  async connect({ address, port }: InetAddress, timeoutMs: number): Promise<boolean> {
    if (this.#handle === null) return false
    this.#isConnected = null
    check(native().ts_relay_connect(this.#relay, this.#handle, address, port), 'connect', address)
    return this.connected(timeoutMs)
  }

  /** What becomes of the last attempt, or of the one that its server has made. */
  async connected(timeoutMs: number): Promise<boolean> {
    if (this.#wasConnected || this.#handle === null) return this.#wasConnected
    if (this.#isConnected !== null) return this.#isConnected
    const timer = after(timeoutMs, () => this.tell(false))
    const isConnected = await new Promise<boolean>(resolve => (this.#settle = resolve))
    timer.stop()
    return isConnected
  }

  /** Bytes pass through to a socket that is connected, which is taken over. */
  join(fd: number): void {
    this.#wasConnected = this.#handle !== null
    if (this.#handle === null) closeFd(fd)
    else native().ts_relay_join(this.#relay, this.#handle, fd)
  }

  /** Both sides are told that it has failed. */
  reset(): void {
    if (this.#handle !== null) native().ts_relay_reset(this.#relay, this.#handle)
  }

  /** @internal */
  tell(isConnected: boolean): void {
    this.#isConnected = isConnected
    this.#wasConnected ||= isConnected
    this.#settle?.(isConnected)
    this.#settle = null
  }

  /** @internal */
  end(traffic: Traffic): void {
    if (this.#handle === null) return
    native().ts_relay_free(this.#relay, this.#handle)
    this.#handle = null
    this.#traffic = traffic
    this.tell(false)
    this.#resolveClosed()
  }
}

const trafficOf = (bytes: Buffer, at: number): Traffic => ({
  sent: Number(bytes.readBigUInt64LE(at)),
  received: Number(bytes.readBigUInt64LE(at + 8)),
})

export const relayQuota = (most: number): RelayQuota => ({
  number: nextQuota++ >>> 0,
  most: Math.min(most, 2 ** 32 - 1),
})

/** Takes over a socket that listens. @throws {SystemError} and the socket is closed */
export function serveByRelay(fd: number, serving: RelayServing): RelayServer {
  const number = nextNumber++ >>> 0
  const { relay, handle } = handOver(fd, number, serving.quota)
  relay.servers.set(number, serving)
  if (idle !== null) clearTimeout(idle)
  const route = (to: InetAddress | null): void => {
    if (!relay.servers.has(number)) return
    check(native().ts_relay_connect(relay.handle, handle, to?.address ?? '', to?.port ?? 0), 'connect', to?.address)
  }
  const close = (): void => {
    // Who has been accepted until now is told of yet.
    hearSome(relay)
    if (!relay.servers.delete(number)) return
    native().ts_relay_free(relay.handle, handle)
    endWhenIdle(relay)
  }
  return { route, close }
}

function handOver(fd: number, server: number, quota: RelayQuota): { relay: Running; handle: bigint } {
  const made = Buffer.alloc(8)
  try {
    running ??= start()
    check(native().ts_relay_serve(running.handle, fd, server, quota.number, quota.most, made), 'fcntl')
    return { relay: running, handle: made.readBigUInt64LE(0) }
  } catch (error) {
    closeFd(fd)
    throw error
  }
}

function start(): Running {
  const [reader, handle] = [Buffer.alloc(4), Buffer.alloc(8)]
  const started = native().ts_relay_start(reader, handle)
  check(started, started < 0 && errnoName(-started) === 'EAGAIN' ? 'pthread_create' : 'epoll_create1')
  const pipe = streamOver(reader.readInt32LE(0), { readable: true, writable: false })
  const maps = { servers: new Map(), connections: new Map() }
  const relay: Running = { handle: handle.readBigUInt64LE(0), pipe, ...maps, isBehind: false }
  pipe.on('data', () => hearSome(relay))
  pipe.unref()
  return relay
}

function hearSome(relay: Running): void {
  const until = performance.now() + TURN_MS
  while (hearOne(relay)) {
    if (performance.now() < until) continue
    if (!relay.isBehind) inTurn(() => catchUp(relay))
    relay.isBehind = true
    return
  }
}

function catchUp(relay: Running): void {
  relay.isBehind = false
  hearSome(relay)
}

/**
 * What the thread has told until now: it does not wake us for each of the connections that it routes. Of very much the rest is heard in later
 * turns of the event loop.
 */
export function hearRelay(): void {
  if (running !== null) hearSome(running)
}

/** False: there is no more. One at a time: what hears of it may come back here. */
function hearOne(relay: Running): boolean {
  const record = Buffer.alloc(RECORD_BYTES)
  if (relay !== running || native().ts_relay_news(relay.handle, record) === 0) return false
  const handle = record.readBigUInt64LE(0)
  const news = record.readUInt32LE(NEWS_AT)
  const connection = relay.connections.get(handle)
  if (news === NEWS.accepted) arrive(relay, handle, record)
  else if (news === NEWS.refused) serverOf(relay, record)?.refused(localIn(record), trafficOf(record, SENT_AT).sent)
  else if (news === NEWS.closed) forget(relay, handle, trafficOf(record, SENT_AT))
  else connection?.tell(news === NEWS.connected)
  return true
}

function forget(relay: Running, handle: bigint, traffic: Traffic): void {
  const connection = relay.connections.get(handle)
  relay.connections.delete(handle)
  connection?.end(traffic)
  if (relay.connections.size === 0) relay.pipe.unref()
  endWhenIdle(relay)
}

const serverOf = (relay: Running, record: Buffer) => relay.servers.get(record.readUInt32LE(SERVER_AT))

function localIn(record: Buffer): Uint8Array {
  const length = record.readUInt16LE(FAMILY_AT) === 4 ? 4 : 16
  return Uint8Array.from(record.subarray(LOCAL_AT, LOCAL_AT + length))
}

function arrive(relay: Running, handle: bigint, record: Buffer): void {
  const connection = new RelayedConnection(relay.handle, handle)
  if (relay.connections.size === 0) relay.pipe.ref()
  relay.connections.set(handle, connection)
  const server = serverOf(relay, record)
  if (server === undefined) connection.reset()
  else server.arrived(connection, { local: localIn(record), isRouted: record.readUInt16LE(ROUTED_AT) === 1 })
}

function endWhenIdle(relay: Running): void {
  if (relay.servers.size + relay.connections.size > 0) return
  if (idle !== null) clearTimeout(idle)
  idle = setTimeout(() => {
    if (relay !== running || relay.servers.size + relay.connections.size > 0) return
    running = null
    relay.pipe.destroy()
    native().ts_relay_end(relay.handle)
  }, IDLE_MS)
  idle.unref()
}
