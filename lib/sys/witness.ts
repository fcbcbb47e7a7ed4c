/**
 * What a file says at the moment when a descriptor is ready. A native thread reads it (native/sys/witness.c), since the event loop may be
 * busy then, and the file gone when it comes to it. There is one as long as somebody waits, however many do.
 */
import { readSync } from 'node:fs'
import { closeFd } from './beneath.js'
import { check, viaNode } from './errno.js'
import { checkStarted } from './job.js'
import { native } from './native.js'
import { READABLE, type Watch, watch } from './watch.js'

interface Thread {
  readonly epoll: number
  readonly pipe: number
  /** By cookie. */
  readonly waiting: Map<number, (said: string | null) => void>
  news: Watch | null
}

/** As native/sys/witness.c writes them: cookie, length of the text (below 0: none), text. */
const RECORD_BYTES = 256
const TEXT_AT = 8
/** No write to the pipe is longer, so that each is whole in it (pipe(7), PIPE_BUF), and what is read is whole records. */
const READ_BYTES = 16 * RECORD_BYTES

let thread: Thread | null = null
let nextCookie = 1

function start(): Thread {
  const fds = Buffer.alloc(8)
  checkStarted(native().ts_witness_start(fds), 'epoll_create1')
  return { epoll: fds.readInt32LE(0), pipe: fds.readInt32LE(4), waiting: new Map(), news: null }
}

function listen(to: Thread): void {
  to.news = watch(to.pipe, READABLE, { keepAlive: false })
  void to.news.ready.then(() => {
    hear(to)
    if (to.waiting.size > 0) listen(to)
  })
}

function hear({ pipe, waiting }: Thread): void {
  const bytes = Buffer.alloc(READ_BYTES)
  const length = viaNode(() => readSync(pipe, bytes))
  for (let at = 0; at < length; at += RECORD_BYTES) waiting.get(bytes.readUInt32LE(at))?.(textOf(bytes, at))
}

function textOf(bytes: Buffer, at: number): string | null {
  const length = bytes.readInt32LE(at + 4)
  return length < 0 ? null : bytes.toString('utf8', at + TEXT_AT, at + TEXT_AT + length)
}

/** It ends with the pipe. */
function end({ pipe, news }: Thread): void {
  thread = null
  news?.stop()
  closeFd(pipe)
}

export interface Witness {
  /** The first 248 bytes of the file; null if it could not be read, as one of a cgroup that is gone. Never rejects; stays pending after `stop`. */
  readonly said: Promise<string | null>
  /** Gives up. To be called before one of the descriptors is closed, unless `said` has resolved. */
  stop(): void
}

export interface WitnessOptions {
  readonly fd: number
  /** As of `watch`. */
  readonly events: number
  /** A descriptor. */
  readonly file: number
}

/** Waits once; the event loop does not stay alive for it. The same `fd` can have one witness at a time. */
export function witness({ fd, events, file }: WitnessOptions): Witness {
  const isFirst = thread === null
  thread ??= start()
  const witnesses = thread
  const { epoll, waiting } = witnesses
  const cookie = nextCookie++ >>> 0
  const stop = (): void => {
    if (!waiting.delete(cookie)) return
    native().ts_witness_remove(epoll, fd)
    if (waiting.size === 0) end(witnesses)
  }
  const said = new Promise<string | null>(resolve => {
    waiting.set(cookie, text => {
      stop()
      resolve(text)
    })
  })
  try {
    if (isFirst) listen(witnesses)
    check(native().ts_witness_add(epoll, fd, events, cookie, file), 'epoll_ctl')
  } catch (error) {
    stop()
    throw error
  }
  return { said, stop }
}
