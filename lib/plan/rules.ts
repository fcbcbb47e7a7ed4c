/**
 * What a plan must keep to, as tables: `verify.ts` walks a plan with them, and the helper with `native/init/rules.h`, which is
 * made from them.
 */
import { CLONE } from './flags.js'
import type { OpName } from './ops.js'
import type { Slot } from './plan.js'

/** Ops that a plan may have more than once; all others come at most once. */
export const REPEATABLE: ReadonlySet<OpName> = new Set<OpName>([
  'cgroup_join',
  'setns',
  'unshare',
  'propagation',
  'layer',
  'attach',
  'attach_checked',
  'attach_inside',
  'attach_mapped',
  'mount_fs',
  'set_attributes',
  'reconfigure',
  'mkdir',
  'symlink',
  'mknod',
  'sysctl',
  'mask_path',
  'readonly_path',
  'lsm_label',
  'chdir',
  'landlock_beneath',
  'landlock_ports',
])

/** The kinds of slots; on the wire a kind is its place here. */
export const SLOT_KIND_NAMES = [
  'tree',
  'idmapped_tree',
  'idmapped_filesystem',
  'device',
  'place',
  'directory',
  'root_mount',
  'layered',
  'upper',
  'namespace',
  'cgroup',
  'cgroup_tree',
  'filter',
  'start',
  'console',
  'init',
  'init_root',
  'status',
  'lifeline',
  'sockets',
] as const satisfies readonly Slot['kind'][]

/** Which kinds of host object an op takes. */
export const SLOT_KINDS: Partial<Record<OpName, readonly Slot['kind'][]>> = {
  cgroup_join: ['cgroup'],
  setns: ['namespace', 'init'],
  root: ['tree', 'layered'],
  root_checked: ['directory'],
  layer: ['directory'],
  root_layered: ['directory'],
  root_in_memory: ['upper'],
  root_dir: ['directory'],
  root_over: ['root_mount'],
  attach_checked: ['place'],
  attach_mapped: ['idmapped_tree'],
  attach: ['tree', 'idmapped_tree', 'idmapped_filesystem', 'device', 'cgroup_tree'],
  join_root: ['init_root'],
  console: ['console'],
  seccomp: ['filter'],
  await_start: ['start'],
  lifeline: ['lifeline'],
  sockets: ['sockets'],
  guard: ['init'],
  reap: ['status'],
}

const NEW_ROOTS = ['root', 'root_checked', 'root_layered', 'root_in_memory'] as const satisfies readonly OpName[]
/** A mount of the container's own, which may have others below it. */
const MOUNTED_ROOTS = [...NEW_ROOTS, 'root_over'] as const satisfies readonly OpName[]
const ROOTS = [...MOUNTED_ROOTS, 'root_dir'] as const satisfies readonly OpName[]

/**
 * What must have come before an op: all of the list, of an inner list at least one.
 * With this, taking a step of the chain out of a good plan, or putting another legal op in its place, is refused.
 */
export const REQUIRES: Partial<Record<OpName, readonly (OpName | readonly OpName[])[]>> = {
  setns: ['not_dumpable'],
  sockets: ['not_dumpable'],
  root: ['propagation'],
  root_checked: ['propagation'],
  layer: ['propagation'],
  root_layered: ['propagation', 'layer'],
  root_in_memory: ['propagation', 'layer'],
  attach: [MOUNTED_ROOTS],
  attach_checked: [MOUNTED_ROOTS],
  attach_inside: [MOUNTED_ROOTS],
  attach_mapped: [MOUNTED_ROOTS],
  mount_fs: [MOUNTED_ROOTS],
  set_attributes: [MOUNTED_ROOTS],
  reconfigure: [MOUNTED_ROOTS],
  mkdir: [ROOTS],
  symlink: [ROOTS],
  mknod: [ROOTS],
  place_root: [NEW_ROOTS],
  prepare: [ROOTS],
  pivot_root: [NEW_ROOTS],
  move_root: [NEW_ROOTS],
  chroot: [['root_dir', 'root_over']],
  join_root: ['not_dumpable'],
  console: ['setsid'],
  controlling_terminal: ['console'],
  groups: ['bounding_set'],
  // In the host's root they stay if they can't be changed.
  gid: ['bounding_set', ['groups', 'host_root']],
  uid: ['gid'],
  capabilities: ['uid'],
  resolve_exec: ['capabilities', 'chdir'],
  // Without privileges the kernel wants no_new_privs, and with them so do we.
  landlock: ['no_new_privs', 'resolve_exec'],
  guard: ['host_root', 'not_dumpable', 'subreaper', 'no_new_privs', 'resolve_exec'],
  landlock_beneath: ['landlock'],
  landlock_ports: ['landlock'],
  landlock_restrict: ['landlock'],
  created: ['not_dumpable', 'setsid', 'capabilities', 'chdir'],
  await_start: ['created'],
  reap: ['not_dumpable', 'await_start', 'close_from'],
  execve: ['not_dumpable', 'setsid', 'resolve_exec', 'close_from'],
}

