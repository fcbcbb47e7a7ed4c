/** Addresses that a name of the internet has no business to resolve to: a server there could be reached through the gateway by mistake. */
import { networkInterfaces } from 'node:os'
import { isWithin, parseIp, parsePrefix } from '../sys/ip-address.js'

const prefixes = (texts: readonly string[]) =>
  texts.map(text => {
    const prefix = parsePrefix(text)
    if (prefix === null) throw new RangeError(text)
    return prefix
  })

/** The special-purpose registries of IANA (RFC 6890), as far as they are not for everybody. */
const REFUSED_V4 = prefixes([
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24'],
  ...['192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24'],
  ...['224.0.0.0/4', '240.0.0.0/4'],
])
/** All of the internet is in 2000::/3. */
const GLOBAL_V6 = prefixes(['2000::/3'])
const REFUSED_V6 = prefixes(['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'])
/** ::ffff:0:0/96 and 64:ff9b::/96 (NAT64) are ways to an address of IPv4, which counts. */
const EMBEDDING_V6 = prefixes(['::ffff:0:0/96', '64:ff9b::/96'])

const isIn = (address: Uint8Array, list: ReturnType<typeof prefixes>): boolean =>
  list.some(prefix => isWithin(address, prefix))

/** The address of IPv4 that one of IPv6 leads to; null if it leads to none. */
export const embeddedIn = (address: Uint8Array): Uint8Array | null =>
  address.length === 16 && isIn(address, EMBEDDING_V6) ? address.subarray(12) : null

/** True for loopback, link-local, private, shared, multicast, unspecified and reserved addresses, those of metadata services among them. */
export function isSpecial(address: Uint8Array): boolean {
  if (address.length === 4) return isIn(address, REFUSED_V4)
  const inside = embeddedIn(address)
  if (inside !== null) return isSpecial(inside)
  return !isIn(address, GLOBAL_V6) || isIn(address, REFUSED_V6)
}

/** True for an address that this machine has itself: its servers are not for containers, by whatever address. */
export function isOwnAddress(address: Uint8Array): boolean {
  const plain = embeddedIn(address) ?? address
  const own = Object.values(networkInterfaces()).flatMap(list => list ?? [])
  return own.some(({ address: text }) => {
    const bytes = parseIp(text.replace(/%.*$/, ''))
    return bytes !== null && bytes.length === plain.length && bytes.every((byte, at) => byte === plain[at])
  })
}

const LOOPBACK = prefixes(['127.0.0.0/8', '::1/128'])

/** In a container these are its own. */
export const isLoopbackAddress = (address: Uint8Array): boolean => isIn(embeddedIn(address) ?? address, LOOPBACK)
