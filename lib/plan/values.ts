/**
 * What the arguments of ops must be beyond their kind, as a table: `arguments.ts` checks a plan by it, and the helper by
 * `native/init/rules.h`, which is made from it.
 */
import {
  allFlags,
  CLONE,
  LANDLOCK_FS,
  LANDLOCK_NET,
  LANDLOCK_SCOPE,
  MOUNT_ATTR,
  MOUNT_ATTR_ATIME,
  MS,
  S_IF,
  S_IFMT,
  SECCOMP_FILTER_FLAG,
  SOCKET_KINDS,
} from './flags.js'
import { type OpArgs, type OpName, RESOLVE } from './ops.js'

/** Each form with what is said of a value that does not have it. */
export const FORMS = {
  any: 'is not a value',
  /** No bits but those of `limit`. */
  mask: 'has unknown bits',
  /** At most `limit`. */
  most: 'is out of range',
  /** 2^32-1 means "leave unchanged" to the kernel: it is nobody's id. */
  id: 'is not an id',
  /** The root itself is not a place for a mount or a file. */
  path: 'is not an absolute path below the root',
  path_or_root: 'is not an absolute path',
  propagation: 'is not a propagation',
  propagation_or_none: 'is not a propagation',
  namespaces: 'is not a set of namespaces',
  node_type: 'is not the mode of a device or fifo',
  filled: 'is empty',
  /** `key` or `key=value`. */
  option: 'is an option without a key',
  /** `name=value`. */
  variable: 'is a variable without a name or without "="',
  /** Below /proc/sys, or below a directory that the op names. */
  key: 'is not a relative path of plain names',
  /** The kernel refuses names that begin with a dot. */
  keyring: 'is not the name of a keyring',
  lsm_file: 'is not a file of /proc/self/attr',
} as const
export type Form = keyof typeof FORMS

/** In a list it is each entry that has the form. */
export interface ValueRule {
  readonly form: Form
  /** Of the forms `mask` and `most`. */
  readonly limit?: bigint
  /** A list has at least one entry. */
  readonly filled?: boolean
}

const mask = (limit: number): ValueRule => ({ form: 'mask', limit: BigInt(limit) })
const most = (limit: number): ValueRule => ({ form: 'most', limit: BigInt(limit) })

const ATTRIBUTES = allFlags(MOUNT_ATTR)
const CLEARABLE = ATTRIBUTES | MOUNT_ATTR_ATIME
const ALL_RESOLVE = allFlags(RESOLVE)
/** What mount_fs does and attach can't: the mount point tells what the new file system is to be like. */
const OF_NEW_MOUNTS = RESOLVE.COPY_UP | RESOLVE.COPY_MODE | RESOLVE.KEEP_MODE
const resolveOfCopies = mask(ALL_RESOLVE & ~OF_NEW_MOUNTS)

export const LSM_FILES: readonly string[] = ['exec', 'apparmor/exec', 'keycreate']
export const FILE_TYPES: readonly number[] = Object.values(S_IF)
export const FILE_TYPE_BITS = S_IFMT
export const PROPAGATIONS: readonly number[] = [MS.SHARED, MS.SLAVE, MS.PRIVATE, MS.UNBINDABLE]
export const PROPAGATION_DEPTH = MS.REC
export const NAMESPACES = allFlags(CLONE)

/** Of arguments that mean the same wherever they are. */
const BY_NAME: Readonly<Record<string, ValueRule>> = {
  path: { form: 'path' },
  uid: { form: 'id' },
  gid: { form: 'id' },
  gids: { form: 'id' },
  propagation: { form: 'propagation_or_none' },
  resolve: mask(ALL_RESOLVE),
  set: mask(ATTRIBUTES),
  recSet: mask(ATTRIBUTES),
  attributes: mask(ATTRIBUTES),
  clear: mask(CLEARABLE),
  recClear: mask(CLEARABLE),
  implied: mask(ATTRIBUTES),
}

type ByOp = { readonly [N in OpName]?: { readonly [K in keyof OpArgs<N>]?: ValueRule } }

/** Of single ops; these come first. */
const BY_OP: ByOp = {
  setns: { type: { form: 'namespaces' } },
  unshare: { flags: { form: 'namespaces' } },
  sockets: { kinds: { ...most(SOCKET_KINDS.length - 1), filled: true } },
  propagation: { flags: { form: 'propagation' } },
  root_checked: { source: { form: 'path_or_root' } },
  layer: { source: { form: 'path_or_root' } },
  root_layered: { source: { form: 'path_or_root' }, list: most(1) },
  root_in_memory: { options: { form: 'option' }, list: most(1) },
  attach: { resolve: resolveOfCopies },
  attach_checked: { source: { form: 'path_or_root' }, recursive: most(1), resolve: resolveOfCopies },
  attach_inside: { source: { form: 'path_or_root' }, recursive: most(1), resolve: resolveOfCopies },
  attach_mapped: { source: { form: 'path_or_root' }, below: { form: 'key' }, resolve: resolveOfCopies },
  mount_fs: { type: { form: 'filled' }, options: { form: 'option' } },
  set_attributes: { path: { form: 'path_or_root' } },
  reconfigure: { options: { form: 'option', filled: true } },
  mkdir: { mode: most(0o7777) },
  symlink: { target: { form: 'filled' } },
  mknod: { mode: { form: 'node_type' } },
  sysctl: { key: { form: 'key' } },
  console: { rows: most(0xffff), columns: most(0xffff), bind: most(1) },
  keyring: { name: { form: 'keyring' } },
  umask: { mask: most(0o777) },
  lsm_label: { file: { form: 'lsm_file' } },
  chdir: { path: { form: 'path_or_root' }, optional: most(1) },
  resolve_exec: { candidates: { form: 'filled' } },
  landlock: {
    fs: mask(allFlags(LANDLOCK_FS)),
    net: mask(allFlags(LANDLOCK_NET)),
    scope: mask(allFlags(LANDLOCK_SCOPE)),
  },
  landlock_beneath: { access: mask(allFlags(LANDLOCK_FS)), paths: { form: 'path_or_root', filled: true } },
  landlock_ports: { access: mask(allFlags(LANDLOCK_NET)), ports: { ...most(0xffff), filled: true } },
  seccomp: { flags: mask(allFlags(SECCOMP_FILTER_FLAG)) },
  execve: { args: { form: 'any', filled: true }, env: { form: 'variable' } },
}

const ANYTHING: ValueRule = { form: 'any' }

/** The rule for an argument of an op. */
export function valueRule(op: string, argument: string): ValueRule {
  const own = BY_OP[op as OpName] as Readonly<Record<string, ValueRule>> | undefined
  return own?.[argument] ?? BY_NAME[argument] ?? ANYTHING
}
