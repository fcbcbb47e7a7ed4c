import type { Seccomp, SeccompArg, SeccompRule } from '../config/seccomp.js'

/** Names of system calls, with the values of all their arguments as far as they are known beforehand. */
export type KnownCalls = Readonly<Record<string, readonly bigint[] | null>>

/** Whether a filter lets all of the calls through. False also if that is not sure. */
export function allowsAll(filter: Pick<Seccomp, 'defaultAction' | 'syscalls'>, calls: KnownCalls): boolean {
  return Object.entries(calls).every(([name, values]) => {
    const rules = filter.syscalls.filter(({ names }) => names.includes(name))
    const verdicts = rules.map(rule => ({ passes: isPassing(rule), matches: matches(rule, values) }))
    if (verdicts.some(({ passes, matches }) => !passes && matches !== false)) return false
    return isPassing({ action: filter.defaultAction }) || verdicts.some(({ matches }) => matches === true)
  })
}

const isPassing = ({ action }: Pick<SeccompRule, 'action'>): boolean =>
  action === 'SCMP_ACT_ALLOW' || action === 'SCMP_ACT_LOG'

/** null: it depends on what is not known. */
function matches({ args }: SeccompRule, values: readonly bigint[] | null): boolean | null {
  if (args.length === 0) return true
  return values === null ? null : args.every(arg => holds(arg, values[arg.index] ?? 0n))
}

function holds({ op, value, valueTwo }: SeccompArg, given: bigint): boolean {
  switch (op) {
    case 'SCMP_CMP_NE':
      return given !== value
    case 'SCMP_CMP_LT':
      return given < value
    case 'SCMP_CMP_LE':
      return given <= value
    case 'SCMP_CMP_EQ':
      return given === value
    case 'SCMP_CMP_GE':
      return given >= value
    case 'SCMP_CMP_GT':
      return given > value
    case 'SCMP_CMP_MASKED_EQ':
      return (given & value) === valueTwo
  }
}
