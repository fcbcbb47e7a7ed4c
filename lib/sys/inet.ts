/** Sockets of IP that were made in another network namespace, and are used from this one. */
import type { Socket } from 'node:net'
import { abortOf } from './abort.js'
import { check, errnoName } from './errno.js'
import { native } from './native.js'
import { streamOver } from './stream.js'
import { WRITABLE, watch } from './watch.js'

export interface InetAddress {
  /** IPv4 or IPv6, as numbers. */
  readonly address: string
  readonly port: number
}

/** How many connections the kernel makes before anybody takes them; it has a limit of its own (net.core.somaxconn). */
const BACKLOG = 4096

const textOf = ({ address, port }: InetAddress): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`

/** Binds a socket, and makes one of TCP listen; returns the port, which the kernel chooses for 0. @throws {SystemError} */
export function bindInet(fd: number, to: InetAddress): number {
  return check(native().ts_inet_bind(fd, to.address, to.port, BACKLOG), 'bind', textOf(to))
}

/**
 * A server at an address of this machine, and its port, which the kernel chooses for 0. `::` takes what comes by IPv4 too.
 * @throws {SystemError} EADDRINUSE, EADDRNOTAVAIL, EACCES with the address as path
 */
export function listenInet(at: InetAddress): { readonly fd: number; readonly port: number } {
  const fd = check(native().ts_inet_listen(at.address, at.port, BACKLOG), 'listen', textOf(at))
  return { fd, port: check(native().ts_inet_port(fd), 'getsockname', textOf(at)) }
}

/** Resolves when the socket, which stays the caller's, is connected. @throws {SystemError}; the reason of `signal` */
export async function connectInet(fd: number, to: InetAddress, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted()
  const begun = native().ts_inet_connect(fd, to.address, to.port)
  if (begun >= 0) return
  if (errnoName(-begun) !== 'EINPROGRESS') check(begun, 'connect', textOf(to))
  const aborted = abortOf(signal)
  const writable = watch(fd, WRITABLE)
  try {
    await Promise.race([writable.ready, aborted.promise])
  } finally {
    aborted.stop()
    writable.stop()
  }
  signal?.throwIfAborted()
  check(native().ts_inet_error(fd), 'connect', textOf(to))
}

/** Takes over the descriptor of a connection. The end of one direction is not that of the other. */
export function inetStream(fd: number): Socket {
  return streamOver(fd, { readable: true, writable: true, allowHalfOpen: true })
}

/** Hands a descriptor over to Node, or to whoever closes it. */
export function giveAway(fd: number): number {
  native().ts_given(fd)
  return fd
}
