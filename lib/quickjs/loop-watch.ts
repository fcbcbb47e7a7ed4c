/**
 * In place of lib/sys/watch.ts: the loop here polls whatever descriptor there is, and needs no thread for those that libuv can't poll.
 * What each function does is said there.
 */
import { addHold, addWatch, removeWatch } from './event-loop.js'
import { host } from './host.js'

export const READABLE = 0x001
export const PRIORITY = 0x002
export const WRITABLE = 0x004
export const HANGUP = 0x010

const TEXT_BYTES = 248

export interface Watch {
  readonly ready: Promise<void>
  said(): string | null
  stop(): void
}

interface WatchOptions {
  readonly keepAlive?: boolean
  readonly file?: number | null
}

export function watch(fd: number, events: number, { keepAlive = true, file = null }: WatchOptions = {}): Watch {
  let resolve = (): void => {}
  const ready = new Promise<void>(done => {
    resolve = done
  })
  let text: string | null = null
  const waiting = addWatch(fd, events, () => {
    removeWatch(waiting)
    text = file === null ? null : textIn(file)
    resolve()
  })
  if (!keepAlive) waiting.unref()
  return { ready, said: () => text, stop: () => removeWatch(waiting) }
}

function textIn(file: number): string | null {
  const bytes = new Uint8Array(TEXT_BYTES)
  const length = host.read(file, bytes, 0)
  return length < 0 ? null : host.decode(bytes.subarray(0, length), false)
}

/** Keeps the loop going until the returned function is called. */
export const holdEventLoop = (): (() => void) => addHold()
