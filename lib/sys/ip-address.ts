/** Addresses of IP as bytes: 4 for IPv4, 16 for IPv6. */
import { isIP } from 'node:net'

/** Null for a text that is no address; a zone (`%eth0`) is none. */
export function parseIp(text: string): Uint8Array | null {
  const version = text.includes('%') ? 0 : isIP(text)
  if (version === 0) return null
  return version === 4 ? Uint8Array.from(text.split('.'), Number) : parseV6(text)
}

function parseV6(text: string): Uint8Array {
  const [before = '', after] = text.split('::')
  const [head, tail] = [groupsOf(before), groupsOf(after ?? '')]
  const missing = after === undefined ? 0 : 8 - head.length - tail.length
  const groups = [...head, ...Array.from({ length: missing }, () => 0), ...tail]
  return Uint8Array.from(groups.flatMap(group => [group >> 8, group & 0xff]))
}

/** An IPv4 address at the end counts as two. */
function groupsOf(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap(group => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)]
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number)
    return [(a << 8) | b, (c << 8) | d]
  })
}

/** The inverse; of IPv6 the longest run of zeros is left out (RFC 5952). */
export function formatIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.')
  const groups = Array.from({ length: 8 }, (_, at) => ((bytes[at * 2] ?? 0) << 8) | (bytes[at * 2 + 1] ?? 0))
  const texts = groups.map(group => group.toString(16))
  const runs = groups.map((_, from) => ({ from, length: zerosFrom(groups, from) }))
  const { from, length } = runs.reduce((best, run) => (run.length > best.length ? run : best), { from: 0, length: 1 })
  if (length === 1) return texts.join(':')
  return `${texts.slice(0, from).join(':')}::${texts.slice(from + length).join(':')}`
}

function zerosFrom(groups: readonly number[], from: number): number {
  const end = groups.findIndex((group, at) => at >= from && group !== 0)
  return (end === -1 ? groups.length : end) - from
}

/** The addresses that share the first `bits` bits with `bytes`. */
export interface Prefix {
  readonly bytes: Uint8Array
  readonly bits: number
}

/** `10.0.0.0/8`, `fd00::/8`, or an address alone; null for anything else, also for bits that are set behind the prefix. */
export function parsePrefix(text: string): Prefix | null {
  const [address = '', length, ...rest] = text.split('/')
  const bytes = parseIp(address)
  if (bytes === null || rest.length > 0) return null
  if (length === undefined) return { bytes, bits: bytes.length * 8 }
  const bits = /^(0|[1-9][0-9]{0,2})$/.test(length) ? Number(length) : Number.POSITIVE_INFINITY
  if (bits > bytes.length * 8) return null
  return isWithin(bytes, { bytes: masked(bytes, bits), bits: bytes.length * 8 }) ? { bytes, bits } : null
}

const masked = (bytes: Uint8Array, bits: number): Uint8Array => bytes.map((byte, at) => byte & maskOf(bits - at * 8))

const maskOf = (left: number): number => (0xff << (8 - Math.min(8, Math.max(0, left)))) & 0xff

export function isWithin(address: Uint8Array, { bytes, bits }: Prefix): boolean {
  if (address.length !== bytes.length) return false
  return address.every((byte, at) => ((byte ^ (bytes[at] ?? 0)) & maskOf(bits - at * 8)) === 0)
}

export const formatPrefix = ({ bytes, bits }: Prefix): string => `${formatIp(bytes)}/${bits}`
