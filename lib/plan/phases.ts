import { OPS, type Op, type OpName, PHASES, type Phase } from './ops.js'

/**
 * The phase that an op runs in when the plan has come to phase `current`: an op that is legal in several belongs to the
 * earliest that is still open. Null if the op would make the plan go back.
 */
export function phaseOf(name: OpName, current: Phase): Phase | null {
  const phases: readonly Phase[] = OPS[name].phases
  return PHASES.slice(PHASES.indexOf(current)).find(phase => phases.includes(phase)) ?? null
}

/** The phase of each op of a good plan. */
export function phasesOf(ops: readonly Op[]): Phase[] {
  let current: Phase = 'SPAWN'
  return ops.map(({ op }) => {
    current = phaseOf(op, current) ?? current
    return current
  })
}
