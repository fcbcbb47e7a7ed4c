/**
 * The configuration, normalised: what `readConfig` returns and everything else works with. No optional survives:
 * what the document leaves out is null, an empty list or the specification's default. `origin` is the JSON pointer
 * (RFC 6901) of the field that an entry came from.
 */
import type { Landlock } from './landlock-option.js'
import type { NamespaceType } from './oci-config.js'
import type { Resources } from './resources.js'
import type { ExecAffinity, MemoryPolicy, Scheduler } from './scheduling.js'
import type { Seccomp } from './seccomp.js'

export type * from './block-io.js'
export type * from './oci-config.js'
export type * from './resources.js'
export type * from './scheduling.js'
export type * from './seccomp.js'

export interface Config {
  readonly ociVersion: string
  readonly root: { readonly path: string; readonly readonly: boolean }
  /** null: the container can be created but not started. */
  readonly process: Process | null
  readonly hostname: string | null
  readonly domainname: string | null
  readonly mounts: readonly Mount[]
  readonly hooks: Hooks
  readonly linux: Linux
  /** Without a prototype. */
  readonly annotations: Readonly<Record<string, string>>
}

export interface Process {
  readonly terminal: boolean
  /** null: leave the size alone. */
  readonly consoleSize: { readonly rows: number; readonly columns: number } | null
  readonly user: User
  /** At least one. */
  readonly args: readonly string[]
  /** `NAME=value`, each name once (the last one of the document wins). */
  readonly env: readonly string[]
  readonly cwd: string
  /** null: the document has no `capabilities`. */
  readonly capabilities: Capabilities | null
  readonly rlimits: readonly Rlimit[]
  readonly noNewPrivileges: boolean
  /** null: leave it alone. */
  readonly oomScoreAdj: number | null
  readonly apparmorProfile: string | null
  readonly selinuxLabel: string | null
  /** null: leave it alone. */
  readonly scheduler: Scheduler | null
  /** What ioprio_set(2) takes; null: leave it alone. */
  readonly ioPriority: number | null
  /** Of processes that are added by exec; the container's first process is not concerned. */
  readonly execAffinity: ExecAffinity
}

/** Ids are 0 to 4294967294: the last value of 32 bits means "unchanged" to the kernel and is refused. */
export interface User {
  readonly uid: number
  readonly gid: number
  /** null: leave it alone. */
  readonly umask: number | null
  readonly additionalGids: readonly number[]
}

/** Bit n is capability n. */
export interface Capabilities {
  readonly bounding: bigint
  readonly effective: bigint
  readonly inheritable: bigint
  readonly permitted: bigint
  readonly ambient: bigint
  /** Names that the specification says to warn about and leave out. */
  readonly unknown: readonly string[]
}

export interface Rlimit {
  readonly type: string
  /** RLIMIT_* number of the kernel. */
  readonly resource: number
  /** 2^64-1 is unlimited. */
  readonly soft: bigint
  readonly hard: bigint
  readonly origin: string
}

export interface IdMapping {
  readonly containerID: number
  readonly hostID: number
  readonly size: number
}

export interface Mount {
  /**
   * `bind`: a tree of the host; `filesystem`: a new mount of `type`; `cgroup`: the container's view of the cgroups,
   * which the host's mode decides; `remount`: new attributes for what is mounted at `destination` already.
   */
  readonly kind: 'bind' | 'filesystem' | 'cgroup' | 'remount'
  /** The file system's name; "" for bind and remount. */
  readonly type: string
  /** Bind: as written, relative to the bundle if not absolute. File system: its name if the document has none. */
  readonly source: string
  /** Absolute path in the container. */
  readonly destination: string
  /** Bind: the whole tree (rbind). */
  readonly recursive: boolean
  /** MOUNT_ATTR_* to set and to clear on the mount itself. A changed atime mode has all of MOUNT_ATTR__ATIME in `clear`. */
  readonly set: bigint
  readonly clear: bigint
  /** `set` and `clear` for the whole tree (options such as rro). */
  readonly recSet: bigint
  readonly recClear: bigint
  /** Bind: MOUNT_ATTR_* that are absent because the entry has others; what the kernel has locked stays. */
  readonly implied: bigint
  /** MS_SHARED, MS_SLAVE, MS_PRIVATE or MS_UNBINDABLE, perhaps | MS_REC; 0: leave it alone. */
  readonly propagation: number
  /** Further ones, one after the other: `slave`, then `shared` makes both. */
  readonly laterPropagation: readonly number[]
  /** null: ids are those of the file system. */
  readonly idmap: MountIdmap | null
  /** What the new file system hides is copied into it. */
  readonly copyUp: boolean
  /** Flags of the superblock in fsconfig's words (sync, dirsync, lazytime, ...); they mean nothing to a bind mount. */
  readonly superblock: readonly string[]
  /** The file system's own options, `key` or `key=value`. Always empty for bind; of a remount: those that change. */
  readonly data: readonly string[]
  readonly origin: string
}

