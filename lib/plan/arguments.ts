import { allFlags, CLONE, MOUNT_ATTR, MOUNT_ATTR_ATIME, MS, NO_ID, S_IF, S_IFMT, SECCOMP_FILTER_FLAG } from './flags.js'
import { type Op, type OpArgs, type OpName, RESOLVE } from './ops.js'
import type { Plan } from './plan.js'

const LSM_FILES: readonly string[] = ['exec', 'apparmor/exec', 'keycreate']
const FILE_TYPES: readonly number[] = Object.values(S_IF)
const PROPAGATIONS: readonly number[] = [MS.SHARED, MS.SLAVE, MS.PRIVATE, MS.UNBINDABLE]
const ATTRIBUTES = BigInt(allFlags(MOUNT_ATTR))
const CLEARABLE = ATTRIBUTES | BigInt(MOUNT_ATTR_ATIME)
const ATTRIBUTE_ARGUMENTS = [
  ['set', ATTRIBUTES],
  ['recSet', ATTRIBUTES],
  ['attributes', ATTRIBUTES],
  ['clear', CLEARABLE],
  ['recClear', CLEARABLE],
] as const
const KNOWN_RESOLVE = allFlags(RESOLVE)
/** What mount_fs does and attach can't: the mount point tells what the new file system is to be like. */
const OF_NEW_MOUNTS = RESOLVE.COPY_UP | RESOLVE.COPY_MODE | RESOLVE.KEEP_MODE
const SECCOMP_FLAGS = allFlags(SECCOMP_FILTER_FLAG)

/** What is wrong with the values of an op's arguments, or null. That they are of the right kind has been checked. */
export function argumentsFault(op: Op, plan: Plan): string | null {
  const rule = RULES[op.op] as ((args: Op['args'], plan: Plan) => string | null) | undefined
  return pathFault(op) ?? idFault(op) ?? mountFault(op) ?? rule?.(op.args, plan) ?? null
}

/** All paths are absolute; the root itself is not a place for a mount or a file. */
function pathFault(op: Op): string | null {
  if (!('path' in op.args)) return null
  const { path } = op.args
  if (!path.startsWith('/')) return 'path is not absolute'
  const isRoot = path.split('/').every(part => part === '' || part === '.' || part === '..')
  const rootIsFine = op.op === 'chdir' || op.op === 'set_attributes'
  return isRoot && !rootIsFine ? 'path is the root' : null
}

/** 2^32-1 means "leave unchanged" to the kernel: it is nobody's id. */
function idFault({ args }: Op): string | null {
  if ('uid' in args && args.uid === NO_ID) return 'uid is not an id'
  if ('gid' in args && args.gid === NO_ID) return 'gid is not an id'
  return 'gids' in args && args.gids.includes(NO_ID) ? 'gids has an entry that is not an id' : null
}

function mountFault({ args }: Op): string | null {
  if ('propagation' in args && args.propagation !== 0 && !isPropagation(args.propagation))
    return 'propagation is unknown'
  if ('resolve' in args && (args.resolve & ~KNOWN_RESOLVE) !== 0) return 'resolve is unknown'
  for (const [name, known] of ATTRIBUTE_ARGUMENTS) {
    const value = (args as Readonly<Record<string, unknown>>)[name]
    if (typeof value === 'bigint' && (value & ~known) !== 0n) return `${name} has unknown attributes`
  }
  return null
}

function isPropagation(flags: number): boolean {
  return PROPAGATIONS.includes(flags & ~MS.REC)
}

function areNamespaces(flags: number): boolean {
  return flags !== 0 && (flags & ~allFlags(CLONE)) === 0
}

function copyFault({ source, recursive, resolve }: OpArgs<'attach_checked' | 'attach_inside'>): string | null {
  if (recursive > 1) return 'recursive is neither 0 nor 1'
  return (resolve & OF_NEW_MOUNTS) === 0 ? sourceFault(source) : 'resolve copies'
}

type Rules = { readonly [N in OpName]?: (args: OpArgs<N>, plan: Plan) => string | null }

/** What each op asks of its own arguments. */
const RULES: Rules = {
  unshare: ({ flags }) => (areNamespaces(flags) ? null : 'flags are not namespaces'),
  setns: ({ type }) => (areNamespaces(type) ? null : 'type is not of namespaces'),
  propagation: ({ flags }) => (isPropagation(flags) ? null : 'flags are not a propagation'),
  attach: ({ resolve }) => ((resolve & OF_NEW_MOUNTS) === 0 ? null : 'resolve copies'),
  root_checked: ({ source }) => sourceFault(source),
  attach_checked: args => copyFault(args),
  attach_inside: args => copyFault(args),
  mount_fs: ({ type, options }) => (type === '' ? 'type is empty' : optionsFault(options)),
  reconfigure: ({ options }) => (options.length === 0 ? 'options is empty' : optionsFault(options)),
  mkdir: ({ mode }) => (mode > 0o7777 ? 'mode has more than permission bits' : null),
  symlink: ({ target }) => (target === '' ? 'target is empty' : null),
  mknod: ({ mode }) => (FILE_TYPES.includes(mode & S_IFMT) ? null : 'mode is not that of a device or fifo'),
  sysctl: ({ key }) => (isPlain(key) ? null : 'key is not a path below /proc/sys'),
  console: ({ bind, rows, columns }) => (bind > 1 || rows > 0xffff || columns > 0xffff ? 'size is out of range' : null),
  // The kernel refuses names that begin with a dot.
  keyring: ({ name }) => (name === '' || name.startsWith('.') ? 'name is not that of a keyring' : null),
  umask: ({ mask }) => (mask > 0o777 ? 'mask has more than permission bits' : null),
  capabilities: sets => capabilitiesFault(sets),
  lsm_label: ({ file }) => (LSM_FILES.includes(file) ? null : 'file is unknown'),
  chdir: ({ optional }) => (optional > 1 ? 'optional is neither 0 nor 1' : null),
  resolve_exec: ({ candidates }) => (candidates.includes('') ? 'candidates has an empty path' : null),
  seccomp: ({ flags }) => ((flags & ~SECCOMP_FLAGS) === 0 ? null : 'flags are unknown'),
  close_from: ({ first }, { preserveFds }) => (first === 3 + preserveFds ? null : `first must be ${3 + preserveFds}`),
  execve: ({ args, env }) => {
    if (args.length === 0) return 'args is empty'
    return env.some(entry => entry.indexOf('=') < 1) ? 'env has an entry without a name or without "="' : null
  },
}

const sourceFault = (source: string): string | null => (source.startsWith('/') ? null : 'source is not absolute')

function optionsFault(options: readonly string[]): string | null {
  return options.some(option => option === '' || option.startsWith('=')) ? 'options has an empty key' : null
}

function isPlain(path: string): boolean {
  return path.split('/').every(part => part !== '' && part !== '.' && part !== '..')
}

/** The kernel's own rules. */
function capabilitiesFault({ effective, permitted, inheritable, ambient }: OpArgs<'capabilities'>): string | null {
  if ((effective & ~permitted) !== 0n) return 'effective is not within permitted'
  return (ambient & ~(permitted & inheritable)) === 0n ? null : 'ambient is not within permitted and inheritable'
}
