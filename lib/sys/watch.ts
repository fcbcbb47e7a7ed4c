/**
 * Waiting for descriptors that libuv can't poll (pidfds, eventfds, cgroup files). One native thread forwards readiness
 * through a pipe; neither the event loop nor its thread pool is held, however many waits there are.
 */
import type { Socket } from 'node:net'
import { constants } from 'node:os'
import { SystemError } from '../errors.js'
import { check } from './errno.js'
import { native } from './native.js'
import { streamOver } from './stream.js'
import { inTurn } from './turns.js'

export const READABLE = 0x001
export const PRIORITY = 0x002
export const WRITABLE = 0x004
/** Always reported; for a pidfd: the process has been reaped. */
export const HANGUP = 0x010

interface Watcher {
  readonly epoll: number
  readonly pipe: Socket
  readonly waiting: Map<number, (said: string | null) => void>
}

/** How long the thread stays when nothing is waited for any more. */
const IDLE_MS = 1000

/** As native/sys/watch.c writes them: cookie, length of the text (below 0: none), text. */
const RECORD_BYTES = 256
const TEXT_AT = 8
/** No write to the pipe is longer, so that each is whole in it (pipe(7), PIPE_BUF), and what is read is whole records. */
const READ_BYTES = 16 * RECORD_BYTES
let watcher: Watcher | null = null
let nextCookie = 1
let idle: NodeJS.Timeout | null = null

function start(): Watcher {
  const fds = Buffer.alloc(8)
  const started = native().ts_watch_start(fds)
  // What epoll and pipes run out of are descriptors and memory.
  if (started === -constants.errno.EAGAIN) {
    const hint = 'no thread can be made: see pids.max of the cgroups of this process, and RLIMIT_NPROC'
    throw new SystemError({ syscall: 'pthread_create', errno: 'EAGAIN' }, { hint })
  }
  check(started, 'epoll_create1')
  const waiting: Watcher['waiting'] = new Map()
  // One place for all that is read: for each record a stream would take 64 KiB of new memory.
  const buffer = Buffer.alloc(READ_BYTES)
  const callback = (length: number): boolean => {
    for (let at = 0; at < length; at += RECORD_BYTES) tell(waiting, buffer.readUInt32LE(at), textOf(buffer, at))
    return true
  }
  const directions = { readable: true, writable: false, onread: { buffer, callback } }
  const pipe = streamOver(fds.readInt32LE(4), directions)
  pipe.unref()
  return { epoll: fds.readInt32LE(0), pipe, waiting }
}

/** In turns: what goes on with it may take a millisecond, and a hundred may be ready at once. */
function tell(waiting: Watcher['waiting'], cookie: number, said: string | null): void {
  inTurn(() => waiting.get(cookie)?.(said))
}

function textOf(bytes: Buffer, at: number): string | null {
  const length = bytes.readInt32LE(at + 4)
  return length < 0 ? null : bytes.toString('utf8', at + TEXT_AT, at + TEXT_AT + length)
}

export interface Watch {
  /** Resolves when the descriptor is ready; never rejects; stays pending after `stop`. */
  readonly ready: Promise<void>
  /** Once it is ready: the first 248 bytes of `file` at that moment; null if there is none, or it is gone. */
  said(): string | null
  /** Gives up. To be called before the descriptor is closed, unless `ready` has resolved. */
  stop(): void
}

export interface WatchOptions {
  /** Whether it keeps the event loop alive while it waits. Default true. */
  readonly keepAlive?: boolean
  /** A descriptor that is read at the moment when `fd` is ready; to stay open until then, or until `stop`. Default none. */
  readonly file?: number | null
}

/**
 * One wait for `events` (READABLE, PRIORITY, WRITABLE, HANGUP) on `fd`.
 * The same descriptor can't be watched twice at a time: watch a duplicate.
 */
export function watch(fd: number, events: number, { keepAlive = true, file = null }: WatchOptions = {}): Watch {
  watcher ??= start()
  if (idle !== null) clearTimeout(idle)
  const { epoll, pipe, waiting } = watcher
  const cookie = nextCookie++ >>> 0
  check(native().ts_watch_add(epoll, fd, events, cookie, file ?? -1), 'epoll_ctl')
  if (keepAlive) hold(pipe, 1)
  const end = (): void => {
    if (!waiting.delete(cookie)) return
    native().ts_watch_remove(epoll, fd)
    if (keepAlive) hold(pipe, -1)
    if (waiting.size === 0) stopWhenIdle()
  }
  let text: string | null = null
  const ready = new Promise<void>(resolve => {
    waiting.set(cookie, said => {
      text = said
      end()
      resolve()
    })
  })
  return { ready, said: () => text, stop: end }
}

/** Its thread ends with the pipe. Nobody's copy of this module keeps one for ever: test runners load one for each file of tests. */
function stopWhenIdle(): void {
  if (idle !== null) clearTimeout(idle)
  idle = setTimeout(() => {
    if (watcher === null || watcher.waiting.size > 0 || holds > 0) return
    watcher.pipe.destroy()
    watcher = null
  }, IDLE_MS)
  idle.unref()
}

/** Keeps the event loop alive until the returned function is called. */
export function holdEventLoop(): () => void {
  watcher ??= start()
  const { pipe } = watcher
  let held = true
  hold(pipe, 1)
  return () => {
    if (held) hold(pipe, -1)
    held = false
  }
}

let holds = 0

function hold(pipe: Socket, change: 1 | -1): void {
  holds += change
  if (holds === 1 && change === 1) pipe.ref()
  if (holds === 0) pipe.unref()
}
