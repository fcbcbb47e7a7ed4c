import { pointer } from '../json.js'
import type { OciSeccomp, OciSyscallRule } from '../oci-config.js'
import type { Report, Rule, Warn } from '../rule.js'
import {
  SECCOMP_ACTIONS,
  SECCOMP_ACTIONS_WITH_ERRNO,
  SECCOMP_ARCHITECTURES,
  SECCOMP_FLAGS,
  SECCOMP_OPERATORS,
  type Seccomp,
  type SeccompAction,
  type SeccompRule,
} from '../seccomp.js'
import * as s from '../shape.js'

const EPERM = 1
/** libseccomp would cut larger ones silently, or says EINVAL: 16 bits go to a tracer, and an errno is below 4095. */
const MOST_DATA = { SCMP_ACT_ERRNO: 4094, SCMP_ACT_TRACE: 65535 } as Readonly<Record<string, number>>

const BASE = '/linux/seccomp'

export const seccompShape = s.object({
  defaultAction: s.oneOf(SECCOMP_ACTIONS),
  defaultErrnoRet: s.optional(s.uint32),
  architectures: s.optional(s.list(s.oneOf(SECCOMP_ARCHITECTURES))),
  flags: s.optional(s.list(s.oneOf(Object.keys(SECCOMP_FLAGS) as (keyof typeof SECCOMP_FLAGS)[]))),
  listenerPath: s.optional(s.absolutePath),
  listenerMetadata: s.optional(s.text),
  syscalls: s.optional(
    s.list(
      s.object({
        names: s.list(s.filled),
        action: s.oneOf(SECCOMP_ACTIONS),
        errnoRet: s.optional(s.uint32),
        args: s.optional(
          s.list(
            s.object({
              index: s.integer(0, 5),
              value: s.uint64,
              valueTwo: s.optional(s.uint64),
              op: s.oneOf(SECCOMP_OPERATORS),
            }),
          ),
        ),
      }),
    ),
  ),
})

export const seccompRules: readonly Rule[] = [
  {
    reads: [`${BASE}/defaultAction`, `${BASE}/defaultErrnoRet`],
    check({ linux = {} }, { report }) {
      const { defaultAction = '', defaultErrnoRet } = linux.seccomp ?? {}
      checkErrno({ action: defaultAction, errno: defaultErrnoRet, path: `${BASE}/defaultErrnoRet` }, report)
    },
  },
  {
    reads: [`${BASE}/listenerPath`, `${BASE}/listenerMetadata`],
    check({ linux = {} }, { report }) {
      const { listenerPath, listenerMetadata } = linux.seccomp ?? {}
      if (listenerMetadata === undefined || listenerPath !== undefined) return
      report({ path: `${BASE}/listenerMetadata`, expected: 'absent without listenerPath', received: listenerMetadata })
    },
  },
  {
    reads: [`${BASE}/listenerPath`, `${BASE}/defaultAction`],
    check({ linux = {} }, { each, report }) {
      const rules = each<OciSyscallRule>(`${BASE}/syscalls`).map(([rule]) => rule)
      const { defaultAction, listenerPath } = linux.seccomp ?? {}
      if (!listens(defaultAction, rules) || listenerPath !== undefined) return
      const expected = `the path of a socket, as there is an action ${NOTIFY}`
      report({ path: `${BASE}/listenerPath`, expected, received: undefined })
    },
  },
  {
    reads: [],
    check(_config, { each, report }) {
      for (const [{ names, action, errnoRet }, path] of each<OciSyscallRule>(`${BASE}/syscalls`)) {
        if (names.length === 0) report({ path: `${path}/names`, expected: 'at least one name', received: names })
        checkErrno({ action, errno: errnoRet, path: `${path}/errnoRet` }, report)
      }
    },
  },
]

const NOTIFY = 'SCMP_ACT_NOTIFY'

const listens = (defaultAction: string | undefined, rules: readonly Pick<OciSyscallRule, 'action'>[]): boolean =>
  defaultAction === NOTIFY || rules.some(({ action }) => action === NOTIFY)

interface GivenErrno {
  readonly action: string
  readonly errno: number | bigint | undefined
  readonly path: string
}

function checkErrno({ action, errno, path }: GivenErrno, report: Report): void {
  const most = MOST_DATA[action]
  if (errno === undefined) return
  if (most === undefined) report({ path, expected: `absent with ${action}, which carries no errno`, received: errno })
  else if (errno > most) report({ path, expected: `an integer from 0 to ${most} with ${action}`, received: errno })
}

export function normaliseSeccomp(seccomp: OciSeccomp, warn: Warn): Seccomp {
  const { defaultAction, defaultErrnoRet, architectures = [], flags = [], syscalls = [] } = seccomp
  const hasListener = listens(defaultAction, syscalls)
  const { listenerPath, listenerMetadata = null } = seccomp
  if (listenerPath !== undefined && !hasListener) warn(`${BASE}/listenerPath`, `ignored, as no action is ${NOTIFY}`)
  return {
    defaultAction: defaultAction as SeccompAction,
    defaultErrnoRet: errnoOf(defaultAction, defaultErrnoRet),
    architectures: architectures as Seccomp['architectures'],
    flags: flags as Seccomp['flags'],
    listener: hasListener && listenerPath !== undefined ? { path: listenerPath, metadata: listenerMetadata } : null,
    syscalls: syscalls.map((rule, index) => normaliseRule(rule, pointer(BASE, 'syscalls', index))),
  }
}

function normaliseRule(rule: OciSyscallRule, origin: string): SeccompRule {
  const { names, action, errnoRet, args = [] } = rule
  return {
    names,
    action: action as SeccompAction,
    errnoRet: errnoOf(action, errnoRet),
    args: args.map(({ index, value, valueTwo = 0, op }) => ({
      index: Number(index),
      value: BigInt(value),
      valueTwo: BigInt(valueTwo),
      op: op as SeccompRule['args'][number]['op'],
    })),
    origin,
  }
}

function errnoOf(action: string, errno: number | bigint | undefined): number | null {
  return SECCOMP_ACTIONS_WITH_ERRNO.includes(action) ? Number(errno ?? EPERM) : null
}
