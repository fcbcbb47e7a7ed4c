/** Timers, and waiting for descriptors. C calls `next` and what it returns, and runs the jobs of promises in between. */
import { host } from './host.js'

const CLOCK_MONOTONIC = 1
const POLL_ENTRY_BYTES = 8

const now = (): number => {
  const [seconds, nanoseconds] = host.clock(CLOCK_MONOTONIC)
  return seconds * 1000 + nanoseconds / 1e6
}

/** Something that the loop waits for. */
abstract class Waiting {
  #isHeld = true
  ref(): this {
    this.#isHeld = true
    return this
  }
  unref(): this {
    this.#isHeld = false
    return this
  }
  hasRef(): boolean {
    return this.#isHeld
  }
}

export class LoopTimer extends Waiting {
  readonly due: number
  readonly run: () => void

  constructor(due: number, run: () => void) {
    super()
    this.due = due
    this.run = run
  }
}

/** Waits for events (of poll(2)) on a descriptor until it is removed. */
export class LoopWatch extends Waiting {
  readonly fd: number
  readonly events: number
  readonly run: () => void

  constructor(fd: number, events: number, run: () => void) {
    super()
    this.fd = fd
    this.events = events
    this.run = run
  }
}

const timers = new Set<LoopTimer>()
const watches = new Set<LoopWatch>()
let immediates: (() => void)[] = []
/** What is to be called before anything else is looked at; what has been taken back in the meantime is skipped. */
const ready: { readonly run: () => void; readonly isWanted: () => boolean }[] = []

export function addTimer(milliseconds: number, run: () => void): LoopTimer {
  const timer = new LoopTimer(now() + Math.max(1, milliseconds), run)
  timers.add(timer)
  return timer
}

export const removeTimer = (timer: LoopTimer | undefined | null): void => void (timer && timers.delete(timer))

export function addWatch(fd: number, events: number, run: () => void): LoopWatch {
  const added = new LoopWatch(fd, events, run)
  watches.add(added)
  return added
}

export const removeWatch = (watch: LoopWatch | null): void => void (watch && watches.delete(watch))
export const addImmediate = (run: () => void): void => void immediates.push(run)

/** The loop goes on until the returned function is called, also if nothing is waited for. */
export function addHold(): () => void {
  const hold = new LoopTimer(Number.POSITIVE_INFINITY, () => {})
  timers.add(hold)
  return () => void timers.delete(hold)
}

const rejections = new Map<object, unknown>()

/** From then on a rejection that nobody handles is thrown out of `next`. */
export function hearRejections(): void {
  host.rejected = (promise, reason, isHandled) => {
    if (isHandled) rejections.delete(promise)
    else rejections.set(promise, reason)
  }
}

/** What is to be called next; null: nothing is waited for any more. @throws what a promise was rejected with that nobody looks at */
export function next(): (() => void) | null {
  for (const reason of rejections.values()) throw reason
  for (;;) {
    for (let first = ready.shift(); first !== undefined; first = ready.shift()) if (first.isWanted()) return first.run
    if (immediates.length === 0 && ![...timers, ...watches].some(waiting => waiting.hasRef())) return null
    turn()
  }
}

/** One turn: timers that are due, what descriptors have, and what was to come after that. */
function turn(): void {
  const due = takeDue()
  for (const timer of due) {
    ready.push({
      run: () => {
        timers.delete(timer)
        timer.run()
      },
      isWanted: () => timers.has(timer),
    })
  }
  poll(due.length > 0 || immediates.length > 0 ? 0 : untilNext())
  for (const run of immediates) ready.push({ run, isWanted: () => true })
  immediates = []
}

function takeDue(): readonly LoopTimer[] {
  if (timers.size === 0) return []
  const time = now()
  return [...timers].filter(({ due }) => due <= time).sort((a, b) => a.due - b.due)
}

/** Milliseconds until the next timer; -1: there is none. */
function untilNext(): number {
  const first = Math.min(...Array.from(timers, ({ due }) => due))
  return first === Number.POSITIVE_INFINITY ? -1 : Math.max(0, first - now())
}

function poll(milliseconds: number): void {
  const waiting = [...watches]
  if (waiting.length === 0 && milliseconds === 0) return
  const entries = new Int32Array((waiting.length * POLL_ENTRY_BYTES) / 4)
  waiting.forEach(({ fd, events }, index) => {
    entries[2 * index] = fd
    entries[2 * index + 1] = events
  })
  const count = host.poll(new Uint8Array(entries.buffer), milliseconds)
  if (count < 0) throw new Error(`poll: errno ${-count}`)
  if (count === 0) return
  waiting.forEach((watch, index) => {
    const happened = (entries[2 * index + 1] ?? 0) >>> 16
    if (happened !== 0) ready.push({ run: watch.run, isWanted: () => watches.has(watch) })
  })
}
