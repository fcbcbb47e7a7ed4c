/** Names of the world outside: they are resolved, what they resolve to is looked at, and that very address is connected to. */
import { lookup as systemLookup } from 'node:dns/promises'
import { formatIp, parseIp } from '../sys/ip-address.js'
import type { RelayedConnection } from '../sys/relay.js'

/** The addresses of a name, as texts. `signal` is aborted when nobody waits for them any more. Default: those of the system (getaddrinfo(3)). */
export type Lookup = (name: string, options: { readonly signal: AbortSignal }) => Promise<readonly string[]>

export const lookupBySystem: Lookup = async name => {
  const found = await systemLookup(name, { all: true, verbatim: true })
  return found.map(({ address }) => address)
}

/** Each address of the texts once, as bytes; what is no address is left out. */
export function addressesIn(texts: readonly string[]): Uint8Array[] {
  const unique = new Map(texts.flatMap(text => bytesOf(text)).map(bytes => [formatIp(bytes), bytes]))
  return [...unique.values()]
}

function bytesOf(text: string): Uint8Array[] {
  const bytes = parseIp(text)
  return bytes === null ? [] : [bytes]
}

export interface Target {
  /** Tried in this order. */
  readonly addresses: readonly Uint8Array[]
  readonly port: number
  /** For each address. */
  readonly timeoutMs: number
  /** The first of the addresses is being connected to already. */
  readonly isRouted: boolean
}

/** Connects one that has been accepted; the address that takes it, null if none does, or if it is closed meanwhile. */
export async function connectOutside(connection: RelayedConnection, target: Target): Promise<Uint8Array | null> {
  const { addresses, port, timeoutMs, isRouted } = target
  for (const [at, address] of addresses.entries()) {
    const isBegun = isRouted && at === 0
    const done = isBegun
      ? connection.connected(timeoutMs)
      : connection.connect({ address: formatIp(address), port }, timeoutMs)
    if (await done) return address
    if (connection.isClosed) return null
  }
  return null
}
