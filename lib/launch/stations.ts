/** What a launch goes through, from the plan. */
import { CLONE, SECCOMP_FILTER_FLAG } from '../plan/flags.js'
import type { Op } from '../plan/ops.js'
import type { Plan } from '../plan/plan.js'
import type { Frame } from './report.js'

export type Barrier = 'map' | 'prepare' | 'created'

/** What the helper tells on its way, in the order of the plan. Whatever comes out of turn ends the launch. */
export type Station = 'cloned' | 'lives' | 'listener' | Barrier

/** Namespaces that a process enters only by being made: the helper makes another one for them. */
export const BY_CLONE = CLONE.NEWUSER | CLONE.NEWPID

export function stationsOf({ ops }: Plan, isBorn: boolean): Station[] {
  return [...(isBorn ? (['cloned', 'lives'] as const) : []), ...ops.flatMap(op => stationOfOp(op) ?? [])]
}

function stationOfOp(op: Op): Station | null {
  if (op.op === 'clone') return 'cloned'
  if (op.op === 'seccomp') return (op.args.flags & SECCOMP_FILTER_FLAG.NEW_LISTENER) === 0 ? null : 'listener'
  return op.op === 'map' || op.op === 'prepare' || op.op === 'created' ? op.op : null
}

export function stationOf(frame: Frame): string | null {
  if (frame.kind === 'barrier') return frame.op
  return frame.kind === 'cloned' || frame.kind === 'lives' || frame.kind === 'listener' ? frame.kind : null
}

const CLONE_INTO_CGROUP = 0x200000000n
/** WANTS_TIMELINE of native/init/timeline.h. */
const WANTS_TIMELINE = 0x400000000n

interface Asked {
  readonly cgroup: number | null
  readonly isTimed: boolean
}

/** What the helper is told: the namespaces, that there is a cgroup to go into, and that it is to tell when its steps are done. */
export function flagsFor(cloneFlags: number, { cgroup, isTimed }: Asked): string {
  return String(BigInt(cloneFlags >>> 0) | (cgroup === null ? 0n : CLONE_INTO_CGROUP) | (isTimed ? WANTS_TIMELINE : 0n))
}
