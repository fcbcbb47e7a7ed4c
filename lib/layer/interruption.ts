/** Waits that an AbortSignal, or the end of the writer, cut short. */
export interface Interruption {
  /** One wait at a time. */
  race<T>(promise: Promise<T>): Promise<T>
  end(): void
}

/** (`Promise.race` with a promise that lives long keeps something for each wait.) */
export function interruption(signal: AbortSignal | undefined, failed: Promise<void>): Interruption {
  let interrupt: ((reason: unknown) => void) | null = null
  let reason: { readonly is: unknown } | null = null
  const stop = (why: unknown): void => {
    reason ??= { is: why }
    interrupt?.(reason.is)
  }
  const abort = (): void => stop(signal?.reason)
  signal?.addEventListener('abort', abort, { once: true })
  if (signal?.aborted === true) abort()
  failed.catch(stop)
  const race = <T>(promise: Promise<T>): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      promise.then(resolve, reject)
      if (reason === null) interrupt = reject
      else reject(reason.is)
    })
  return { race, end: () => signal?.removeEventListener('abort', abort) }
}
