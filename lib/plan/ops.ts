/**
 * The one table of operations: what the init helper can do, in which phase, with which arguments.
 * `native/init/ops.h` is generated from it (`npm run generate`); a test fails when they are out of step.
 *
 * Wire form of an op: a CBOR array `[code, ...arguments]`, arguments in the order of the table.
 */

import { type ArgKind, type ArgTypes, type OpDefinition, entry as op } from './op-kinds.js'

export { type ArgKind, PHASES, type Phase } from './op-kinds.js'
export { RESOLVE, RESOLVE_IN_ROOT } from './resolve.js'

/** Where a tree is attached, and what becomes of its attributes: see attach. */
const PLACED = {
  path: 'text',
  set: 'u64',
  clear: 'u64',
  implied: 'u64',
  recSet: 'u64',
  recClear: 'u64',
  propagation: 'u32',
  resolve: 'u32',
} as const

export const OPS = {
  // ---- SPAWN: become a process in the right cgroup and namespaces
  /** Writes "0" to an open cgroup v1 `tasks` (or v2 `cgroup.procs`) file. */
  cgroup_join: op(['SPAWN'], { slot: 'slot' }),
  /** PR_SET_DUMPABLE 0; must come before the first `setns` (CVE-2016-9962). */
  not_dumpable: op(['SPAWN'], {}),
  /** setns(2); `type` is a mask of CLONE_NEW* flags (several only if the slot is a pidfd). */
  setns: op(['SPAWN'], { slot: 'slot', type: 'u32' }),
  /** unshare(2), `flags` is a mask of CLONE_NEW* flags. */
  unshare: op(['SPAWN'], { flags: 'u32' }),
  /** Barrier: the runtime writes uid/gid maps, setgroups and timens offsets. */
  map: op(['SPAWN', 'IDENTITY'], {}),
  /**
   * setresgid(gid), setresuid(uid): the owner of everything made in a new or joined user namespace, with all capabilities there. Root,
   * unless its id is not mapped.
   */
  become_root: op(['SPAWN'], { uid: 'u32', gid: 'u32' }),
  /**
   * clone(CLONE_PARENT): the child goes on (in the pid/time namespace just joined or made), the parent reports its pid and exits. If the
   * parent leads a session, the child leads a new one.
   */
  clone: op(['SPAWN', 'IDENTITY'], {}),
  /** setsid(2). */
  setsid: op(['SPAWN'], {}),
  /** PR_SET_CHILD_SUBREAPER, which execve keeps: orphans among the descendants of the process become its children. */
  subreaper: op(['SPAWN', 'IDENTITY'], {}),
  /** socket(2) in the network namespace, once for each of `kinds` (SOCKET_KINDS of flags.ts); all of them go over the socket in the slot. */
  sockets: op(['SPAWN'], { slot: 'slot', kinds: 'numbers' }),

  // ---- MOUNT: build the tree below the root file descriptor
  /** mount(NULL, "/", NULL, flags): flags are MS_SHARED/SLAVE/PRIVATE/UNBINDABLE | MS_REC. */
  propagation: op(['MOUNT'], { flags: 'u32' }),
  /** The detached tree in the slot becomes the container's root: attached on top of "/", entered, remembered as root fd. */
  root: op(['MOUNT'], { slot: 'slot' }),
  /**
   * The same for a runtime that may not copy trees of the host: the helper, which may do so with the mounts of its new namespace,
   * opens `source`, which must be the very directory in the slot (device and inode), and copies the tree from there on.
   */
  root_checked: op(['MOUNT'], { slot: 'slot', source: 'text' }),
  /**
   * The next layer of the root, from the lowest on: the directory at `source`, opened and compared with the slot as by root_checked. It is
   * attached to a tmpfs over "/", which is gone once there is a root.
   */
  layer: op(['MOUNT'], { slot: 'slot', source: 'text' }),
  /**
   * The layers become the root: an overlay, with the attributes of a user namespace (userxattr). What is written goes to `upper` in the
   * directory at `source`, compared with the slot; what is missing there is made. `list` 1: the layers as one option (before Linux 6.7).
   */
  root_layered: op(['MOUNT'], { slot: 'slot', source: 'text', list: 'u32' }),
  /** The same with a new tmpfs with these options, which goes over the socket in the slot (payload: `upper`). */
  root_in_memory: op(['MOUNT'], { slot: 'slot', options: 'texts', list: 'u32' }),
  /** No mount namespace: the directory in the slot becomes the root fd, nothing is mounted. */
  root_dir: op(['MOUNT'], { slot: 'slot' }),
  /**
   * No mount namespace, but mounts: the slot is a mount that the runtime has put over the root's directory. It becomes the root fd, and all
   * that is mounted below goes with it.
   */
  root_over: op(['MOUNT'], { slot: 'slot' }),
  /**
   * Attaches the detached tree in the slot at `path` in the root, which is made if missing (directory or empty file, as the slot is).
   * `set`/`clear` are MOUNT_ATTR_* for the mount, `recSet`/`recClear` the same for the whole tree, `propagation` MS_* or 0.
   * `implied` is cleared as well, but for what the kernel has locked.
   * `resolve`: how `path` is looked up and what may be there, a mask of RESOLVE.
   */
  attach: op(['MOUNT'], {
    slot: 'slot',
    ...PLACED,
  }),
  /** As attach, of what is at `source`, opened and compared with the slot as by root_checked. `recursive` 1: with the mounts below it. */
  attach_checked: op(['MOUNT'], {
    slot: 'slot',
    source: 'text',
    recursive: 'u32',
    ...PLACED,
  }),
  /** As attach, of what is at `source` in the root, to which no link may lead, with what earlier ops have mounted there. */
  attach_inside: op(['MOUNT'], {
    source: 'text',
    recursive: 'u32',
    ...PLACED,
  }),
  /**
   * As attach, of a tree that is a copy of the one at `source` in the root, with mapped ids: what earlier ops have mounted in that, at the
   * places `below`, is copied before, and attached in it after. No link may lead to any of them.
   */
  attach_mapped: op(['MOUNT'], {
    slot: 'slot',
    source: 'text',
    below: 'texts',
    ...PLACED,
  }),
  /**
   * fsopen + fsconfig + fsmount + move_mount. `options` are `key` or `key=value`; `attributes` MOUNT_ATTR_*,
   * `recSet`/`recClear` are set on the finished mount; `propagation` MS_* or 0.
   */
  mount_fs: op(['MOUNT'], {
    type: 'text',
    source: 'text',
    path: 'text',
    options: 'texts',
    attributes: 'u64',
    recSet: 'u64',
    recClear: 'u64',
    propagation: 'u32',
    resolve: 'u32',
  }),
  /** Changes the attributes of the mount at `path` (the `remount` option); `propagation` MS_* or 0. */
  set_attributes: op(['MOUNT', 'INSIDE'], {
    path: 'text',
    set: 'u64',
    clear: 'u64',
    recSet: 'u64',
    recClear: 'u64',
    propagation: 'u32',
  }),
  /** fspick(2) and fsconfig(2): other `options` for the file system whose mount is at `path`, to which no link may lead. */
  reconfigure: op(['MOUNT'], { path: 'text', options: 'texts' }),
  /** mkdir -p in the root, `mode` for what is made, owner `uid`:`gid`. */
  mkdir: op(['MOUNT', 'INSIDE'], { path: 'text', mode: 'u32', uid: 'u32', gid: 'u32' }),
  /** symlink(target) at `path` in the root; an existing identical link is fine, anything else is replaced only if it is a link or a character device. */
  symlink: op(['MOUNT', 'INSIDE'], { target: 'text', path: 'text' }),
  /**
   * mknod; `mode` has the S_IF* type. An existing node of the same type and number is kept, another is EEXIST. It gets mode and owner as
   * well, unless `keep` is 1.
   */
  mknod: op(['MOUNT'], { path: 'text', mode: 'u32', major: 'u32', minor: 'u32', uid: 'u32', gid: 'u32', keep: 'u32' }),
  /**
   * Moves the root from over "/" to `path`, the place that it has on the host: there hooks look for it, and for its mounts.
   * EACCES is tolerated: the root of a user namespace that may not go there can't be found there either.
   */
  place_root: op(['MOUNT'], { path: 'text' }),
  /** Barrier: mounts made, root not yet switched; createRuntime and createContainer hooks, network devices. */
  prepare: op(['MOUNT'], {}),

  // ---- PIVOT: switch the root
  /** pivot_root(".", "."), old root made rslave and detached. */
  pivot_root: op(['PIVOT'], {}),
  /** --no-pivot: move_mount of the root over "/", chroot. */
  move_root: op(['PIVOT'], {}),
  /** No mount namespace: chroot(2) into the root fd. */
  chroot: op(['PIVOT'], {}),
  /** No root of its own: the process stays in that of the host. What it executes is confined by Landlock, of which the verifier sees to it. */
  host_root: op(['PIVOT'], {}),
  /** exec and hooks: fchdir(slot), chroot("."): the root of a process that is already inside. */
  join_root: op(['PIVOT'], { slot: 'slot' }),

  // ---- INSIDE: the world that the process sees
  hostname: op(['INSIDE'], { name: 'text' }),
  domainname: op(['INSIDE'], { name: 'text' }),
  /** Writes `value` to /proc/sys/`key` (key with slashes) through a procfs of our own. */
  sysctl: op(['INSIDE'], { key: 'text', value: 'text' }),
  /** SIOCSIFFLAGS: brings "lo" up. */
  loopback_up: op(['INSIDE'], {}),
  /**
   * A pty of the container's own devpts: its master goes over the socket in the slot (payload: the name, /dev/pts/N),
   * its peer becomes stdio, and if `bind` is 1 is mounted on /dev/console.
   * rows and columns 0 leave the size alone. `lineFeeds` 1: what the process writes keeps its line feeds as they are (no ONLCR).
   */
  console: op(['INSIDE'], { slot: 'slot', rows: 'u32', columns: 'u32', bind: 'u32', lineFeeds: 'u32' }),
  /** TIOCSCTTY: standard input becomes the controlling terminal of the session. */
  controlling_terminal: op(['INSIDE', 'IDENTITY'], {}),
  /** Standard streams that are the host's /dev/null become the container's (checked to be 1:3). */
  reopen_null: op(['INSIDE'], {}),
  /** File: a bind of the checked /dev/null; directory: an empty read-only tmpfs; missing: nothing. */
  mask_path: op(['INSIDE'], { path: 'text' }),
  /** A recursive bind of itself, read-only; missing: nothing. */
  readonly_path: op(['INSIDE'], { path: 'text' }),
  /** mount_setattr on "/": `set` MOUNT_ATTR_*; `propagation` MS_* | MS_REC or 0. */
  root_attr: op(['INSIDE'], { set: 'u64', propagation: 'u32' }),

  // ---- IDENTITY: the user, capabilities and labels of the process
  /** A new session keyring of that name; the kernel without keyrings (ENOSYS) and a full quota (EDQUOT) are told as an error. */
  keyring: op(['IDENTITY'], { name: 'text' }),
  personality: op(['IDENTITY'], { persona: 'u32' }),
  /** RLIMIT_NOFILE: the soft limit becomes `soft` if it is larger. */
  open_files: op(['IDENTITY'], { soft: 'u64' }),
  memory_policy: op(['IDENTITY'], { mode: 'u32', nodes: 'numbers' }),
  umask: op(['IDENTITY'], { mask: 'u32' }),
  /** Drops from the bounding set all capabilities that are not in `keep` (bit n = capability n). */
  bounding_set: op(['IDENTITY'], { keep: 'u64' }),
  /** fchown of fds 0 to 2 that are not a null device to `uid` (group unchanged); EPERM, EROFS and EINVAL (unmapped owner) are tolerated. */
  stdio_owner: op(['IDENTITY'], { uid: 'u32' }),
  /** setgroups(2); with an empty list, if the user namespace denies it or there are no groups, nothing is done. */
  groups: op(['IDENTITY'], { gids: 'numbers' }),
  /** setresgid(2), read back. */
  gid: op(['IDENTITY'], { gid: 'u32' }),
  /** PR_SET_KEEPCAPS, setresuid(2), read back. */
  uid: op(['IDENTITY'], { uid: 'u32' }),
  /** capset(2) and the ambient set; clears KEEPCAPS. What the kernel does not let us raise is an error. */
  capabilities: op(['IDENTITY'], { effective: 'u64', permitted: 'u64', inheritable: 'u64', ambient: 'u64' }),
  no_new_privs: op(['IDENTITY'], {}),
  /** Writes `label` to /proc/thread-self/attr/`file` of a procfs of our own (`exec`, `apparmor/exec`, `keycreate`). */
  lsm_label: op(['IDENTITY'], { file: 'text', label: 'text' }),
  /** chdir(2) and a raw getcwd that must be absolute (CVE-2024-21626). `optional` 1: EACCES is left to the later chdir. */
  chdir: op(['IDENTITY'], { path: 'text', optional: 'u32' }),
  /**
   * Picks the first of `candidates` that is an executable file; `execve` uses it.
   * EACCES if one was found but none could be executed; EISDIR if only a directory was found.
   */
  resolve_exec: op(['IDENTITY'], { candidates: 'texts' }),
  /**
   * seccomp(2) with the compiled filter read from the slot, `flags` SECCOMP_FILTER_FLAG_*. With NEW_LISTENER the runtime is told
   * beforehand which descriptor that will be, and the helper waits afterwards until it has been taken.
   */
  seccomp: op(['IDENTITY', 'EXEC'], { slot: 'slot', flags: 'u32' }),

  // ---- EXEC
  /**
   * The pipe in the slot has news once the process that made the container is gone. The container ends then: as long as it waits
   * for start, and after `reap`.
   */
  lifeline: op(['EXEC'], { slot: 'slot' }),
  /** HOME from the container's /etc/passwd entry of the current uid, else "/", unless the environment has one. */
  home_env: op(['EXEC'], {}),
  /**
   * fork(2): the child goes on. This process passes signals on to it, and ends as it does; it kills all that has come of it when it ends, or
   * the process of the pidfd in the slot. They can send signals to each other only (Landlock).
   */
  guard: op(['EXEC'], { slot: 'slot' }),
  /** landlock_create_ruleset(2): masks of what is refused after landlock_restrict, but for what the rules allow (LANDLOCK_* of flags.ts). */
  landlock: op(['EXEC'], { fs: 'u64', net: 'u64', scope: 'u64' }),
  /** landlock_add_rule(2) for what is at each of `paths`, to which no link may lead, and below. To a file: what of `access` files can have. */
  landlock_beneath: op(['EXEC'], { access: 'u64', paths: 'texts' }),
  /** The same for ports of TCP. */
  landlock_ports: op(['EXEC'], { access: 'u64', ports: 'numbers' }),
  /** landlock_restrict_self(2): the process, and all that it starts, has no more than the rules allow. */
  landlock_restrict: op(['EXEC'], {}),
  /** Barrier: the container is created; released when its state is on disk. The control socket is closed afterwards. */
  created: op(['EXEC'], {}),
  /** accept(2) on the listening socket in the slot; reports from here on go to that connection, which execve closes. */
  await_start: op(['EXEC'], { slot: 'slot' }),
  /** Closes all descriptors from `first` on, but for the one that reports go to (CLOEXEC). */
  close_from: op(['EXEC'], { first: 'u32' }),
  /**
   * fork(2): the child goes on to execve. The first process stays the helper's: it passes signals on, reaps what has lost its parent,
   * and ends as the program does, whose status it keeps in the file in the slot (wait(2), with the bit 0x10000).
   */
  reap: op(['EXEC'], { slot: 'slot' }),
  /** execve(2) of what `resolve_exec` chose. */
  execve: op(['EXEC'], { args: 'texts', env: 'texts' }),
} as const satisfies Record<string, OpDefinition>

export type OpName = keyof typeof OPS
export type OpArgs<N extends OpName> = {
  readonly [K in keyof (typeof OPS)[N]['args']]: ArgTypes[(typeof OPS)[N]['args'][K] & ArgKind]
}

/** An op of a plan: name, arguments, and the JSON pointer of the config field it came from ("" if there is none). */
export type Op = { [N in OpName]: { readonly op: N; readonly args: OpArgs<N>; readonly origin: string } }[OpName]

export const OP_NAMES = Object.keys(OPS) as OpName[]

/** The number of an op on the wire: its place in the table. */
export const OP_CODES = Object.fromEntries(OP_NAMES.map((name, index) => [name, index])) as Record<OpName, number>

/** The arguments of each op, in their order on the wire. */
export const OP_ARGS: ReadonlyMap<string, readonly (readonly [name: string, kind: ArgKind])[]> = new Map(
  OP_NAMES.map(name => [name, Object.entries(OPS[name].args)]),
)
