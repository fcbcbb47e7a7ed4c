/** What names resolve to, within bounds: as long as it may take, and so many at once. */
import { abortOf } from '../sys/abort.js'
import { after } from '../sys/timer.js'
import type { Lookup } from './outside.js'

/** Room for what one container has looked up: a lookup that does not end keeps its place. */
export interface LookupPlaces {
  /** @throws the reason of `signal` */
  enter(signal: AbortSignal): Promise<void>
  leave(): void
}

export function lookupPlaces(most: number): LookupPlaces {
  const waiting: (() => void)[] = []
  let free = most
  const leave = (): void => {
    const next = waiting.shift()
    if (next === undefined) free += 1
    else next()
  }
  const enter = async (signal: AbortSignal): Promise<void> => {
    if (free > 0) {
      free -= 1
      return
    }
    const aborted = abortOf(signal)
    let begin = (): void => {}
    const turn = new Promise<void>(resolve => {
      begin = resolve
    })
    waiting.push(begin)
    try {
      await Promise.race([turn, aborted.promise])
    } catch (reason) {
      const place = waiting.indexOf(begin)
      // It has come to be its turn meanwhile.
      if (place < 0) leave()
      else waiting.splice(place, 1)
      throw reason
    } finally {
      aborted.stop()
    }
  }
  return { enter, leave }
}

/** null: it is not known in time. @throws what the lookup throws; the reason of `signal` */
export type LookUp = (name: string, from: LookupFrom) => Promise<readonly string[] | null>

export interface LookupFrom {
  readonly places: LookupPlaces
  readonly signal: AbortSignal
}

interface Running {
  readonly answer: Promise<readonly string[]>
  readonly abort: AbortController
  askers: number
}

/** Asks once for all who want to know the same at the same time, and gives up when none of them waits any more. */
export function sharedLookups(lookup: Lookup, timeoutMs: number): LookUp {
  const running = new Map<string, Running>()
  const begin = (name: string, places: LookupPlaces): Running => {
    const abort = new AbortController()
    const answer = (async () => lookup(name, { signal: abort.signal }))()
    const one = { answer, abort, askers: 0 }
    const forget = (): void => {
      places.leave()
      if (running.get(name) === one) running.delete(name)
    }
    answer.then(forget, forget)
    running.set(name, one)
    return one
  }
  // Counted in the same turn in which it is found: else the last of those before could end it just then.
  const join = (one: Running): Running => {
    one.askers += 1
    return one
  }
  const joinOrBegin = async (name: string, { places, signal }: LookupFrom): Promise<Running> => {
    const known = running.get(name)
    if (known !== undefined) return join(known)
    await places.enter(signal)
    const begun = running.get(name)
    if (begun === undefined) return join(begin(name, places))
    places.leave()
    return join(begun)
  }
  const share = async (name: string, from: LookupFrom): Promise<readonly string[]> => {
    const one = await joinOrBegin(name, from)
    const aborted = abortOf(from.signal)
    try {
      return await Promise.race([one.answer, aborted.promise])
    } finally {
      aborted.stop()
      one.askers -= 1
      if (one.askers === 0 && running.get(name) === one) {
        // Who comes now is not to get the end of this one.
        running.delete(name)
        one.abort.abort()
      }
    }
  }
  return (name, from) => inTime(timeoutMs, from.signal, signal => share(name, { ...from, signal }))
}

/** null: it was not done in time, or whatever became of it then. */
async function inTime<T>(ms: number, signal: AbortSignal, act: (signal: AbortSignal) => Promise<T>): Promise<T | null> {
  const limit = new AbortController()
  const late = Symbol('late')
  const timer = after(ms, () => limit.abort(late))
  const aborted = abortOf(signal)
  aborted.promise.catch(reason => limit.abort(reason))
  try {
    return await act(limit.signal)
  } catch (error) {
    if (limit.signal.reason === late) return null
    throw error
  } finally {
    timer.stop()
    aborted.stop()
  }
}
