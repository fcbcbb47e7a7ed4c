/** The connections that a container has asked for: each is decided upon, made outside, and passed through. */
import type { Socket } from 'node:net'
import { isWithin } from '../sys/ip-address.js'
import type { Denial } from './denials.js'
import { addressesIn, connectOutside, type Lookup } from './outside.js'
import type { Policy } from './policy.js'
import { pump, reset, type Traffic } from './pump.js'
import { isOwnAddress, isSpecial } from './refused-addresses.js'

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
  readonly lookup: Lookup
  /** Addresses of names that are not looked up. */
  readonly hosts: ReadonlyMap<string, readonly Uint8Array[]>
  /** A connection to the sandbox of that name; null if there is none. */
  readonly peer: (name: string) => ((port: number, signal: AbortSignal) => Promise<Socket>) | null
  readonly timeoutMs: number
  readonly most: number
}

interface Live {
  readonly connection: Connection
  readonly inside: Socket
  readonly wanted: Destination
  readonly wasAsked: boolean
}

export interface Counts {
  /** All that have been passed through. */
  readonly connections: number
  /** Those that are open. */
  readonly open: number
  /** Bytes from the container, and to it. */
  readonly sent: number
  readonly received: number
}

export class Connections {
  readonly #rules: Rules
  readonly #container: string
  readonly #deny: (denial: Omit<Denial, 'time' | 'count'>) => void
  readonly #live = new Set<Live>()
  readonly #pending = new Set<Socket>()
  readonly #abort = new AbortController()
  #made = 0
  /** Of those that are over. */
  readonly #past: Traffic = { sent: 0, received: 0 }

  constructor(rules: Rules, container: string, deny: (denial: Omit<Denial, 'time' | 'count'>) => void) {
    this.#rules = rules
    this.#container = container
    this.#deny = deny
  }

  /** Takes over a connection that is not read yet. Never throws: what fails is a reset. */
  async accept(inside: Socket, wanted: Destination): Promise<void> {
    this.#pending.add(inside)
    inside.on('error', () => {})
    try {
      const found = await this.#reach(wanted)
      if (found === null || inside.destroyed) {
        reset(inside)
        if (found !== null) reset(found.outside)
        return
      }
      this.#pending.delete(inside)
      await this.#pass({ inside, wanted, ...found })
    } catch {
      reset(inside)
    } finally {
      this.#pending.delete(inside)
    }
  }

  isBusy(host: string): boolean {
    return [...this.#live].some(({ wanted }) => wanted.host === host)
  }

  list(): readonly Connection[] {
    return [...this.#live].map(({ connection }) => ({ ...connection }))
  }

  counts(): Counts {
    const open = [...this.#live].map(({ connection }) => connection)
    const sum = (key: 'sent' | 'received'): number => open.reduce((all, one) => all + one[key], this.#past[key])
    return { connections: this.#made, open: open.length, sent: sum('sent'), received: sum('received') }
  }

  /** Resets what the policy has come to refuse. What `onConnect` has allowed goes on, unless it is denied now. */
  review(): void {
    for (const { inside, wanted, wasAsked } of this.#live) {
      const decision = this.#byLists(wanted)
      if (decision === 'deny' || (decision === 'unknown' && !wasAsked)) reset(inside)
    }
  }

  close(): void {
    this.#abort.abort()
    for (const inside of this.#pending) reset(inside)
    for (const { inside } of this.#live) reset(inside)
  }

  async #pass({ inside, outside, wanted, wasAsked }: Omit<Live, 'connection'> & { outside: Socket }): Promise<void> {
    const { host, port } = wanted
    const connection: Connection = { host, port, since: new Date(), sent: 0, received: 0 }
    const live = { connection, inside, wanted, wasAsked }
    this.#live.add(live)
    this.#made += 1
    await pump({ inside, outside, traffic: connection })
    this.#live.delete(live)
    this.#past.sent += connection.sent
    this.#past.received += connection.received
  }

  #byLists({ host, port, address }: Destination) {
    const policy = this.#rules.policy()
    return address === undefined ? policy.ofName(host, port) : policy.ofAddress(address, port)
  }

  async #reach(wanted: Destination): Promise<{ outside: Socket; wasAsked: boolean } | null> {
    if (this.#live.size + this.#pending.size > this.#rules.most) return this.#refuse(wanted, 'limit')
    const decision = this.#byLists(wanted)
    const isAsked = decision === 'unknown' && this.#rules.onConnect !== undefined
    if (decision === 'deny' || (decision === 'unknown' && !isAsked)) return this.#refuse(wanted, 'policy')
    if (isAsked && !(await this.#ask(wanted))) return this.#refuse(wanted, 'asked')
    const { signal } = this.#abort
    const peer = wanted.address === undefined ? this.#rules.peer(wanted.host) : null
    const outside = peer === null ? await this.#connect(wanted) : await peer(wanted.port, signal)
    return outside === null ? null : { outside, wasAsked: isAsked }
  }

  async #ask({ host, port }: Destination): Promise<boolean> {
    const asked = { host, port, container: this.#container, signal: this.#abort.signal }
    return (await this.#rules.onConnect?.(asked)) === 'allow'
  }

  async #connect(wanted: Destination): Promise<Socket | null> {
    const { signal } = this.#abort
    const { host, port } = wanted
    const { hosts, timeoutMs, lookup } = this.#rules
    if (wanted.address !== undefined) return connectOutside({ addresses: [wanted.address], port, timeoutMs, signal })
    const chosen = hosts.get(host)
    if (chosen !== undefined) return connectOutside({ addresses: chosen, port, timeoutMs, signal })
    const found = addressesIn(await lookup(host, { signal }))
    const addresses = found.filter(address => this.#mayConnect(address, port))
    if (addresses.length === 0 && found.length > 0) return this.#refuse(wanted, 'address')
    return connectOutside({ addresses, port, timeoutMs, signal })
  }

  /** What a name resolves to may be anything: it is not for the container to reach what is near to us. */
  #mayConnect(address: Uint8Array, port: number): boolean {
    const policy = this.#rules.policy()
    const decision = policy.ofAddress(address, port)
    if (decision === 'deny') return false
    const isNamed = policy.addresses.some(({ prefix, ports }) => ports.includes(port) && isWithin(address, prefix))
    return isNamed || !(isSpecial(address) || isOwnAddress(address))
  }

  #refuse({ host, port }: Destination, reason: Denial['reason']): null {
    this.#deny({ container: this.#container, host, port, reason })
    return null
  }
}
