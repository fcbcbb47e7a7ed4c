import type { HostFacts } from '../host/facts.js'
import type { Op, OpArgs, OpName } from '../plan/ops.js'
import { makeOp, type Plan, type Slot } from '../plan/plan.js'
import type { Config } from '../spec/config.js'
import type { Options } from './options.js'

/** A plan in the making: ops and slots are only ever added at the end. */
export interface Draft {
  op<N extends OpName>(name: N, args: OpArgs<N>, origin?: string): void
  /** The number of the new slot. */
  slot(slot: Slot): number
  warn(message: string): void
  /** The plan of all that was added. */
  plan(header: { cloneFlags: number; preserveFds: number }): Plan
  readonly warnings: readonly string[]
}

/** What every part of the compiler works from and adds to. */
export interface Work {
  readonly config: Config
  readonly facts: HostFacts
  readonly options: Options
  readonly draft: Draft
}

export function newDraft(): Draft {
  const ops: Op[] = []
  const slots: Slot[] = []
  const warnings: string[] = []
  return {
    op: (name, args, origin = '') => void ops.push(makeOp(name, args, origin)),
    slot: slot => slots.push(slot) - 1,
    warn: message => void warnings.push(message),
    plan: header => ({ ...header, ops, slots }),
    warnings,
  }
}
