/** What is waited for: the end of what a process writes, which is later than its own if others hold its pipes; or an abort. */
import { readDuration } from '../config/option.js'
import type { Readable } from '../streams.js'
import { abortOf } from '../sys/abort.js'
import { holdUntil } from '../sys/hold-until.js'
import { unreadBytes } from '../sys/stream.js'
import { settlesWithin } from '../sys/timer.js'

/** As `promise`, unless the signal is aborted first: its reason is thrown then, and nobody hears of `promise` any more. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  promise.catch(() => {})
  signal.throwIfAborted()
  const aborted = abortOf(signal)
  try {
    return await Promise.race([promise, aborted.promise])
  } finally {
    aborted.stop()
  }
}

export interface WaitOptions {
  /**
   * Milliseconds that processes are waited for which still hold a pipe of the one that has ended. What that one has written itself is
   * read in any case. Infinity: until they have ended. Default 1000.
   */
  readonly drain?: number
  /** Gives up waiting, and throws the signal's reason. The process goes on. */
  readonly signal?: AbortSignal | undefined
}

const DEFAULT_DRAIN = 1000

/** @throws {ConfigError} naming the option */
export const readDrain = (value: number | undefined): number =>
  readDuration({ option: 'drain', value, otherwise: DEFAULT_DRAIN, zero: true })

/** Resolves as `exited`, once the output has been read too. Keeps the event loop alive. */
export function whenDrained<T>(exited: Promise<T>, outputs: Outputs, options: WaitOptions): Promise<T> {
  const limit = readDrain(options.drain)
  const drained = exited.then(async result => {
    await outputDrained(outputs, limit)
    return result
  })
  return holdUntil(unlessAborted(drained, options.signal))
}

/** The same without a limit. */
export async function whenClosed<T>(exited: Promise<T>, outputs: Outputs): Promise<T> {
  const result = await exited
  await outputClosed(outputs)
  return result
}

/** Streams of a process that this one may read; null: there is none. */
type Outputs = readonly (Readable | null)[]

const READING = ['data', 'readable'] as const

/** Nobody loses what nobody reads: it stays in the pipe, and its end is not waited for. */
function isRead(stream: Readable): boolean {
  return stream.readableFlowing === true || READING.some(event => stream.listenerCount(event) > 0)
}

const openOf = (outputs: Outputs): Readable[] =>
  outputs.filter(stream => stream !== null).filter(stream => !stream.closed && isRead(stream))

const closes = (stream: Readable): Promise<void> =>
  new Promise(resolve => {
    if (stream.closed) resolve()
    else stream.once('close', resolve)
  })

/**
 * To be called when the process has ended: resolves when all of its output that is being read has been read to the end. That is
 * when the last process that holds a pipe has closed it.
 */
async function outputClosed(outputs: Outputs): Promise<void> {
  await Promise.all(openOf(outputs).map(closes))
}

/**
 * The same, but processes that go on holding a pipe are waited for no longer than `limit` milliseconds. What the process itself has
 * written is read in any case, as long as the reader goes on.
 */
export async function outputDrained(outputs: Outputs, limit: number): Promise<void> {
  await Promise.all(openOf(outputs).map(stream => drained(stream, limit)))
}

async function drained(stream: Readable, limit: number): Promise<void> {
  // What is in the pipe now is all that the process itself can have left there.
  const written = bytesRead(stream) + unreadBytes(stream)
  const delivered = (): number => bytesRead(stream) - stream.readableLength
  const closed = closes(stream)
  if (await settlesWithin(closed, limit)) return
  for (let before = -1, now = delivered(); now < written && now > before; now = delivered()) {
    before = now
    if (await settlesWithin(closed, STALLED_MS)) return
  }
}

/** A reader that takes nothing for so long has stopped reading. */
const STALLED_MS = 1000

const bytesRead = (stream: Readable): number => (stream as Readable & { readonly bytesRead: number }).bytesRead
