/** How many processes are being launched at the same time, and that the event loop gets its turn in between. */
import { ConfigError } from '../errors.js'
import { processors } from '../sys/self.js'
import { after } from '../sys/timer.js'
import { inTurn } from '../sys/turns.js'

export interface Queue {
  /**
   * Resolves when it is the caller's turn, in the order of the calls, each in a turn of the event loop of its own. The function that
   * is returned lets the next one in; it may be called more than once, and is called after a second in any case: a program on a file
   * system that does not answer, or in a paused container, must not keep all others waiting.
   * @throws the reason of `signal`
   */
  enter(signal?: AbortSignal): Promise<() => void>
}

/** How long one may keep its place. */
const LONGEST_MS = 1000

/** More than the machine can do at once only makes each of them slower. */
export const defaultConcurrency = (): number => Math.max(4, 2 * processors())

/** @throws {ConfigError} for what is no whole number above 0 */
export function createQueue(concurrency: number): Queue {
  if (!Number.isSafeInteger(concurrency) || concurrency < 1) throw refused(concurrency)
  const waiting: (() => void)[] = []
  let free = concurrency
  const admit = (): void => {
    for (; free > 0 && waiting.length > 0; free--) {
      const begin = waiting.shift()
      if (begin !== undefined) inTurn(begin)
    }
  }
  const leave = (): (() => void) => {
    let isIn = true
    const end = (): void => {
      limit.stop()
      if (isIn) free++
      isIn = false
      admit()
    }
    const limit = after(LONGEST_MS, end)
    return end
  }
  const enter = async (signal?: AbortSignal): Promise<() => void> => {
    signal?.throwIfAborted()
    await new Promise<void>((resolve, reject) => {
      const abort = (): void => {
        const place = waiting.indexOf(begin)
        // It is in already: whoever works there looks at the signal.
        if (place < 0) return
        waiting.splice(place, 1)
        reject(signal?.reason)
      }
      const begin = (): void => {
        signal?.removeEventListener('abort', abort)
        resolve()
      }
      signal?.addEventListener('abort', abort, { once: true })
      waiting.push(begin)
      admit()
    })
    return leave()
  }
  return { enter }
}

function refused(received: unknown): ConfigError {
  const text = String(received)
  const expected = 'a whole number above 0'
  const message = `concurrency must be ${expected}, received ${text}`
  return new ConfigError('ERR_CONFIG_INVALID', [
    { path: '', rule: 'tsrun#concurrency', expected, received: text, message },
  ])
}
