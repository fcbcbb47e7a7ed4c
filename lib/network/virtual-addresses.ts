/** Addresses that stand for names in a container: 198.18.0.0/15 (RFC 2544) and a prefix of unique local addresses (RFC 4193). */
import { formatIp, parseIp } from '../sys/ip-address.js'

/** Where the resolver is. */
export const RESOLVER_V4 = '198.18.0.1'
export const RESOLVER_V6 = 'fd74:7372:756e::1'

const BASE_V4 = 0xc612_0000
/** One is the resolver's; of the last none has a meaning of its own. */
const FIRST = 2
const COUNT = 2 ** 17 - 2

export interface VirtualHost {
  readonly name: string
  /** 4 bytes, and 16. */
  readonly addresses: readonly [v4: Uint8Array, v6: Uint8Array]
}

export interface VirtualHosts {
  /** The one of that name, which is made if there is none. */
  of(name: string): VirtualHost
  /** The one with that address; null if it is nobody's. */
  at(address: string): VirtualHost | null
  all(): readonly VirtualHost[]
}

export interface VirtualHostsOptions {
  /** Names at a time. */
  readonly most: number
  /** False: there is no room for another one, also if there are fewer. */
  readonly hasRoom: () => boolean
  readonly isIdle: (host: VirtualHost) => boolean
  /** Its addresses mean nothing any more. */
  readonly forget: (host: VirtualHost) => void
}

/** An address that a name had is not another one's until all the others have been used. Asked for too many names, the oldest idle ones go. */
export function virtualHosts({ most, hasRoom, isIdle, forget }: VirtualHostsOptions): VirtualHosts {
  const hosts = new Map<string, VirtualHost>()
  const byAddress = new Map<string, VirtualHost>()
  let next = 0
  const makeRoom = (): void => {
    while (hosts.size >= most || !hasRoom()) {
      const oldest = [...hosts.values()].find(isIdle)
      if (oldest === undefined) throw new RangeError('too many names')
      hosts.delete(oldest.name)
      for (const text of textsOf(oldest)) byAddress.delete(text)
      forget(oldest)
    }
  }
  const make = (name: string): VirtualHost => {
    const host = { name, addresses: addressesOfNumber(FIRST + (next++ % (COUNT - FIRST))) }
    // Those of a name that has been used since the last round are still its own.
    return textsOf(host).some(text => byAddress.has(text)) ? make(name) : host
  }
  const of = (name: string): VirtualHost => {
    const known = hosts.get(name)
    if (known === undefined) makeRoom()
    const host = known ?? make(name)
    hosts.delete(name)
    hosts.set(name, host)
    if (known === undefined) for (const text of textsOf(host)) byAddress.set(text, host)
    return host
  }
  return { of, at: address => byAddress.get(address) ?? null, all: () => [...hosts.values()] }
}

function addressesOfNumber(number: number): VirtualHost['addresses'] {
  const v4 = new Uint8Array(4)
  new DataView(v4.buffer).setUint32(0, BASE_V4 + number)
  const v6 = Uint8Array.from(parseIp(RESOLVER_V6) ?? new Uint8Array(16))
  new DataView(v6.buffer).setUint32(12, number)
  return [v4, v6]
}

export const textsOf = ({ addresses }: VirtualHost): readonly string[] => addresses.map(formatIp)
