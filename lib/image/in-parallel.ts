/** Several things at once, of which none goes on after one has failed. */
import { abortOf } from '../sys/abort.js'

interface Together {
  /** How many at once. */
  readonly limit: number
  readonly signal: AbortSignal | undefined
}

/** Resolves when all are done. The first failure, or the caller's signal, aborts the others, which have ended when it rejects. */
export async function inParallel<T>(
  items: readonly T[],
  { limit, signal }: Together,
  act: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const controller = new AbortController()
  const abort = abortOf(signal)
  abort.promise.catch(reason => controller.abort(reason))
  const left = [...items]
  const work = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) {
      controller.signal.throwIfAborted()
      await act(item, controller.signal)
    }
  }
  const failures: unknown[] = []
  const worker = async (): Promise<void> => {
    try {
      await work()
    } catch (error) {
      failures.push(error)
      controller.abort(error)
    }
  }
  try {
    await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker))
  } finally {
    abort.stop()
  }
  signal?.throwIfAborted()
  if (failures.length > 0) throw failures[0]
}
