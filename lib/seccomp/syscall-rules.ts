/** The actions and rules of a profile in the words of libseccomp. */

import type { Seccomp, SeccompAction, SeccompArg, SeccompOperator } from '../config/seccomp.js'
import { ConfigError, type ConfigIssue } from '../errors.js'
import {
  COMPARISON,
  type Condition,
  type FilterRule,
  nativeArchitecture,
  syscallNumbers,
  UNKNOWN_SYSCALL,
} from '../sys/libseccomp.js'
import { trace } from '../sys/trace.js'

const log = trace('seccomp')

export const POINTER = '/linux/seccomp'

/** The error for one thing that is wrong with a profile. */
export function profileError(
  code: 'ERR_CONFIG_INVALID' | 'ERR_CONFIG_UNSUPPORTED',
  issue: Omit<ConfigIssue, 'rule'>,
  cause?: unknown,
): ConfigError {
  return new ConfigError(code, [{ ...issue, rule: 'config-linux.md#seccomp' }], { cause })
}

/** The actions' SECCOMP_RET_* bits. SCMP_ACT_KILL is the old name of KILL_THREAD. */
export const ACTIONS = {
  SCMP_ACT_KILL: 0x00000000,
  SCMP_ACT_KILL_THREAD: 0x00000000,
  SCMP_ACT_KILL_PROCESS: 0x80000000,
  SCMP_ACT_TRAP: 0x00030000,
  SCMP_ACT_ERRNO: 0x00050000,
  SCMP_ACT_NOTIFY: 0x7fc00000,
  SCMP_ACT_TRACE: 0x7ff00000,
  SCMP_ACT_LOG: 0x7ffc0000,
  SCMP_ACT_ALLOW: 0x7fff0000,
} as const

/** The action with its data: the errno, or what a tracer is told. */
function actionCode(action: SeccompAction, data: number | null): number {
  return ACTIONS[action] + (data ?? 0)
}

/** SECCOMP_RET_* with its data, for what no rule matches. */
export function defaultCode({ defaultAction, defaultErrnoRet }: Seccomp): number {
  return actionCode(defaultAction, defaultErrnoRet)
}

/** A rule for libseccomp, and where it comes from. */
export interface NamedRule extends FilterRule {
  readonly name: string
  readonly origin: string
}

/**
 * The rules in the order of the profile. Left out: those with the default action, which change nothing and which
 * libseccomp refuses; and system calls that it does not know, as the specification leaves a runtime free to do.
 */
export function rulesOf(seccomp: Seccomp): readonly NamedRule[] {
  const byDefault = defaultCode(seccomp)
  const numbers = numbersOf(seccomp.syscalls.flatMap(({ names }) => names))
  return seccomp.syscalls.flatMap(rule => {
    const action = actionCode(rule.action, rule.errnoRet)
    if (action === byDefault) return []
    const alternatives = alternativesOf(rule.args)
    return rule.names.flatMap(name => {
      const syscall = numbers.get(name)
      const known = syscall === undefined ? [] : alternatives.map(conditions => ({ action, syscall, conditions }))
      return known.map(fields => ({ ...fields, name, origin: rule.origin }))
    })
  })
}

/**
 * Where one rule of a system call has no conditions, libseccomp lets it decide alone, the first of several, and drops the
 * others without a word. We say so, since the dropped one may be what somebody relied upon.
 */
export function traceDropped(rules: readonly NamedRule[]): void {
  const deciding = new Map<number, NamedRule>()
  for (const rule of rules) {
    if (rule.conditions.length === 0 && !deciding.has(rule.syscall)) deciding.set(rule.syscall, rule)
  }
  for (const { name, syscall, origin, action } of rules) {
    const decides = deciding.get(syscall)
    if (decides === undefined || decides.action === action) continue
    log('%s has no effect on %s: %s decides about it without conditions', origin, name, decides.origin)
  }
}

/** The numbers of the system calls that libseccomp knows. */
function numbersOf(names: readonly string[]): ReadonlyMap<string, number> {
  const distinct = [...new Set(names)]
  const numbers = syscallNumbers(nativeArchitecture(), distinct)
  const known = new Map([...numbers].map((number, index) => [distinct[index] ?? '', number]))
  const unknown = distinct.filter(name => known.get(name) === UNKNOWN_SYSCALL)
  if (unknown.length > 0) log('unknown to libseccomp and left out: %s', unknown.join(' '))
  for (const name of unknown) known.delete(name)
  return known
}

const COMPARISONS: Readonly<Record<SeccompOperator, number>> = {
  SCMP_CMP_NE: COMPARISON.NE,
  SCMP_CMP_LT: COMPARISON.LT,
  SCMP_CMP_LE: COMPARISON.LE,
  SCMP_CMP_EQ: COMPARISON.EQ,
  SCMP_CMP_GE: COMPARISON.GE,
  SCMP_CMP_GT: COMPARISON.GT,
  SCMP_CMP_MASKED_EQ: COMPARISON.MASKED_EQ,
}

/**
 * All conditions together, which must all hold. But if an argument is compared twice, each condition is an
 * alternative of its own: profiles are written for that, and libseccomp has no other way to take them.
 */
function alternativesOf(args: readonly SeccompArg[]): readonly (readonly Condition[])[] {
  const conditions = args.map(({ index, op, value, valueTwo }) => ({
    argument: index,
    comparison: COMPARISONS[op],
    a: value,
    b: valueTwo,
  }))
  const distinct = new Set(args.map(({ index }) => index))
  return distinct.size < args.length ? conditions.map(condition => [condition]) : [conditions]
}

/** Why libseccomp refused the rule. */
export function ruleRefusal({ name, origin }: NamedRule, errno: string): ConfigError {
  const why =
    errno === 'EEXIST' ? 'an earlier rule has the same arguments and another action' : `libseccomp says ${errno}`
  const message = `the rule for ${name} can't be added: ${why}`
  return profileError('ERR_CONFIG_INVALID', {
    path: origin,
    message,
    received: name,
    expected: 'a rule libseccomp can add',
  })
}
