/**
 * The turns of the event loop that this thread's work takes: one piece of it in each, so that whatever else the program does comes in
 * between, however many containers are being made.
 */
import { monotonicMs } from './self.js'

/** When the work of a turn has lasted so long, what is to come waits for another one. */
const LONG_MS = 1

const waiting: (() => void)[] = []
let isScheduled = false
/** When the last turn began. */
let began = Number.NEGATIVE_INFINITY

/** Calls `begin` in a turn of its own, in the order of the calls. (All that it resolves runs before anything else does.) */
export function inTurn(begin: () => void): void {
  waiting.push(begin)
  if (!isScheduled) setImmediate(next)
  isScheduled = true
}

/** To be called between two steps of something that takes longer: resolves at once if this turn is young and nobody waits for one. */
export async function giveWay(): Promise<void> {
  if (waiting.length > 0 || monotonicMs() - began > LONG_MS) await new Promise<void>(inTurn)
}

function next(): void {
  const begin = waiting.shift()
  isScheduled = waiting.length > 0
  if (isScheduled) setImmediate(next)
  began = monotonicMs()
  begin?.()
}
