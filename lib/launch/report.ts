/** What the helper reports, and the errors that become of it. */
import { Decoder } from 'cbor-x'
import { A_COPY } from '../compile/index.js'
import { LaunchError, PlanError, SafetyError, SystemError } from '../errors.js'
import { OP_NAMES, OPS, type OpName } from '../plan/ops.js'
import type { Plan } from '../plan/plan.js'
import { errnoMessage, errnoName } from '../sys/errno.js'
import { NO_THREAD } from '../sys/job.js'

export type Frame =
  | { readonly kind: 'barrier'; readonly op: string; readonly code: number }
  | { readonly kind: 'cloned'; readonly pid: number }
  | {
      readonly kind: 'failed'
      readonly index: number
      readonly syscall: string
      readonly errno: string
      readonly detail: string
    }
  | { readonly kind: 'unsafe'; readonly index: number; readonly violation: number; readonly detail: string }
  /** The next op makes this descriptor, which the filter's notifications come from. */
  | { readonly kind: 'listener'; readonly fd: number }
  | { readonly kind: 'refused'; readonly index: number; readonly detail: string }
  /** What was cloned at the beginning has come to life, or died before its first instruction: another one follows. */
  | { readonly kind: 'lives' }
  | { readonly kind: 'stillborn' }
  /** When the helper had done its steps, in nanoseconds, from the one with the number `first` on. */
  | { readonly kind: 'times'; readonly first: number; readonly times: readonly number[] }
  /** It could not become the helper, or not where it should be; also sent by native/sys/spawn.c. */
  | { readonly kind: 'unborn'; readonly syscall: string; readonly errno: string }

const decoder = new Decoder({ useRecords: false })

/** @throws {PlanError} for anything that the helper would not send */
export function decodeFrame(bytes: Uint8Array): Frame {
  const parts = partsOf(bytes)
  const [kind, first, second, third, fourth] = parts
  const number = (value: unknown): number => (typeof value === 'number' ? value : -1)
  const text = (value: unknown): string => (typeof value === 'string' ? value : '')
  switch (kind) {
    case 0:
      return { kind: 'barrier', op: OP_NAMES[number(first)] ?? '', code: number(first) }
    case 1:
      return { kind: 'cloned', pid: number(first) }
    case 2:
      return {
        kind: 'failed',
        index: number(first),
        syscall: text(second),
        errno: errnoName(number(third)),
        detail: text(fourth),
      }
    case 3:
      return { kind: 'unsafe', index: number(first), violation: number(second), detail: text(third) }
    case 4:
      return { kind: 'refused', index: number(first), detail: text(second) }
    case 5:
      return { kind: 'listener', fd: number(first) }
    case 6:
      return { kind: 'unborn', syscall: BIRTH[number(first)] ?? '', errno: errnoName(number(second)) }
    case 7:
      return { kind: 'stillborn' }
    case 8:
      return { kind: 'lives' }
    case 9:
      return { kind: 'times', first: number(first), times: parts.slice(2).map(Number) }
    default:
      throw new PlanError(`the helper sent a frame of unknown kind ${String(kind)}`, { op: '' })
  }
}

function partsOf(bytes: Uint8Array): readonly unknown[] {
  let parts: unknown
  try {
    parts = decoder.decode(bytes)
  } catch {
    parts = null
  }
  if (Array.isArray(parts)) return parts
  throw new PlanError('the helper sent what is no frame', { op: '' })
}

/** What can fail before there is a plan: `enum birth` of native/init/report.h. */
const BIRTH = ['execveat', 'sched_setaffinity', 'unshare', 'clone3', 'cgroup.procs', 'socketpair']

/** Of a mount point that a link in the image leads away from; the first words are those that runc's users know. */
const AT_MOUNT_POINT = 'must be mounted on ordinary directory, with no link on the way to it'
const MOUNTING: readonly string[] = ['mount_fs', 'attach', 'attach_checked', 'attach_inside']

const VIOLATIONS = {
  1: { code: 'ERR_SAFETY_PATH', what: 'a path of the container is not what it must be' },
  2: { code: 'ERR_SAFETY_PROCFS', what: 'a proc file system must be there, and nothing may cover a part of one' },
  3: { code: 'ERR_SAFETY_CWD', what: 'the current directory is outside of the container' },
  4: { code: 'ERR_SAFETY_PATH', what: 'the host has something else there by now than what was opened' },
} as const

