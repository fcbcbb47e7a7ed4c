/** Attempts and the pauses between them. */
import { RegistryError } from '../../errors.js'
import { abortOf } from '../../sys/abort.js'
import { after } from '../../sys/timer.js'
import { Transient } from './wire.js'

const MOST_ATTEMPTS = 5
const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 10_000
/** A registry that wants a longer pause is told to the caller. */
const LONGEST_WAIT_MS = 60_000

interface Attempts {
  readonly registry: string
  readonly signal?: AbortSignal | undefined
  /** Counts the attempts from one again if this is another number than before: something has come. */
  readonly progress?: () => number
}

/**
 * Calls `act` until it does not throw `Transient`, five times at most, or five times since something came.
 * @throws {RegistryError} ERR_REGISTRY_UNREACHABLE or ERR_REGISTRY_RESPONSE after the last one; what else `act` throws
 */
export async function withRetries<T>(
  { registry, signal, progress = () => 0 }: Attempts,
  act: () => Promise<T>,
): Promise<T> {
  let reached = progress()
  for (let attempt = 1; ; attempt++) {
    try {
      return await act()
    } catch (error) {
      if (!(error instanceof Transient)) throw error
      if (progress() !== reached) attempt = 1
      reached = progress()
      const waitMs = error.waitMs ?? pauseAfter(attempt)
      if (attempt >= MOST_ATTEMPTS || waitMs > LONGEST_WAIT_MS) throw gaveUp(registry, attempt, error)
      await restFor(waitMs, signal)
    }
  }
}

/** Up to twice as long each time, and not for all of those that failed together at the same moment. */
const pauseAfter = (attempt: number): number =>
  Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2)

function gaveUp(registry: string, attempts: number, error: Transient): RegistryError {
  const { status, waitMs } = error
  const code = status === null ? 'ERR_REGISTRY_UNREACHABLE' : 'ERR_REGISTRY_RESPONSE'
  const count = attempts === 1 ? 'one attempt' : `${attempts} attempts`
  const later =
    waitMs !== null && waitMs > LONGEST_WAIT_MS ? `, and wants a pause of ${Math.ceil(waitMs / 1000)} s` : ''
  const fields = { registry, ...(status !== null && { status }) }
  return new RegistryError(code, `${error.message} (after ${count}${later})`, fields, { cause: error.cause })
}

export async function restFor(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  const abort = abortOf(signal)
  let stop = (): void => {}
  const over = new Promise<void>(resolve => {
    const timer = after(milliseconds, resolve)
    stop = () => timer.stop()
  })
  try {
    await Promise.race([over, abort.promise])
  } finally {
    stop()
    abort.stop()
  }
}

/** Retry-After (RFC 9110, 10.2.3) in milliseconds; null if it says nothing. */
export function readRetryAfter(text: string | null): number | null {
  if (text === null) return null
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000
  const date = Date.parse(text)
  return Number.isNaN(date) ? null : Math.max(0, date - Date.now())
}
