import { UsageError } from './arguments.js'
import { Interrupted } from './signals.js'

/** Runs `act`; an error says which command failed, as the callers of other runtimes know it. */
export async function failing<T>(command: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (cause) {
    if (cause instanceof UsageError || cause instanceof Interrupted || !(cause instanceof Error)) throw cause
    throw new Error(`tsrun ${command} failed: ${cause.message}`, { cause })
  }
}
