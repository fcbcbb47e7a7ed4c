/** What is listened on, connected to and routed in a container's network namespace, from outside of it. */
import { optionError } from '../config/option.js'
import { addLocalRoutes } from '../network-devices/local-routes.js'
import type { SocketKind } from '../plan/flags.js'
import type { Duplex } from '../streams.js'
import { closeFd, closeFds } from '../sys/beneath.js'
import { bindInet, connectInet, giveAway, inetStream } from '../sys/inet.js'
import { type Prefix, parseIp, parsePrefix } from '../sys/ip-address.js'
import { netlinkOver } from '../sys/netlink.js'
import { hearRefusals } from '../sys/refusals.js'

export interface ListenOptions {
  /** Default `tcp`. */
  readonly protocol?: 'tcp' | 'udp'
  /** Of the container: `127.0.0.1`, `0.0.0.0`, `::`, or one that is local there. IPv6 is that alone. Default `127.0.0.1`. */
  readonly address?: string
  /** 0: one that is free. */
  readonly port: number
}

export interface ConnectOptions {
  /** Of the container. Default: `127.0.0.1`, and if nobody listens there `::1`. */
  readonly address?: string
  readonly port: number
  /** Cancels; the signal's reason is thrown. */
  readonly signal?: AbortSignal
}

interface NetworkSetUp {
  readonly local?: readonly string[]
  readonly listen?: readonly ListenOptions[]
}

/** A socket in a container's network namespace that this process has. */
export class NetworkListener implements Disposable {
  readonly protocol: 'tcp' | 'udp'
  readonly address: string
  readonly port: number
  #fd: number | null

  /** @internal */
  constructor({ protocol = 'tcp', address = LOOPBACK, port }: ListenOptions, fd: number) {
    this.protocol = protocol
    this.address = address
    this.port = port
    this.#fd = fd
  }

