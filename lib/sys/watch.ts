/**
 * Waiting for descriptors that no stream of Node takes (pidfds, eventfds, sockets that we read ourselves). The event loop polls them,
 * by way of one epoll instance (native/sys/watch.c): no thread is held, however many waits there are.
 */
import { constants } from 'node:os'
import { HostError } from '../errors.js'
import { check } from './errno.js'
import { native, nativePath } from './native.js'
import { inTurn } from './turns.js'

export const READABLE = 0x001
export const PRIORITY = 0x002
export const WRITABLE = 0x004
/** Always reported; for a pidfd: the process has been reaped. */
export const HANGUP = 0x010

interface Watcher {
  /** For native/sys/watch.c. */
  readonly handle: number
  /** By cookie. */
  readonly waiting: Map<number, () => void>
}

/** After so long without a wait it ends. */
const IDLE_MS = 1000

let watcher: Watcher | null = null
let nextCookie = 1
let holds = 0
let idle: NodeJS.Timeout | null = null
let isUsed = false

/** What the library is as an add-on: returns a handle, or -errno. */
type AddOn = (tell: (...cookies: number[]) => void) => number

/** Loaded once: by the next time the package may have been replaced. */
let addOn: AddOn | null = null

function loadAddOn(): AddOn {
  const module: { exports: unknown } = { exports: {} }
  // The same library as that of all other calls, since it gives them pointers. Those keep it loaded: Node closes an add-on with the last
  // thread that has loaded it.
  process.dlopen(module, nativePath())
  return module.exports as AddOn
}

function begin(): Watcher {
  addOn ??= loadAddOn()
  const waiting: Watcher['waiting'] = new Map()
  const tell = (cookie: number): void => {
    const wait = waiting.get(cookie)
    waiting.delete(cookie)
    // In turns: what goes on with it may take a millisecond, and a hundred may be ready at once.
    if (wait !== undefined) inTurn(wait)
  }
  const handle = addOn((...cookies) => cookies.forEach(tell))
  if (handle === -constants.errno.ENOSYS) throw noLoop()
  return { handle: check(handle, 'epoll_create1'), waiting }
}

function noLoop(): HostError {
  const needs = "the event loop of Node (libuv's uv_poll_init)"
  const remedy = 'run it with Node 20 or newer'
  return new HostError('ERR_HOST_INSTALL', { needs, found: 'a program that does not export it', remedy })
}

export interface Watch {
  /** Resolves when the descriptor is ready; never rejects; stays pending after `stop`. */
  readonly ready: Promise<void>
  /**
   * Gives up. To be called before the descriptor is closed, unless `ready` has resolved: else, if somebody has a duplicate, what comes of that
   * may end the wait for another descriptor of the same number, and the event loop not be kept alive for others.
   */
  stop(): void
}

export interface WatchOptions {
  /** Whether it keeps the event loop alive while it waits. Default true. */
  readonly keepAlive?: boolean
}

/**
 * One wait for `events` (READABLE, PRIORITY, WRITABLE, HANGUP) on `fd`.
 * The same descriptor can't be watched twice at a time: watch a duplicate.
 */
export function watch(fd: number, events: number, { keepAlive = true }: WatchOptions = {}): Watch {
  watcher ??= begin()
  const { handle, waiting } = watcher
  const cookie = nextCookie++ >>> 0
  const held = keepAlive ? 1 : 0
  const added = native().ts_watch_add(handle, fd, events, cookie, held)
  if (added < 0) endIfIdle()
  check(added, 'epoll_ctl')
  isUsed = true
  let isOver = false
  let tell = (): void => {}
  const ready = new Promise<void>(resolve => {
    tell = () => {
      if (!isOver) resolve()
      isOver = true
      endIfIdle()
    }
  })
  waiting.set(cookie, tell)
  const stop = (): void => {
    isOver = true
    // Else it has been told of, in a turn that is to come.
    if (waiting.delete(cookie)) native().ts_watch_remove(handle, fd, held)
    endIfIdle()
  }
  return { ready, stop }
}

/** Nobody's copy of this module has one for ever: test runners load one for each file of tests. */
function endIfIdle(): void {
  if (idle !== null || watcher === null || watcher.waiting.size > 0) return
  idle = setTimeout(lookIfIdle, IDLE_MS).unref()
}

function lookIfIdle(): void {
  idle = null
  if (watcher === null || watcher.waiting.size > 0 || holds > 0) return
  if (!isUsed) {
    native().ts_watch_end(watcher.handle)
    watcher = null
    return
  }
  isUsed = false
  endIfIdle()
}

/** Keeps the event loop alive until the returned function is called. */
export function holdEventLoop(): () => void {
  watcher ??= begin()
  const { handle } = watcher
  let held = true
  const change = (by: 1 | -1): void => {
    holds += by
    native().ts_watch_hold(handle, by)
  }
  change(1)
  return () => {
    if (held) change(-1)
    held = false
    endIfIdle()
  }
}
