/** The connections that a container has asked for: each is decided upon, made outside, and passed through. */
import { setMaxListeners } from 'node:events'
import type { InetAddress } from '../sys/inet.js'
import { formatIp, isWithin } from '../sys/ip-address.js'
import { hearRelay, type RelayedConnection, type Traffic } from '../sys/relay.js'
import type { Denial, Denials } from './denials.js'
import { type LookUp, lookupPlaces } from './lookups.js'
import { addressesIn, connectOutside } from './outside.js'
import type { Policy } from './policy.js'
import { isLoopbackAddress, isOwnAddress, isSpecial } from './refused-addresses.js'

/** What a program wants to reach: a name, or an address as such. */
export type Destination = { readonly host: string; readonly port: number } & (
  | { readonly address: Uint8Array }
  | { readonly address?: undefined }
)

export interface AskedConnection {
  /** A name, or an address as text. */
  readonly host: string
  readonly port: number
  /** The container's id. */
  readonly container: string
  /** Aborted if the gateway is closed. */
  readonly signal: AbortSignal
}

export type OnConnect = (asked: AskedConnection) => 'allow' | 'deny' | Promise<'allow' | 'deny'>

export interface Connection extends Traffic {
  readonly host: string
  readonly port: number
  /** When it was accepted. */
  readonly since: Date
}

/** What connections of a container go by. */
export interface Rules {
  readonly policy: () => Policy
  readonly onConnect: OnConnect | undefined
  readonly lookUp: LookUp
  /** Addresses of names that are not looked up. */
  readonly hosts: ReadonlyMap<string, readonly Uint8Array[]>
  /** Makes connections, as descriptors, to the container of that name; null if there is none. */
  readonly peer: (name: string) => ((port: number, signal: AbortSignal) => Promise<number>) | null
  readonly timeoutMs: number
  readonly most: number
}

interface Pending {
  readonly through: RelayedConnection
  readonly since: Date
  readonly wanted: Destination
}

interface Reached {
  readonly wasAsked: boolean
  /** What the name was found to have; null if nobody had to look. */
  readonly found: Uint8Array | null
}

type Live = Pending & Reached

export interface Counts {
  /** All that have been passed through. */
  readonly connections: number
  /** Those that are open. */
  readonly open: number
  /** Bytes from the container, and to it. */
  readonly sent: number
  readonly received: number
}

/** At a time: more wait. */
const MOST_LOOKUPS = 64

export class Connections {
  readonly #rules: Rules
  readonly #container: string
  readonly #deny: Denials['add']
  readonly #live = new Set<Live>()
  readonly #pending = new Map<RelayedConnection, Pending>()
  /** All of them, until both sides are closed; and how many each name has. */
  readonly #accepted = new Set<RelayedConnection>()
  readonly #byHost = new Map<string, number>()
  readonly #abort = new AbortController()
  readonly #lookups = lookupPlaces(MOST_LOOKUPS)
  #made = 0
  /** Of those that are over. */
  #past: Traffic = { sent: 0, received: 0 }

  constructor(rules: Rules, container: string, deny: Denials['add']) {
    this.#rules = rules
    this.#container = container
    this.#deny = deny
    // Each connection that is looked up waits for it.
    setMaxListeners(0, this.#abort.signal)
  }

  /** Takes over a connection, which `routeOf` may have begun already. Never throws: what fails is a reset. */
  async accept(through: RelayedConnection, wanted: Destination, isRouted: boolean): Promise<void> {
    const since = new Date()
    this.#pending.set(through, { through, since, wanted })
    this.#track(through, wanted.host)
    try {
      const reached = await this.#reach(through, wanted, isRouted)
      const isStillAllowed = reached !== null && this.#isAllowed({ wanted, ...reached })
      if (isStillAllowed && through.wasConnected) this.#add({ through, since, wanted, ...reached })
      else through.reset()
    } catch {
      through.reset()
    } finally {
      this.#pending.delete(through)
    }
  }

  /** Where connections go without being asked for one by one: to an address that the policy has, or that the name was given. */
  routeOf(wanted: Destination): InetAddress | null {
    const { hosts } = this.#rules
    const { host, port, address = hosts.get(host)?.[0] } = wanted
    // A name without dots may be that of a container that comes later.
    const isCertain = wanted.address !== undefined || host.includes('.')
    if (!isCertain || address === undefined || this.#abort.signal.aborted) return null
    return this.#byLists(wanted) === 'allow' ? { address: formatIp(address), port } : null
  }

  /** Tells of what never came to be. */
  wasRefused(wanted: Destination, protocol: 'tcp' | 'udp'): void {
    if (protocol === 'udp') this.#refuse(wanted, 'udp')
    else if (this.#byLists(wanted) !== 'allow') this.#refuse(wanted, 'policy')
  }

  wereTooMany(wanted: Destination, count: number): void {
    this.#refuse(wanted, 'limit', count)
  }

  isBusy(host: string): boolean {
    return this.#byHost.has(host)
  }

  list(): readonly Connection[] {
    return this.#open().map(({ through, wanted: { host, port }, since }) => ({
      host,
      port,
      since,
      ...through.traffic(),
    }))
  }

