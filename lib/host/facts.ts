/** One mounted cgroup hierarchy of the host. */
export interface CgroupHierarchy {
  /** 1 or 2. */
  readonly version: 1 | 2
  /** v1: the controllers bound to it (`name=systemd` for a named one); v2: those of cgroup.controllers at the root. */
  readonly controllers: readonly string[]
  /** Where it is mounted, such as /sys/fs/cgroup/memory. */
  readonly mountpoint: string
  /** The path within the hierarchy that is visible at the mount point ("/" but in nested containers). */
  readonly root: string
  /** This process's own cgroup in it (from /proc/self/cgroup), absolute within the hierarchy. */
  readonly own: string
}

export interface CgroupFacts {
  readonly mode: 'v1' | 'v2' | 'hybrid' | 'none'
  readonly hierarchies: readonly CgroupHierarchy[]
}

/** What the compiler needs to know of the host; plain data, so that a golden plan can be made anywhere. */
export interface HostFacts {
  /** Kernel release as [major, minor]. */
  readonly kernel: readonly [number, number]
  readonly euid: number
  readonly egid: number
  /** Whether this process is in a user namespace that is not the first one: it then may not make device nodes. */
  readonly inUserNamespace: boolean
  /** Number of the last capability that the kernel knows. */
  readonly lastCapability: number
  /** Capabilities that this process has (permitted) and may pass on (bounding), bit n = capability n. */
  readonly permitted: bigint
  readonly bounding: bigint
  /** CLONE_NEW* types that the kernel has (files in /proc/self/ns). */
  readonly namespaces: readonly string[]
  readonly cgroup: CgroupFacts
  /** Whether there is a /proc/kcore, for /dev/core to lead to. */
  readonly kcore: boolean
  readonly apparmor: boolean
  readonly selinux: boolean
  /** The version of Landlock's interface; 0: this kernel has none, or does not use it. */
  readonly landlock: number
  /** The soft limit of open files that this process was started with; null: the one that it has now. */
  readonly openFiles: number | null
  /** Names of /proc/filesystems. */
  readonly filesystems: readonly string[]
}
