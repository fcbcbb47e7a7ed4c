/** An AbortSignal as a promise, for races with what it cancels. */
export interface Abort {
  /** Rejects with the signal's reason; never, if there is no signal. It need not be looked at. */
  readonly promise: Promise<never>
  /** The signal is not listened to any more. */
  stop(): void
}

export function abortOf(signal: AbortSignal | undefined): Abort {
  let abort = (): void => {}
  const promise = new Promise<never>((_, reject) => {
    abort = () => reject(signal?.reason)
  })
  promise.catch(() => {})
  if (signal?.aborted) abort()
  else signal?.addEventListener('abort', abort, { once: true })
  return { promise, stop: () => signal?.removeEventListener('abort', abort) }
}