/** Ids of the file system (`containerID`) become others (`hostID`) in the mount. Empty lists: as in the container's user namespace. */
export interface MountIdmap {
  /** The whole tree. */
  readonly recursive: boolean
  readonly uidMappings: readonly IdMapping[]
  readonly gidMappings: readonly IdMapping[]
}

export const HOOK_KINDS = [
  'prestart',
  'createRuntime',
  'createContainer',
  'startContainer',
  'poststart',
  'poststop',
] as const
export type HookKind = (typeof HOOK_KINDS)[number]

export type Hooks = { readonly [K in HookKind]: readonly Hook[] }

export interface Hook {
  readonly path: string
  /** argv with argv[0]; `[path]` if the document has none. */
  readonly args: readonly string[]
  /** Exactly the hook's environment. */
  readonly env: readonly string[]
  readonly timeoutSeconds: number | null
  readonly origin: string
}

export interface Linux {
  readonly namespaces: readonly Namespace[]
  readonly uidMappings: readonly IdMapping[]
  readonly gidMappings: readonly IdMapping[]
  readonly timeOffsets: { readonly monotonic: TimeOffset | null; readonly boottime: TimeOffset | null }
  readonly devices: readonly Device[]
  readonly cgroupsPath: string | null
  readonly resources: Resources
  readonly sysctl: readonly Sysctl[]
  readonly seccomp: Seccomp | null
  /** MS_SHARED, MS_SLAVE, MS_PRIVATE or MS_UNBINDABLE, perhaps | MS_REC. */
  readonly rootfsPropagation: number | null
  readonly maskedPaths: readonly LocatedPath[]
  readonly readonlyPaths: readonly LocatedPath[]
  readonly mountLabel: string | null
  readonly netDevices: readonly NetDevice[]
  readonly intelRdt: IntelRdt | null
  /** null: leave it alone. */
  readonly memoryPolicy: MemoryPolicy | null
  /** The argument of personality(2). */
  readonly personality: number | null
  /** Of the option of that name: no document has it. null: processes are not restricted. */
  readonly landlock: Landlock | null
}

export interface Namespace {
  readonly type: NamespaceType
  /** Joined if given, made if null. */
  readonly path: string | null
  /** CLONE_NEW*. */
  readonly flag: number
  readonly origin: string
}

export interface TimeOffset {
  readonly secs: bigint
  readonly nanosecs: number
}

export interface Device {
  readonly path: string
  readonly type: 'c' | 'b' | 'u' | 'p'
  /** S_IF* type and permission bits, as mknod(2) takes them; 0666 if the document has no mode. */
  readonly mode: number
  readonly major: number
  readonly minor: number
  readonly uid: number
  readonly gid: number
  readonly origin: string
}

/** A class of service of the resctrl file system. */
export interface IntelRdt {
  /** A directory; `.` is the default class of the kernel. null: one of the container's own, with the name of its id. */
  readonly class: string | null
  /** Lines that are written to its schemata together; */
  readonly first: readonly string[]
  /** and those that are written after them. */
  readonly last: readonly string[]
  /** Whether the container gets a group in it that is monitored. */
  readonly monitors: boolean
}

/** A network device of the host that moves to the container. */
export interface NetDevice {
  /** On the host. */
  readonly name: string
  /** In the container; one that ends with %d is completed by the kernel. */
  readonly target: string
  readonly origin: string
}

export interface Sysctl {
  /** Path below /proc/sys, such as net/ipv4/ip_forward. */
  readonly key: string
  readonly value: string
  readonly origin: string
}

export interface LocatedPath {
  readonly path: string
  readonly origin: string
}
