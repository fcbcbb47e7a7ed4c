/** Time-outs of any length. */
import { monotonicMs } from './self.js'

/** Node fires at once if it is told to wait longer than this. */
const LONGEST_MS = 2 ** 31 - 1

export interface Timer {
  stop(): void
}

/** Calls `run` once after so many milliseconds; never after Infinity. Keeps the event loop alive until then. */
export function after(milliseconds: number, run: () => void): Timer {
  const due = monotonicMs() + milliseconds
  let timer: ReturnType<typeof setTimeout> | undefined
  const arm = (): void => {
    const left = due - monotonicMs()
    timer = left > LONGEST_MS ? setTimeout(arm, LONGEST_MS) : setTimeout(run, left)
  }
  if (milliseconds !== Number.POSITIVE_INFINITY) arm()
  return { stop: () => clearTimeout(timer) }
}

/** Resolves to true when `promise` has settled, to false if that takes longer. Rejects as `promise` does. */
export async function settlesWithin(promise: Promise<unknown>, milliseconds: number): Promise<boolean> {
  let timer: Timer | undefined
  const late = new Promise<false>(resolve => {
    timer = after(milliseconds, () => resolve(false))
  })
  try {
    return await Promise.race([promise.then(() => true), late])
  } finally {
    timer?.stop()
  }
}