/** As much of an op as the words of an error need. */
export interface Step {
  readonly op: string
  readonly origin: string
}

/** What a report's index is looked up in: the plan's ops from `first` on, and the program that it runs. */
export interface Steps {
  readonly first: number
  readonly ops: readonly Step[]
  readonly program: string
}

export function stepsOf({ ops }: Plan, first = 0): Steps {
  const last = ops.at(-1)
  const program = last?.op === 'execve' ? last.args.args[0] : undefined
  return { first, ops: ops.slice(first).map(({ op, origin }) => ({ op, origin })), program: program ?? '' }
}

/** The error for a frame that reports one. */
export function reportedError(steps: Steps, frame: Frame): Error {
  if (frame.kind === 'unborn') return birthError(frame)
  if (!('index' in frame)) return unexpected(frame)
  const step = steps.ops[frame.index - steps.first]
  if (step === undefined || frame.kind === 'refused') return refused(step, frame)
  return frame.kind === 'unsafe' ? unsafe(step, frame) : failed(steps.program, step, frame)
}

/**
 * The helper could not be started, or not in a cgroup and namespaces of its own: `syscall` is one of BIRTH. What is not about
 * those is for the caller to name.
 */
export function birthError({ syscall, errno }: { syscall: string; errno: string }): LaunchError | SystemError {
  if (syscall === 'cgroup.procs') return cgroupError(errno)
  if (syscall !== 'clone3' && syscall !== 'unshare') return new SystemError({ syscall, errno })
  // The limit of processes, and memory, are nothing that a namespace has to do with.
  const configPath = syscall === 'clone3' && ['EAGAIN', 'ENOMEM'].includes(errno) ? '' : '/linux/namespaces'
  const prefix = configPath === '' ? '' : `${configPath}: `
  const hint = NAMESPACE_HINTS[errno]
  const message = `${prefix}${syscall}: ${errno}: ${errnoMessage(errno)}${hint === undefined ? '' : ` (${hint})`}`
  const fields = { configPath, op: 'unshare', phase: 'SPAWN', syscall, errno, signal: null }
  return new LaunchError('ERR_LAUNCH_OP', message, fields)
}

function cgroupError(errno: string): LaunchError {
  const configPath = '/linux/cgroupsPath'
  const message = `${configPath}: write "cgroup.procs": ${errno}: ${errnoMessage(errno)}`
  const fields = { configPath, op: 'cgroup_join', phase: 'SPAWN', syscall: 'write', errno, signal: null }
  return new LaunchError('ERR_LAUNCH_OP', message, fields)
}

const NAMESPACE_HINTS: Readonly<Record<string, string>> = {
  ENOSPC: 'the limit of namespaces is reached: see /proc/sys/user/max_*_namespaces',
  EUSERS: 'user namespaces are nested too deep, or too many',
  EPERM: 'this user, or a security module, may not make these namespaces',
  EAGAIN: 'the limit of processes is reached: see pids.max of the cgroups that it would be in, and RLIMIT_NPROC',
}

const unexpected = ({ kind }: Frame): PlanError =>
  new PlanError(`the helper sent an unexpected frame: ${kind}`, { op: '' })

function refused(op: Step | undefined, frame: { index: number; detail: string }): PlanError {
  const detail = frame.detail === '' ? '' : `: ${frame.detail}`
  const name = op?.op ?? `op ${frame.index}`
  return new PlanError(`the helper refused the plan at ${name}${detail}`, { op: op?.op ?? '' })
}

const phaseOf = (op: string): string => OPS[op as OpName]?.phases[0] ?? ''

function fieldsOf(op: Step, { syscall = '', errno = '' } = {}) {
  return { configPath: op.origin, op: op.op, phase: phaseOf(op.op), syscall, errno, signal: null }
}

function unsafe(op: Step, { violation, detail }: Extract<Frame, { kind: 'unsafe' }>): SafetyError {
  const { code, what } = VIOLATIONS[violation as keyof typeof VIOLATIONS] ?? VIOLATIONS[1]
  const told = what === VIOLATIONS[1].what && MOUNTING.includes(op.op) ? AT_MOUNT_POINT : what
  return new SafetyError(code, `${prefix(op)}${told}${detail === '' ? '' : `: ${detail}`}`, fieldsOf(op))
}

const prefix = ({ origin, op }: Step): string => `${origin === '' ? op : origin}: `

