/**
 * In place of lib/sys/watch.ts and witness.ts: the loop here polls whatever descriptor there is. A file is read when the loop
 * comes to it, by no thread. What each function does is said there.
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
  stop(): void
}

interface WatchOptions {
  readonly keepAlive?: boolean
}

export function watch(fd: number, events: number, { keepAlive = true }: WatchOptions = {}): Watch {
  const { waiting, value, stop } = once(fd, events, () => {})
  if (!keepAlive) waiting.unref()
  return { ready: value, stop }
}

/** `value`: what `look` returns when the descriptor is ready. */
function once<T>(fd: number, events: number, look: () => T) {
  let resolve = (_value: T): void => {}
  const value = new Promise<T>(done => {
    resolve = done
  })
  const waiting = addWatch(fd, events, () => {
    removeWatch(waiting)
    resolve(look())
  })
  return { waiting, value, stop: () => removeWatch(waiting) }
}

export interface Witness {
  readonly said: Promise<string | null>
  stop(): void
}

interface WitnessOptions {
  readonly fd: number
  readonly events: number
  readonly file: number
}

export function witness({ fd, events, file }: WitnessOptions): Witness {
  const { waiting, value, stop } = once(fd, events, () => textIn(file))
  waiting.unref()
  return { said: value, stop }
}

function textIn(file: number): string | null {
  const bytes = new Uint8Array(TEXT_BYTES)
  const length = host.read(file, bytes, 0)
  return length < 0 ? null : host.decode(bytes.subarray(0, length), false)
}

/** Keeps the loop going until the returned function is called. */
export const holdEventLoop = (): (() => void) => addHold()