  /**
   * Its descriptor, for `server.listen({ fd })` of node:net or `socket.bind({ fd })` of node:dgram; it is the caller's from then on.
   * @throws {RangeError} if it has been taken or closed
   */
  take(): number {
    if (this.#fd === null) throw new RangeError('the descriptor has been taken, or is closed')
    const fd = giveAway(this.#fd)
    this.#fd = null
    return fd
  }

  /** Closes the descriptor, unless it has been taken. */
  close(): void {
    if (this.#fd !== null) closeFd(this.#fd)
    this.#fd = null
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

const LOOPBACK = '127.0.0.1'

/** Makes sockets of these kinds in the container's network namespace. */
type MakeSockets = (kinds: readonly SocketKind[]) => Promise<readonly number[]>

interface Waiting {
  readonly kind: SocketKind
  readonly resolve: (fd: number) => void
  readonly reject: (reason: unknown) => void
}

/** How many sockets one helper makes. */
const BATCH = 250

/**
 * The network of a container that has a network namespace of its own. All of it goes by sockets that a helper makes in there, and that are
 * used from here: no privilege is needed that the container did not need.
 */
export class ContainerNetwork {
  #listeners: readonly NetworkListener[] = []
  readonly #make: MakeSockets
  readonly #users = new Set<() => void>()
  #waiting: Waiting[] = []

  /** @internal */
  constructor(make: MakeSockets) {
    this.#make = make
  }

  /** What `create` was asked to listen on, in that order. Those that nobody takes are closed when the container is deleted. */
  get listeners(): readonly NetworkListener[] {
    return this.#listeners
  }

  /** @internal What `create` was asked for. */
  async setUp({ local = [], listen = [] }: NetworkSetUp): Promise<void> {
    await this.addLocal(...local)
    this.#listeners = await this.listen(...listen)
  }

  /**
   * Sockets that listen (TCP) or are bound (UDP) in the container, in the order of the arguments; they are the caller's.
   * @throws {ConfigError} for what is no address; {ConfigError} ERR_CONFIG_UNSUPPORTED for a container without a network namespace of its
   * own; {StateError} for one that has ended; {SystemError} EADDRINUSE with the address as path
   */
  async listen(...many: readonly ListenOptions[]): Promise<NetworkListener[]> {
    return bindAll(kinds => this.#sockets(kinds), many)
  }

  /**
   * A connection to what listens in the container, as a stream whose directions end apart.
   * @throws {SystemError} ECONNREFUSED with the address as path; the rest as `listen`; the reason of `signal`
   */
  async connect(options: ConnectOptions): Promise<Duplex> {
    return inetStream(await this.connectDescriptor(options))
  }

  /** @internal The same as a descriptor, which is the caller's. */
  async connectDescriptor({ address, port, signal }: ConnectOptions): Promise<number> {
    checkListen({ address: address ?? LOOPBACK, port })
    if (address !== undefined) return this.#connect({ address, port, signal })
    try {
      return await this.#connect({ address: LOOPBACK, port, signal })
    } catch (error) {
      signal?.throwIfAborted()
      const other = await this.#connect({ address: '::1', port, signal }).catch(() => null)
      if (other === null) throw error
      return other
    }
  }

  /**
   * Makes addresses local in the container (`ip route add local PREFIX dev lo`): what listens on them there gets what is sent to them.
   * @throws as `listen`
   */
  async addLocal(...prefixes: readonly string[]): Promise<void> {
    await addLocal(kinds => this.#sockets(kinds), prefixes.map(readPrefix))
  }

  /** @internal A socket that hears what is refused there (`nextRefusal`), which is the caller's. @throws as `listen` */
  async listenToRefusals(): Promise<number> {
    const [fd = -1] = await this.#sockets(['packet'])
    try {
      hearRefusals(fd)
      return fd
    } catch (error) {
      closeFd(fd)
      throw error
    }
  }

  /** @internal `close` of what uses it: the container is deleted. */
  whenClosed(close: () => void): void {
    this.#users.add(close)
  }

  /** Closes the listeners that nobody has taken. */
  close(): void {
    for (const closeUser of this.#users) closeUser()
    this.#users.clear()
    for (const listener of this.listeners) listener.close()
  }

  async #connect({ address, port, signal }: { address: string; port: number; signal?: AbortSignal | undefined }) {
    const [fd = -1] = await this.#sockets([address.includes(':') ? 'tcp6' : 'tcp4'])
    try {
      await connectInet(fd, { address, port }, signal)
    } catch (error) {
      closeFd(fd)
      throw error
    }
    return fd
  }

  /** Asked for one by one, made by as few helpers as it takes. */
  #sockets(kinds: readonly SocketKind[]): Promise<number[]> {
    const isIdle = this.#waiting.length === 0
    const all = kinds.map(
      kind => new Promise<number>((resolve, reject) => this.#waiting.push({ kind, resolve, reject })),
    )
    if (isIdle && kinds.length > 0) setImmediate(() => void this.#serve())
    return allOrNone(all)
  }

  async #serve(): Promise<void> {
    for (let batch = this.#waiting.slice(0, BATCH); batch.length > 0; batch = this.#waiting.slice(0, BATCH)) {
      try {
        const fds = await this.#make(batch.map(({ kind }) => kind))
        for (const [at, { resolve }] of batch.entries()) resolve(fds[at] ?? -1)
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
      this.#waiting.splice(0, batch.length)
    }
  }
}

async function allOrNone(promises: readonly Promise<number>[]): Promise<number[]> {
  const settled = await Promise.allSettled(promises)
  const fds = settled.flatMap(one => (one.status === 'fulfilled' ? [one.value] : []))
  const failed = settled.find(one => one.status === 'rejected')
  if (failed === undefined) return fds
  closeFds(fds)
  throw failed.reason
}

async function bindAll(make: MakeSockets, many: readonly ListenOptions[]): Promise<NetworkListener[]> {
  many.forEach(checkListen)
  if (many.length === 0) return []
  const fds = await make(many.map(kindOf))
  try {
    return many.map((one, at) => {
      const { address = LOOPBACK, port } = one
      const fd = fds[at] ?? -1
      return new NetworkListener({ ...one, port: bindInet(fd, { address, port }) }, fd)
    })
  } catch (error) {
    closeFds(fds)
    throw error
  }
}

const kindOf = ({ protocol = 'tcp', address = LOOPBACK }: ListenOptions): SocketKind =>
  `${protocol}${address.includes(':') ? 6 : 4}`

async function addLocal(make: MakeSockets, prefixes: readonly Prefix[]): Promise<void> {
  if (prefixes.length === 0) return
  const [fd = -1] = await make(['route'])
  const socket = netlinkOver(fd)
  try {
    addLocalRoutes(socket, prefixes)
  } finally {
    socket.close()
  }
}

/** @throws {ConfigError} for what is no prefix */
export function readPrefix(text: string): Prefix {
  const prefix = typeof text === 'string' ? parsePrefix(text) : null
  if (prefix !== null) return prefix
  const expected = 'an address, or a prefix such as "198.18.0.0/15" with no bits set behind it'
  throw optionError({ option: 'local', expected, received: text })
}

/** @throws {ConfigError} */
export function checkListen({ protocol = 'tcp', address = LOOPBACK, port }: ListenOptions): void {
  if (typeof address !== 'string' || parseIp(address) === null)
    throw optionError({ option: 'address', expected: 'an address of IPv4 or IPv6', received: address })
  if (!Number.isInteger(port) || port < 0 || port > 65535)
    throw optionError({ option: 'port', expected: 'a number from 0 to 65535', received: port })
  if (protocol !== 'tcp' && protocol !== 'udp')
    throw optionError({ option: 'protocol', expected: '"tcp" or "udp"', received: protocol })
}