function failed(program: string, op: Step, frame: Extract<Frame, { kind: 'failed' }>): LaunchError {
  const { syscall, errno, detail } = frame
  const fields = fieldsOf(op, frame)
  if (op.op === 'resolve_exec' || op.op === 'execve') {
    return new LaunchError(
      'ERR_LAUNCH_EXEC',
      `${prefix(op)}${op.op === 'execve' && errno === 'ENOENT' ? noInterpreter(program) : execMessage(program, errno)}`,
      fields,
    )
  }
  const subject = detail === '' ? '' : ` ${JSON.stringify(detail)}`
  const message = `${prefix(op)}${syscall}${subject}: ${errno}: ${errnoMessage(errno)}${hintFor(op.op, frame)}`
  return new LaunchError('ERR_LAUNCH_OP', message, fields)
}

const LOCKED =
  'the kernel has locked what the mount of the source has: in a user namespace its ro, nosuid, nodev, noexec and access times stay as they are'

const ANOTHER_PLACE = `name a directory on another one (rootfs.upper.dir, --upper), or ${A_COPY}`
const NO_ATTRIBUTES = `its file system has no user extended attributes, which a layered root of a user without root needs: ${ANOTHER_PLACE}`
const NO_UPPER = `the file system of its upper directory may be one that overlay can't write to, such as another overlay: ${ANOTHER_PLACE}`
const NO_OVERLAY = `this kernel has no overlay: load its module, or ${A_COPY}`

/** If the errno says too little: what the kernel refuses to privileges that are those of a user namespace only. */
const HINTS: Readonly<Record<string, string>> = {
  'attach_checked open_tree EINVAL': 'in a user namespace the mounts below it can not be left out: use rbind',
  'root_layered fsetxattr EOPNOTSUPP': NO_ATTRIBUTES,
  'root_in_memory fsetxattr EOPNOTSUPP': NO_ATTRIBUTES,
  'root fsconfig EINVAL': NO_UPPER,
  'root_layered fsconfig EINVAL': NO_UPPER,
  'root fsconfig ENODEV': NO_OVERLAY,
  'root_layered fsopen ENODEV': NO_OVERLAY,
  'root_in_memory fsopen ENODEV': NO_OVERLAY,
  'attach mount_setattr EPERM': LOCKED,
  'attach_inside mount_setattr EPERM': LOCKED,
  'attach_checked mount_setattr EPERM': LOCKED,
  'landlock_beneath openat2 ELOOP': 'a link leads there: name the place that it leads to',
  'landlock_beneath landlock_add_rule ENOMSG': 'it is a file, of which there is nothing to be allowed by these words',
  'mount_fs fsmount EPERM': "in a user namespace the host's own must be there in full: nothing may cover a part of it",
}

/** What is to be said of a failure beyond the words of its errno: in brackets, or nothing. */
export function hintFor(op: string, { syscall, errno }: { readonly syscall: string; readonly errno: string }): string {
  const isThread = syscall === 'pthread_create' && errno === 'EAGAIN'
  const hint = isThread ? NO_THREAD : HINTS[`${op} ${syscall} ${errno}`]
  return hint === undefined ? '' : ` (${hint})`
}

/** The file itself had been found before. The first words are those that runc ends with. */
const noInterpreter = (program: string): string =>
  `exec ${program}: no such file or directory: the file is there, but not the interpreter or loader that it names`

/** Engines match these words to choose between exit codes 126 and 127. */
function execMessage(program: string, errno: string): string {
  const quoted = `exec: ${JSON.stringify(program)}`
  if (errno === 'ENOENT' && !program.includes('/')) return `${quoted}: executable file not found in $PATH`
  // What execve says of a directory is EACCES, and older engines only know the words for that.
  if (errno === 'EISDIR') return `${quoted}: is a directory (EISDIR): permission denied`
  return `${quoted}: ${errnoMessage(errno)} (${errno})`
}

/** The helper is gone without a word. `at`: the last barrier that it reached. */
export function diedError({
  exitCode,
  signal,
  at,
}: {
  exitCode: number | null
  signal: string | null
  at: string
}): LaunchError {
  const how = signal === null ? `exited with status ${exitCode}` : `was killed by ${signal}`
  const fields = { configPath: '', op: at, phase: '', syscall: '', errno: '', signal }
  return new LaunchError(
    'ERR_LAUNCH_DIED',
    `the container's first process ${how} ${at === '' ? 'before it could report' : `after ${at}`}`,
    fields,
  )
}
