import { NO_ID } from './flags.js'
import { OP_ARGS, type Op, type OpArgs, type OpName } from './ops.js'
import type { Plan } from './plan.js'
import {
  FILE_TYPE_BITS,
  FILE_TYPES,
  FORMS,
  type Form,
  LSM_FILES,
  NAMESPACES,
  PROPAGATION_DEPTH,
  PROPAGATIONS,
  type ValueRule,
  valueRule,
} from './values.js'

/** What is wrong with the values of an op's arguments, or null. That they are of the right kind has been checked. */
export function argumentsFault(op: Op, plan: Plan): string | null {
  const values = op.args as Readonly<Record<string, unknown>>
  for (const [name] of OP_ARGS.get(op.op) ?? []) {
    const fault = valueFault(valueRule(op.op, name), values[name])
    if (fault !== null) return `${name} ${fault}`
  }
  const together = TOGETHER[op.op] as ((args: Op['args'], plan: Plan) => string | null) | undefined
  return together?.(op.args, plan) ?? null
}

function valueFault(rule: ValueRule, value: unknown): string | null {
  const entries = Array.isArray(value) ? value : [value]
  if (rule.filled === true && entries.length === 0) return FORMS.filled
  return entries.every(entry => hasForm(rule, entry)) ? null : FORMS[rule.form]
}

function hasForm({ form, limit = 0n }: ValueRule, value: unknown): boolean {
  if (typeof value === 'string') return OF_TEXTS[form]?.(value) ?? true
  if (form === 'mask') return (BigInt(value as number | bigint) & ~limit) === 0n
  if (form === 'most') return BigInt(value as number | bigint) <= limit
  return OF_NUMBERS[form]?.(Number(value)) ?? true
}

const isPropagation = (flags: number): boolean => PROPAGATIONS.includes(flags & ~PROPAGATION_DEPTH)

const OF_NUMBERS: { readonly [F in Form]?: (value: number) => boolean } = {
  id: value => value !== NO_ID,
  propagation: isPropagation,
  propagation_or_none: value => value === 0 || isPropagation(value),
  namespaces: value => value !== 0 && (BigInt(value) & ~BigInt(NAMESPACES)) === 0n,
  node_type: value => FILE_TYPES.includes(value & FILE_TYPE_BITS),
}

const isLocal = (part: string): boolean => part === '' || part === '.' || part === '..'

const OF_TEXTS: { readonly [F in Form]?: (value: string) => boolean } = {
  path: value => value.startsWith('/') && !value.split('/').every(isLocal),
  path_or_root: value => value.startsWith('/'),
  filled: value => value !== '',
  option: value => value !== '' && !value.startsWith('='),
  variable: value => value.indexOf('=') > 0,
  key: value => !value.split('/').some(isLocal),
  keyring: value => value !== '' && !value.startsWith('.'),
  lsm_file: value => LSM_FILES.includes(value),
}

type Rules = { readonly [N in OpName]?: (args: OpArgs<N>, plan: Plan) => string | null }

/** What arguments must be to each other, or to the plan: in C these are in native/init/verify.c. */
const TOGETHER: Rules = {
  capabilities: sets => capabilitiesFault(sets),
  close_from: ({ first }, { preserveFds }) => (first === 3 + preserveFds ? null : `first must be ${3 + preserveFds}`),
}

/** The kernel's own rules. */
function capabilitiesFault({ effective, permitted, inheritable, ambient }: OpArgs<'capabilities'>): string | null {
  if ((effective & ~permitted) !== 0n) return 'effective is not within permitted'
  return (ambient & ~(permitted & inheritable)) === 0n ? null : 'ambient is not within permitted and inheritable'
}
