/** How many containers are being made at the same time, and that the event loop gets its turn in between. */
import { ConfigError } from '../errors.js'
import { nextTurn, processors } from '../sys/self.js'

export interface Queue {
  /**
   * Resolves when it is the caller's turn, in the order of the calls, each in a turn of the event loop of its own. The function that
   * is returned lets the next one in; it may be called more than once.
   * @throws the reason of `signal`
   */
  enter(signal?: AbortSignal): Promise<() => void>
}

/** More than the machine can do at once only makes each of them slower. */
export const defaultConcurrency = (): number => Math.max(4, 2 * processors())

/** @throws {ConfigError} for what is no whole number above 0 */
export function createQueue(concurrency: number): Queue {
  if (!Number.isSafeInteger(concurrency) || concurrency < 1) throw refused(concurrency)
  const waiting: (() => void)[] = []
  let free = concurrency
  let isAwake = false
  const admit = async (): Promise<void> => {
    if (isAwake) return
    isAwake = true
    for (; free > 0 && waiting.length > 0; await nextTurn()) {
      free--
      waiting.shift()?.()
    }
    isAwake = false
  }
  const leave = (): (() => void) => {
    let isIn = true
    return () => {
      if (isIn) free++
      isIn = false
      void admit()
    }
  }
  const enter = async (signal?: AbortSignal): Promise<() => void> => {
    signal?.throwIfAborted()
    await new Promise<void>((resolve, reject) => {
      const abort = (): void => {
        waiting.splice(waiting.indexOf(begin), 1)
        reject(signal?.reason)
      }
      const begin = (): void => {
        signal?.removeEventListener('abort', abort)
        resolve()
      }
      signal?.addEventListener('abort', abort, { once: true })
      waiting.push(begin)
      void admit()
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
