/** What the kernel of a network namespace has refused: connections of TCP and datagrams of UDP to where nobody listens. */
import { check } from './errno.js'
import { native } from './native.js'
import { receiveDatagram } from './socket.js'

export interface RefusedTraffic {
  readonly protocol: 'tcp' | 'udp'
  /** 4 bytes, or 16. */
  readonly address: Uint8Array
  readonly port: number
}

/** A packet socket that was made in the namespace hears of them from now on. Those of 127.0.0.0/8 and ::1 are left out. @throws {SystemError} */
export function hearRefusals(fd: number): void {
  check(native().ts_refusals_hear(fd), 'bind', 'AF_PACKET')
}

/** The next that has been heard of; null: none. More than the socket's buffer holds are lost. */
export function nextRefusal(fd: number): RefusedTraffic | null {
  const packet = receiveDatagram(fd)
  return packet === null ? null : refusalIn(packet)
}

/** Where the fields of a header of IP are. */
const V4 = { protocol: 9, source: 12, destination: 16, size: 4 } as const
const V6 = { protocol: 6, source: 8, destination: 24, size: 16 } as const
const TCP = 6
const ICMP_HEADER = 8

/** A reset comes from what was to be reached; an error of ICMP has the beginning of the datagram that was sent there. */
function refusalIn(packet: Uint8Array): RefusedTraffic {
  const header = versionOf(packet) === 6 ? V6 : V4
  const addressAt = (bytes: Uint8Array, at: number): Uint8Array => bytes.slice(at, at + header.size)
  const payload = payloadOf(packet)
  if (packet[header.protocol] === TCP)
    return { protocol: 'tcp', address: addressAt(packet, header.source), port: portAt(payload, 0) }
  const datagram = payload.subarray(ICMP_HEADER)
  const address = addressAt(datagram, header.destination)
  return { protocol: 'udp', address, port: portAt(payloadOf(datagram), 2) }
}

const versionOf = ([first = 0]: Uint8Array): number => first >> 4
const payloadOf = (packet: Uint8Array): Uint8Array =>
  packet.subarray(versionOf(packet) === 6 ? 40 : ((packet[0] ?? 0) & 0xf) * 4)
const portAt = (bytes: Uint8Array, at: number): number => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
