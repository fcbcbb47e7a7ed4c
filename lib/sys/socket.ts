/** AF_UNIX sockets as descriptors. */
import { statSync } from 'node:fs'
import { closeFd, closeFds } from './beneath.js'
import { check, errnoName, viaNode } from './errno.js'
import { openPath } from './file.js'
import { openCached, runJob } from './job.js'
import { native } from './native.js'
import { READABLE, WRITABLE, watch } from './watch.js'

/** A connected pair of stream sockets. */
export function socketPair(): [number, number] {
  const pair = Buffer.alloc(8)
  check(native().ts_socketpair(pair), 'socketpair')
  return [pair.readInt32LE(0), pair.readInt32LE(4)]
}

/** The same of sockets for messages (SOCK_SEQPACKET). */
export function packetPair(): [number, number] {
  const pair = Buffer.alloc(8)
  check(native().ts_packet_pair(pair), 'socketpair')
  return [pair.readInt32LE(0), pair.readInt32LE(4)]
}

export interface Packet {
  /** Empty at the end: the other end is closed. */
  readonly bytes: Uint8Array
  /** What came with it, which is the caller's; -1: nothing did. */
  readonly fd: number
}

/** @throws {SystemError} EMSGSIZE for one that is longer than the limit */
export async function receiveMessage(socket: number, limit: number): Promise<Packet> {
  for (;;) {
    await watch(socket, READABLE).ready
    const bytes = Buffer.alloc(limit)
    const fd = Buffer.alloc(4)
    const length = native().ts_receive_message(socket, bytes, limit, fd)
    if (length < 0 && errnoName(-length) === 'EAGAIN') continue
    // Who ends with unread messages resets the connection.
    if (length < 0 && errnoName(-length) === 'ECONNRESET') return { bytes: Buffer.alloc(0), fd: -1 }
    const received = fd.readInt32LE(0)
    if (length < 0 && received >= 0) closeFd(received)
    return { bytes: bytes.subarray(0, check(length, 'recvmsg')), fd: received }
  }
}

/** False: nobody is at the other end any more. */
export function sendMessage(socket: number, bytes: Uint8Array): boolean {
  const sent = native().ts_send(socket, Buffer.from(bytes), bytes.length)
  if (sent < 0 && ['EPIPE', 'ECONNRESET'].includes(errnoName(-sent))) return false
  check(sent, 'send')
  return true
}

/** Runs `use` with a path to `name` in `directory` that fits sun_path (108 bytes) whatever the directory is called. */
function withShortPath<T>(path: string, use: (short: string) => T): T {
  if (Buffer.byteLength(path) < 100) return use(path)
  const slash = path.lastIndexOf('/')
  const directory = openPath(path.slice(0, slash), { directory: true })
  try {
    return use(`/proc/self/fd/${directory}/${path.slice(slash + 1)}`)
  } finally {
    closeFd(directory)
  }
}

/** A listening stream socket bound to `path`, an absolute path of any length. */
export function listenAt(path: string): number {
  return withShortPath(path, short => check(native().ts_listen(short), 'bind', path))
}

/**
 * A connection to the socket at `path`, an absolute path of any length. The event loop goes on if that takes its time.
 * @throws {SystemError} EAGAIN if the other end takes no connection within a second; the reason of `signal`
 */
export async function connectTo(path: string, signal?: AbortSignal): Promise<number> {
  const node = openCached(path)
  if (node !== null) {
    const fd = native().ts_connect(node)
    closeFd(node)
    if (fd >= 0 || errnoName(-fd) !== 'EAGAIN') return check(fd, 'connect', path)
  }
  return runJob({ kind: 'connect', path, signal }, 'connect')
}

export function isSocket(path: string): boolean {
  return viaNode(() => statSync(path).isSocket())
}