  counts(): Counts {
    const open = this.#open().length
    const all = [...this.#accepted].filter(({ wasConnected }) => wasConnected)
    const traffic = [this.#past, ...all.map(through => through.traffic())]
    const sum = (key: keyof Traffic): number => traffic.reduce((total, one) => total + one[key], 0)
    return { connections: this.#made + all.length, open, sent: sum('sent'), received: sum('received') }
  }

  /** Those that bytes pass through, and that `accept` has not come to yet. */
  #arrived(): readonly Pending[] {
    return [...this.#pending.values()].filter(({ through }) => through.wasConnected)
  }

  #open(): readonly Pending[] {
    hearRelay()
    return [...this.#live, ...this.#arrived()].filter(({ through }) => !through.isClosed)
  }

  /** Resets what the policy has come to refuse. What `onConnect` has allowed goes on, unless it is denied now. */
  review(): void {
    for (const live of this.#live) if (!this.#isAllowed(live)) live.through.reset()
  }

  close(): void {
    this.#abort.abort()
    for (const through of this.#pending.keys()) through.reset()
    for (const { through } of this.#live) through.reset()
  }

  #add(live: Live): void {
    this.#live.add(live)
    void live.through.closed.then(() => this.#live.delete(live))
  }

  /** Until both sides are closed. One that is reset, since the policy has overtaken it, may have had bytes all the same. */
  #track(through: RelayedConnection, host: string): void {
    this.#accepted.add(through)
    this.#byHost.set(host, (this.#byHost.get(host) ?? 0) + 1)
    void through.closed.then(() => {
      this.#accepted.delete(through)
      const left = (this.#byHost.get(host) ?? 1) - 1
      if (left > 0) this.#byHost.set(host, left)
      else this.#byHost.delete(host)
      if (!through.wasConnected) return
      const { sent, received } = through.traffic()
      this.#made += 1
      this.#past = { sent: this.#past.sent + sent, received: this.#past.received + received }
    })
  }

  #isAllowed({ wanted, wasAsked, found }: Omit<Live, 'through' | 'since'>): boolean {
    const decision = this.#byLists(wanted)
    const isNamed = decision === 'allow' || (decision === 'unknown' && wasAsked)
    return isNamed && (found === null || this.#mayConnect(found, wanted.port))
  }

  #byLists({ host, port, address }: Destination) {
    const policy = this.#rules.policy()
    if (address === undefined) return policy.ofName(host, port)
    // A prefix may have it, and then the gateway listens there too; but it is the container's own, and outside it is ours.
    return isLoopbackAddress(address) ? 'deny' : policy.ofAddress(address, port)
  }

  async #reach(through: RelayedConnection, wanted: Destination, isRouted: boolean): Promise<Reached | null> {
    const decision = this.#byLists(wanted)
    const wasAsked = decision === 'unknown' && this.#rules.onConnect !== undefined
    if (!this.#isAllowed({ wanted, wasAsked, found: null })) return this.#refuse(wanted, 'policy')
    if (wasAsked && !(await this.#ask(wanted))) return this.#refuse(wanted, 'asked')
    const peer = wanted.address === undefined && !isRouted ? this.#rules.peer(wanted.host) : null
    if (peer === null) return this.#connect(through, { wanted, isRouted, wasAsked })
    through.join(await peer(wanted.port, this.#abort.signal))
    return { wasAsked, found: null }
  }

  async #ask({ host, port }: Destination): Promise<boolean> {
    const { signal } = this.#abort
    try {
      return (await this.#rules.onConnect?.({ host, port, container: this.#container, signal })) === 'allow'
    } catch (error) {
      // It need not answer any more.
      if (signal.aborted) throw error
      return false
    }
  }

  async #connect(
    through: RelayedConnection,
    { wanted, isRouted, wasAsked }: { wanted: Destination; isRouted: boolean; wasAsked: boolean },
  ): Promise<Reached | null> {
    const { hosts, timeoutMs } = this.#rules
    const chosen = wanted.address === undefined ? hosts.get(wanted.host) : [wanted.address]
    const addresses = chosen ?? (await this.#lookUp(wanted))
    const taken = await connectOutside(through, { addresses, port: wanted.port, timeoutMs, isRouted })
    return taken === null ? null : { wasAsked, found: chosen === undefined ? taken : null }
  }

  async #lookUp(wanted: Destination): Promise<readonly Uint8Array[]> {
    const from = { places: this.#lookups, signal: this.#abort.signal }
    const answer = await this.#rules.lookUp(wanted.host, from)
    if (answer === null) this.#refuse(wanted, 'lookup-timeout')
    const found = addressesIn(answer ?? [])
    const addresses = found.filter(address => this.#mayConnect(address, wanted.port))
    if (addresses.length === 0 && found.length > 0) this.#refuse(wanted, 'address')
    return addresses
  }

  /** What a name resolves to may be anything: it is not for the container to reach what is near to us. */
  #mayConnect(address: Uint8Array, port: number): boolean {
    const policy = this.#rules.policy()
    const decision = policy.ofAddress(address, port)
    if (decision === 'deny') return false
    const isNamed = policy.addresses.some(({ prefix, ports }) => ports.includes(port) && isWithin(address, prefix))
    return isNamed || !(isSpecial(address) || isOwnAddress(address))
  }

  #refuse({ host, port }: Destination, reason: Denial['reason'], times = 1): null {
    this.#deny({ container: this.#container, host, port, reason }, times)
    return null
  }
}
