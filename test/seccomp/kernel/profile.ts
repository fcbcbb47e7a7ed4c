/** Profiles for tests: short to write, normalised as lib/spec does it. */
import { readFileSync } from 'node:fs'
import type { Seccomp, SeccompArg, SeccompRule } from '../../../lib/config/seccomp.js'
import { normaliseSeccomp } from '../../../lib/config/seccomp.js'

const EPERM = 1
const withErrno = (action: string): boolean => action === 'SCMP_ACT_ERRNO' || action === 'SCMP_ACT_TRACE'

export const profile = (fields: Partial<Seccomp> = {}): Seccomp => {
  const defaultAction = fields.defaultAction ?? 'SCMP_ACT_ALLOW'
  const defaultErrnoRet = withErrno(defaultAction) ? EPERM : null
  return { defaultErrnoRet, architectures: [], flags: [], listener: null, syscalls: [], ...fields, defaultAction }
}

export type ShortRule = Pick<SeccompRule, 'names' | 'action'> & Partial<SeccompRule>

export const rules = (...list: ShortRule[]): SeccompRule[] =>
  list.map((rule, index) => ({
    errnoRet: withErrno(rule.action) ? EPERM : null,
    args: [],
    origin: `/linux/seccomp/syscalls/${index}`,
    ...rule,
  }))

export const arg = (index: number, op: SeccompArg['op'], value: bigint, valueTwo = 0n): SeccompArg => ({
  index,
  op,
  value,
  valueTwo,
})

/** The allow-list of spec-fixtures/seccomp: 344 names, three architectures, conditions on some. */
export function allowList(): Seccomp {
  const file = new URL('../../../spec-fixtures/seccomp/allow-list.json', import.meta.url)
  return normaliseSeccomp(JSON.parse(readFileSync(file, 'utf8')), () => {})
}