/** Sends a descriptor with `payload` as the message. */
export function sendFd(socket: number, fd: number, payload: string): void {
  const bytes = Buffer.from(payload)
  check(native().ts_send_fd(socket, fd, bytes, bytes.length), 'sendmsg')
}

/** What one message takes (SCM_MAX_FD of unix(7)). */
const MESSAGE_FDS = 253

/**
 * Sends the descriptors, in messages of one byte that is 1 if another one follows. If nobody is at the other end any more
 * nothing is said: the reader of the socket finds that.
 */
export function sendFds(socket: number, fds: readonly number[]): void {
  for (let at = 0; at < fds.length; at += MESSAGE_FDS) {
    const numbers = Int32Array.from(fds.slice(at, at + MESSAGE_FDS))
    const more = at + MESSAGE_FDS < fds.length ? 1 : 0
    const sent = native().ts_send_fds(socket, Buffer.from(numbers.buffer), numbers.length, more)
    if (sent < 0 && ['EPIPE', 'ECONNRESET'].includes(errnoName(-sent))) return
    check(sent, 'sendmsg')
  }
}

/**
 * Sends a descriptor with `payload`, in one message if the socket takes that at once; closes `socket`. The other end may
 * hang up as soon as it has read everything: nothing is written after the last byte, and no order to end the stream either.
 * @throws {SystemError} if the other end does not take it
 */
export async function sendFdAndEnd(socket: number, fd: number, payload: string): Promise<void> {
  let rest: Uint8Array = Buffer.from(payload)
  try {
    rest = rest.subarray(check(native().ts_send_fd(socket, fd, rest, rest.length), 'sendmsg'))
    while (rest.length > 0) {
      await watch(socket, WRITABLE).ready
      const sent = native().ts_send(socket, rest, rest.length)
      if (sent < 0 && errnoName(-sent) === 'EAGAIN') continue
      rest = rest.subarray(check(sent, 'send'))
    }
  } finally {
    closeFd(socket)
  }
}

/** The descriptor of the message that waits at `socket`. */
export function receiveFd(socket: number): number {
  return check(native().ts_receive_fd(socket), 'recvmsg')
}

/**
 * The descriptors that wait at `socket`, which are the caller's, up to the end of what has been sent.
 * @throws {SystemError}; what has come until then is closed
 */
export function receiveFds(socket: number): number[] {
  const room = Buffer.alloc(MESSAGE_FDS * 4)
  const fds: number[] = []
  for (;;) {
    const count = native().ts_receive_fds(socket, room, MESSAGE_FDS)
    if (count === 0 || (count < 0 && errnoName(-count) === 'EAGAIN')) return fds
    if (count < 0) closeFds(fds)
    check(count, 'recvmsg')
    for (let at = 0; at < count; at++) fds.push(room.readInt32LE(at * 4))
  }
}

/** A datagram socket bound to `path`, an absolute path of any length, which everybody may send to. */
export function listenForDatagrams(path: string): number {
  return withShortPath(path, short => check(native().ts_listen_datagram(short), 'bind', path))
}

/** The next datagram that waits, cut off after 4096 bytes; null if none does. Descriptors that came with it are closed. */
export function receiveDatagram(socket: number): Uint8Array | null {
  const bytes = Buffer.alloc(4096)
  const length = native().ts_receive(socket, bytes, bytes.length)
  if (length < 0 && errnoName(-length) === 'EAGAIN') return null
  return bytes.subarray(0, check(length, 'recv'))
}

/**
 * Sends a datagram to the socket at a path, or with `@` in front to one of the abstract namespace, perhaps with a descriptor.
 * @throws {SystemError} if nobody listens, or does not read
 */
export function sendDatagram(name: string, text: string, fd = -1): void {
  const bytes = Buffer.from(text)
  const send = (short: string): number =>
    check(native().ts_send_datagram(short, bytes, bytes.length, fd), 'sendmsg', name)
  if (name.startsWith('@')) send(name)
  else withShortPath(name, send)
}