/** From the INSIDE phase on an op would act on the host, were the root not switched. */
export const ROOT_SWITCHES = [
  'pivot_root',
  'move_root',
  'chroot',
  'host_root',
  'join_root',
] as const satisfies readonly OpName[]

/** Pairs of ops: once the second has come, the first may not. */
export const NEVER_AFTER: readonly (readonly [OpName, OpName])[] = [
  // It would be that of the host's mounts.
  ['propagation', 'root_over'],
  ...ROOTS.flatMap(root => ROOTS.filter(other => other !== root).map(other => [root, other] as const)),
  ...ROOTS.map(root => ['layer', root] as const),
  ...(['root', 'root_checked', 'root_dir', 'root_over'] as const).map(root => [root, 'layer'] as const),
  ['propagation', 'layer'],
  ...[...ROOTS, 'layer' as const].map(root => ['host_root', root] as const),
  // A read-only root has no room for what is made later.
  ['mkdir', 'root_attr'],
  ['symlink', 'root_attr'],
  ['console', 'root_attr'],
  ['sysctl', 'readonly_path'],
  ['sysctl', 'mask_path'],
  // These need the privileges that changing the user takes away.
  ['keyring', 'uid'],
  ['stdio_owner', 'uid'],
  ['lsm_label', 'uid'],
  // Only the first child is in the pid namespace that its parent made.
  ['unshare', 'clone'],
  ['setns', 'clone'],
  // It is the process itself that must be one: children do not inherit it.
  ['clone', 'subreaper'],
  ['clone', 'controlling_terminal'],
  // What is found may be a matter of the pid namespace (/proc/self).
  ['clone', 'resolve_exec'],
  ['clone', 'created'],
  // Nothing but the filter and execve comes once the descriptors are closed.
  ['home_env', 'close_from'],
  ['created', 'close_from'],
  ['await_start', 'close_from'],
  ['lifeline', 'created'],
  // A container that is created has all that restricts it, but for a filter that needs to come last.
  ['landlock', 'created'],
  ['landlock', 'close_from'],
  // It must not be among those that the program may send signals to.
  ['guard', 'landlock'],
  ['guard', 'created'],
  ['guard', 'close_from'],
  ['landlock_restrict', 'close_from'],
  ['landlock_beneath', 'landlock_restrict'],
  ['landlock_ports', 'landlock_restrict'],
  // It reads a file that may be refused by then.
  ['home_env', 'landlock_restrict'],
  // Nothing but execve: one of the two processes does no more of the plan.
  ['seccomp', 'reap'],
  ['close_from', 'reap'],
]

/** Ops that would change a namespace of the host, were the process still in it. */
export const NAMESPACES_NEEDED: Partial<Record<OpName, number>> = {
  propagation: CLONE.NEWNS,
  root: CLONE.NEWNS,
  root_checked: CLONE.NEWNS,
  layer: CLONE.NEWNS,
  root_layered: CLONE.NEWNS,
  root_in_memory: CLONE.NEWNS,
  mask_path: CLONE.NEWNS,
  readonly_path: CLONE.NEWNS,
  root_attr: CLONE.NEWNS,
  hostname: CLONE.NEWUTS,
  domainname: CLONE.NEWUTS,
  loopback_up: CLONE.NEWNET,
  sockets: CLONE.NEWNET,
}

/** The namespace that a key of `sysctl` belongs to, by what the key begins with; all others belong to that of IPC. */
export const SYSCTL_NAMESPACES: readonly (readonly [prefix: string, namespace: number])[] = [
  ['net/', CLONE.NEWNET],
  ['user/', CLONE.NEWUSER],
  ['kernel/domainname', CLONE.NEWUTS],
]

/** Where nothing else is said of a key. */
export const SYSCTL_NAMESPACE = CLONE.NEWIPC

/** A time namespace is entered by the next child, a cgroup namespace is rooted in the cgroup at the time: the first clone makes neither. */
export const BY_UNSHARE = CLONE.NEWTIME | CLONE.NEWCGROUP

/** The runtime writes ids and offsets at `map`, so what they belong to must have been made. */
export const MAPPED = CLONE.NEWUSER | CLONE.NEWTIME

export const MOST_PRESERVED_FDS = 0xffff

/** The helper has a table of them. Each bind mount, device and namespace that is joined is one. */
export const MOST_SLOTS = 16384
