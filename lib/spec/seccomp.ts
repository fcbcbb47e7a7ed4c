/** What a filter can answer. */
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
export const SECCOMP_ACTIONS_WITH_ERRNO: readonly string[] = ['SCMP_ACT_ERRNO', 'SCMP_ACT_TRACE']

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
 * The flags for seccomp(2). Left out: TSYNC, since the process has one thread, and WAIT_KILLABLE_RECV where nobody listens
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
  /** null where the action carries none; EPERM is filled in where it does and the configuration is silent. */
  readonly defaultErrnoRet: number | null
  readonly architectures: readonly SeccompArchitecture[]
  readonly flags: readonly SeccompFlag[]
  readonly syscalls: readonly SeccompRule[]
  /** Who is sent the file descriptor of the notifications; null where no action is SCMP_ACT_NOTIFY. */
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
  /** All must hold; several on one index are separate alternatives only where libseccomp makes them so. */
  readonly args: readonly SeccompArg[]
  readonly origin: string
}

export interface SeccompArg {
  /** 0 to 5. */
  readonly index: number
  readonly value: bigint
  /** For SCMP_CMP_MASKED_EQ: `value` is the mask, this the datum; 0 where the configuration is silent. */
  readonly valueTwo: bigint
  readonly op: SeccompOperator
}
