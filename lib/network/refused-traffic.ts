/** What programs in a container have tried to reach where nobody listens: the kernel has refused it, and we tell of it. */
import { closeFd } from '../sys/beneath.js'
import { nextRefusal, type RefusedTraffic } from '../sys/refusals.js'
import { READABLE, type Watch, watch } from '../sys/watch.js'

export interface Refusals {
  /** Tells what there is until now. */
  hear(): void
  close(): void
}

/** A program may be refused as often as it likes: so many are told at a time, and then there is a rest. */
const MOST_AT_ONCE = 256
const REST_MS = 10

/** Takes over a socket that hears of them. */
export function tellRefusals(fd: number, tell: (refusal: RefusedTraffic) => void): Refusals {
  let isOpen = true
  let waiting: Watch | null = null
  let resting: NodeJS.Timeout | null = null
  const hear = (): void => {
    // Who is told may close it.
    for (let left = MOST_AT_ONCE; left > 0 && isOpen; left--) {
      const refusal = nextRefusal(fd)
      if (refusal === null) return
      tell(refusal)
    }
  }
  const wait = (): void => {
    waiting = watch(fd, READABLE, { keepAlive: false })
    void waiting.ready.then(() => {
      if (!isOpen) return
      resting = setTimeout(wait, REST_MS)
      resting.unref()
      hear()
    })
  }
  const close = (): void => {
    hear()
    if (!isOpen) return
    isOpen = false
    waiting?.stop()
    if (resting !== null) clearTimeout(resting)
    closeFd(fd)
  }
  wait()
  return { hear, close }
}
