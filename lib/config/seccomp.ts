/** What a filter can answer. */
import type { Report, Rule, Warn } from './issues.js'
import { pointer } from './json.js'
import type { OciSeccomp, OciSyscallRule } from './oci-config.js'
import * as s from './shape.js'

export const SECCOMP_ACTIONS = [
  'SCMP_ACT_KILL',
  'SCMP_ACT_KILL_PROCESS',
  'SCMP_ACT_KILL_THREAD',
  'SCMP_ACT_TRAP',
  'SCMP_ACT_ERRNO',
  'SCMP_ACT_TRACE',
  'SCMP_ACT_ALLOW',
  'SCMP_ACT_LOG',
  'SCMP_ACT_NOTIFY',
] as const
export type SeccompAction = (typeof SECCOMP_ACTIONS)[number]

/** The actions that carry a number: the errno, or what a tracer is told. */
const SECCOMP_ACTIONS_WITH_ERRNO: readonly string[] = ['SCMP_ACT_ERRNO', 'SCMP_ACT_TRACE']

export const SECCOMP_OPERATORS = [
  'SCMP_CMP_NE',
  'SCMP_CMP_LT',
  'SCMP_CMP_LE',
  'SCMP_CMP_EQ',
  'SCMP_CMP_GE',
  'SCMP_CMP_GT',
  'SCMP_CMP_MASKED_EQ',
] as const
export type SeccompOperator = (typeof SECCOMP_OPERATORS)[number]

/** The filter flags of the specification and their SECCOMP_FILTER_FLAG_* bits (linux/seccomp.h). */
export const SECCOMP_FLAGS = {
  SECCOMP_FILTER_FLAG_TSYNC: 1,
  SECCOMP_FILTER_FLAG_LOG: 2,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW: 4,
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: 32,
} as const
export type SeccompFlag = keyof typeof SECCOMP_FLAGS

/** Without threads it does nothing, and with a listener the kernel refuses it. */
const { SECCOMP_FILTER_FLAG_TSYNC, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV } = SECCOMP_FLAGS

/** SECCOMP_FILTER_FLAG_NEW_LISTENER: follows from an action SCMP_ACT_NOTIFY. */
export const NEW_LISTENER = 8

/**
 * The flags for seccomp(2). Left out: TSYNC, since the process has one thread, and WAIT_KILLABLE_RECV if nobody listens
 * for notifications, which the kernel refuses.
 */
export function filterFlags({ flags, listener }: Pick<Seccomp, 'flags' | 'listener'>): number {
  const given = flags.reduce((mask, flag) => mask | SECCOMP_FLAGS[flag], 0) & ~SECCOMP_FILTER_FLAG_TSYNC
  return listener === null ? given & ~SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV : given | NEW_LISTENER
}

export const SECCOMP_ARCHITECTURES = [
  'SCMP_ARCH_X86',
  'SCMP_ARCH_X86_64',
  'SCMP_ARCH_X32',
  'SCMP_ARCH_ARM',
  'SCMP_ARCH_AARCH64',
  'SCMP_ARCH_LOONGARCH64',
  'SCMP_ARCH_M68K',
  'SCMP_ARCH_MIPS',
  'SCMP_ARCH_MIPS64',
  'SCMP_ARCH_MIPS64N32',
  'SCMP_ARCH_MIPSEL',
  'SCMP_ARCH_MIPSEL64',
  'SCMP_ARCH_MIPSEL64N32',
  'SCMP_ARCH_PPC',
  'SCMP_ARCH_PPC64',
  'SCMP_ARCH_PPC64LE',
  'SCMP_ARCH_S390',
  'SCMP_ARCH_S390X',
  'SCMP_ARCH_SH',
  'SCMP_ARCH_SHEB',
  'SCMP_ARCH_PARISC',
  'SCMP_ARCH_PARISC64',
  'SCMP_ARCH_RISCV64',
] as const
export type SeccompArchitecture = (typeof SECCOMP_ARCHITECTURES)[number]

/** `linux.seccomp`, normalised. */
export interface Seccomp {
  readonly defaultAction: SeccompAction
  /** null if the action carries none; EPERM is filled in if it does and the configuration is silent. */
  readonly defaultErrnoRet: number | null
  readonly architectures: readonly SeccompArchitecture[]
  readonly flags: readonly SeccompFlag[]
  readonly syscalls: readonly SeccompRule[]
  /** The agent that is sent the file descriptor of the notifications; null if no action is SCMP_ACT_NOTIFY. */
  readonly listener: SeccompListener | null
}

export interface SeccompListener {
  /** Absolute path of an AF_UNIX stream socket. */
  readonly path: string
  /** Passed on as it is. */
  readonly metadata: string | null
}

export interface SeccompRule {
  readonly names: readonly string[]
  readonly action: SeccompAction
  /** As `defaultErrnoRet`. */
  readonly errnoRet: number | null
  /** All must hold; several on one index are separate alternatives only if libseccomp makes them so. */
  readonly args: readonly SeccompArg[]
  readonly origin: string
}

export interface SeccompArg {
  /** 0 to 5. */
  readonly index: number
  readonly value: bigint
  /** For SCMP_CMP_MASKED_EQ: `value` is the mask, this the datum; 0 if the configuration is silent. */
  readonly valueTwo: bigint
  readonly op: SeccompOperator
}

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
