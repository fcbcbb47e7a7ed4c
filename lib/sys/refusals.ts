/** Connections of TCP that the kernel of a network namespace has refused: nobody listens there. */
import { check } from './errno.js'
import { native } from './native.js'
import { receiveDatagram } from './socket.js'

export interface RefusedConnection {
  /** 4 bytes, or 16. */
  readonly address: Uint8Array
  readonly port: number
}

/** A packet socket that was made in the namespace hears of them from now on. Those of 127.0.0.0/8 and ::1 are left out. @throws {SystemError} */
export function hearRefusals(fd: number): void {
  check(native().ts_refusals_hear(fd), 'bind', 'AF_PACKET')
}

/** The next that has been heard of; null: none. More than the socket's buffer holds are lost. */
export function nextRefusal(fd: number): RefusedConnection | null {
  const packet = receiveDatagram(fd)
  return packet === null ? null : refusalIn(packet)
}

/** It is the reset that the kernel has answered with: its source is what was to be reached. */
function refusalIn(packet: Uint8Array): RefusedConnection {
  const [first = 0] = packet
  const isV6 = first >> 4 === 6
  const ports = isV6 ? 40 : (first & 0xf) * 4
  const [high = 0, low = 0] = packet.subarray(ports)
  return { address: isV6 ? packet.slice(8, 24) : packet.slice(12, 16), port: (high << 8) | low }
}
