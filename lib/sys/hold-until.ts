import { holdEventLoop } from './watch.js'

/** Keeps the event loop alive until the promise has settled, whose value it passes on. */
export async function holdUntil<T>(promise: Promise<T>): Promise<T> {
  const release = holdEventLoop()
  try {
    return await promise
  } finally {
    release()
  }
}
