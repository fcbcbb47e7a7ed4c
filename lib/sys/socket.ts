/** AF_UNIX sockets as descriptors. */
import { statSync } from 'node:fs'
import { closeFd } from './beneath.js'
import { check, viaNode } from './errno.js'
import { openPath } from './file.js'
import { native } from './native.js'

/** A connected pair of stream sockets. */
export function socketPair(): [number, number] {
  const pair = Buffer.alloc(8)
  check(native().ts_socketpair(pair), 'socketpair')
  return [pair.readInt32LE(0), pair.readInt32LE(4)]
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

/** A connection to the socket at `path`, an absolute path of any length. */
export function connectTo(path: string): number {
  return withShortPath(path, short => check(native().ts_connect(short), 'connect', path))
}

export function isSocket(path: string): boolean {
  return viaNode(() => statSync(path).isSocket())
}

/** Sends a descriptor with `payload` as the message. */
export function sendFd(socket: number, fd: number, payload: string): void {
  const bytes = Buffer.from(payload)
  check(native().ts_send_fd(socket, fd, bytes, bytes.length), 'sendmsg')
}

/** The descriptor of the message that waits at `socket`. */
export function receiveFd(socket: number): number {
  return check(native().ts_receive_fd(socket), 'recvmsg')
}
