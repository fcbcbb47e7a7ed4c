/** Where the time of a launch goes: what the runtime and the helper do, by the one clock that both read. */
import { CLONE } from '../plan/flags.js'
import { phasesOf } from '../plan/phases.js'
import type { Plan } from '../plan/plan.js'
import { monotonicMs } from '../sys/self.js'

/** A step of a launch. */
export interface TimelineEntry {
  /** Of the helper that of an op of the plan; else in words. */
  readonly name: string
  /** Who does it: this process, the helper, or nobody: this process waits for the helper. */
  readonly who: 'host' | 'helper' | 'waiting'
  /** Of an op: SPAWN, MOUNT, PIVOT, INSIDE, IDENTITY or EXEC; "" of all else. */
  readonly phase: string
  /** The field of the configuration that an op is from, as a JSON pointer; "" if there is none. */
  readonly origin: string
  /** Microseconds since the call. */
  readonly startUs: number
  readonly durationUs: number
}

/** Notes what a launch does. */
export interface LaunchClock {
  /** What this process has done since the last note. */
  did(name: string): void
  /** What it has waited for since then. */
  waitedFor(name: string): void
  /** The helper is started now. */
  starts(): void
  /** When the helper had done its steps, in nanoseconds, from the one with the number `first` on. */
  told(first: number, times: readonly number[]): void
  entries(plan: Plan): readonly TimelineEntry[]
}

/** What the helper does before it has its plan: birth.c and main.c of native/init note them in this order. */
const STEPS = ['start of the helper', 'namespaces', 'wait for the plan', 'check of the plan']

const micros = (milliseconds: number): number => Math.round(milliseconds * 10_000) / 10

/** Begins now. */
export function startClock(): LaunchClock {
  const began = monotonicMs()
  const own: TimelineEntry[] = []
  const times: number[] = []
  let last = began
  let helperBegan = began
  const note = (who: TimelineEntry['who'], name: string): void => {
    const now = monotonicMs()
    const span = { startUs: micros(last - began), durationUs: micros(now - last) }
    own.push({ name, who, phase: '', origin: '', ...span })
    last = now
  }
  return {
    did: name => note('host', name),
    waitedFor: name => note('waiting', name),
    starts: () => {
      helperBegan = monotonicMs()
    },
    told: (first, told) => {
      for (const [index, time] of told.entries()) times[first + index] = time / 1e6
    },
    entries: plan => [...own, ...stepsDone({ plan, began, helperBegan, times })].sort(byStart),
  }
}

const byStart = (one: TimelineEntry, other: TimelineEntry): number => one.startUs - other.startUs

interface Helped {
  readonly plan: Plan
  readonly began: number
  readonly helperBegan: number
  readonly times: readonly number[]
}

function stepsDone({ plan, began, helperBegan, times }: Helped): TimelineEntry[] {
  const phases = phasesOf(plan.ops)
  const other = entersOtherTime(plan)
  let before = helperBegan
  let shift = 0
  return times.slice(0, STEPS.length + plan.ops.length).map((time, step) => {
    const index = step - STEPS.length
    const op = plan.ops[index]
    // In a time namespace the clock has another zero: the step that enters it counts as none.
    if (index >= 0 && index === other) shift = before - time
    const at = time + shift
    const span = { startUs: micros(before - began), durationUs: micros(Math.max(at - before, 0)) }
    before = at
    return {
      name: op?.op ?? STEPS[step] ?? '',
      who: 'helper',
      phase: phases[index] ?? '',
      origin: op?.origin ?? '',
      ...span,
    }
  })
}

/** The index of the op that enters a time namespace; -1: none does. What is made is entered by the next process. */
function entersOtherTime({ ops }: Plan): number {
  const made = ops.findIndex(op => op.op === 'unshare' && (op.args.flags & CLONE.NEWTIME) !== 0)
  if (made >= 0) return ops.findIndex(({ op }, index) => index > made && op === 'clone')
  return ops.findIndex(op => op.op === 'setns' && (op.args.type & CLONE.NEWTIME) !== 0)
}
