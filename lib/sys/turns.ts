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

/** So many are sorted, or merged, at a time. */
const FEW = 500

/** Another array with the same items, in the order of `isBefore`. */
export async function sortedInTurns<T>(items: readonly T[], isBefore: (one: T, other: T) => boolean): Promise<T[]> {
  let runs: T[][] = []
  for (let start = 0; start < items.length; start += FEW) {
    await giveWay()
    runs.push(
      items.slice(start, start + FEW).sort((one, other) => (isBefore(one, other) ? -1 : Number(isBefore(other, one)))),
    )
  }
  while (runs.length > 1) {
    const longer: T[][] = []
    for (let at = 0; at < runs.length; at += 2) longer.push(await merged(runs[at] ?? [], runs[at + 1] ?? [], isBefore))
    runs = longer
  }
  return runs[0] ?? []
}

async function merged<T>(left: readonly T[], right: readonly T[], isBefore: (one: T, other: T) => boolean) {
  const all: T[] = []
  for (let [i, j] = [0, 0]; i < left.length || j < right.length; ) {
    if (all.length % FEW === 0) await giveWay()
    const [one, other] = [left[i], right[j]]
    const isRight = one === undefined || (other !== undefined && isBefore(other, one))
    all.push((isRight ? other : one) as T)
    if (isRight) j++
    else i++
  }
  return all
}

function next(): void {
  const begin = waiting.shift()
  isScheduled = waiting.length > 0
  if (isScheduled) setImmediate(next)
  began = monotonicMs()
  begin?.()
}
