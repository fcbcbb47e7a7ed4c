/**
 * The configuration document (`config.json`) as it is written: OCI runtime specification 1.3, the Linux parts.
 * Everything that the specification lets be left out is optional. Unknown properties are ignored.
 */

/** An integer; one beyond 2^53 must be a bigint, as a number would have lost digits. */
export type OciInteger = number | bigint

export interface OciConfig {
  /** SemVer of the specification that the document follows: 1.x. The specification wants it; without it 1.0.0 is meant. */
  ociVersion?: string
  root?: OciRoot
  process?: OciProcess
  /** Needs a uts namespace. */
  hostname?: string
  /** Needs a uts namespace. */
  domainname?: string
  mounts?: readonly OciMount[]
  hooks?: OciHooks
  linux?: OciLinux
  annotations?: Readonly<Record<string, string>>
}

export interface OciRoot {
  /** Absolute, or relative to the bundle. */
  path: string
  readonly?: boolean
}

export interface OciProcess {
  terminal?: boolean
  consoleSize?: { height: OciInteger; width: OciInteger }
  /** Absolute. */
  cwd: string
  env?: readonly string[]
  /** At least one entry. */
  args?: readonly string[]
  user?: OciUser
  capabilities?: OciCapabilities
  rlimits?: readonly OciRlimit[]
  noNewPrivileges?: boolean
  oomScoreAdj?: OciInteger
  apparmorProfile?: string
  selinuxLabel?: string
  scheduler?: OciScheduler
  ioPriority?: { class: string; priority?: OciInteger }
  execCPUAffinity?: { initial?: string; final?: string }
}

export interface OciUser {
  uid?: OciInteger
  gid?: OciInteger
  umask?: OciInteger
  additionalGids?: readonly OciInteger[]
}

export interface OciCapabilities {
  bounding?: readonly string[]
  effective?: readonly string[]
  inheritable?: readonly string[]
  permitted?: readonly string[]
  ambient?: readonly string[]
}

export interface OciRlimit {
  /** Such as RLIMIT_NOFILE. */
  type: string
  soft: OciInteger
  hard: OciInteger
}

export interface OciScheduler {
  policy: string
  nice?: OciInteger
  priority?: OciInteger
  flags?: readonly string[]
  runtime?: OciInteger
  deadline?: OciInteger
  period?: OciInteger
}

export interface OciIdMapping {
  containerID: OciInteger
  hostID: OciInteger
  size: OciInteger
}

export interface OciMount {
  /** Absolute path in the container. */
  destination: string
  /** For a bind mount: absolute, or relative to the bundle. */
  source?: string
  type?: string
  options?: readonly string[]
  uidMappings?: readonly OciIdMapping[]
  gidMappings?: readonly OciIdMapping[]
}

export interface OciHook {
  /** Absolute. */
  path: string
  args?: readonly string[]
  env?: readonly string[]
  /** Seconds, > 0. */
  timeout?: OciInteger
}

export interface OciHooks {
  /** Deprecated by the specification; runs before createRuntime. */
  prestart?: readonly OciHook[]
  createRuntime?: readonly OciHook[]
  createContainer?: readonly OciHook[]
  startContainer?: readonly OciHook[]
  poststart?: readonly OciHook[]
  poststop?: readonly OciHook[]
}

export type NamespaceType = 'pid' | 'network' | 'mount' | 'ipc' | 'uts' | 'user' | 'cgroup' | 'time'

export interface OciLinux {
  namespaces?: readonly { type: NamespaceType; path?: string }[]
  uidMappings?: readonly OciIdMapping[]
  gidMappings?: readonly OciIdMapping[]
  timeOffsets?: { monotonic?: OciTimeOffset; boottime?: OciTimeOffset }
  devices?: readonly OciDevice[]
  netDevices?: Readonly<Record<string, { name?: string }>>
  cgroupsPath?: string
  resources?: OciResources
  sysctl?: Readonly<Record<string, string>>
  seccomp?: OciSeccomp
  rootfsPropagation?:
    | 'shared'
    | 'slave'
    | 'private'
    | 'unbindable'
    | 'rshared'
    | 'rslave'
    | 'rprivate'
    | 'runbindable'
    | ''
  maskedPaths?: readonly string[]
  readonlyPaths?: readonly string[]
  mountLabel?: string
  intelRdt?: {
    closID?: string
    schemata?: readonly string[]
    l3CacheSchema?: string
    memBwSchema?: string
    enableMonitoring?: boolean
  }
  memoryPolicy?: { mode?: string; nodes?: string; flags?: readonly string[] }
  personality?: { domain: 'LINUX' | 'LINUX32'; flags?: readonly string[] }
}

export interface OciTimeOffset {
  secs?: OciInteger
  nanosecs?: OciInteger
}

export interface OciDevice {
  type: 'c' | 'b' | 'u' | 'p'
  path: string
  major?: OciInteger
  minor?: OciInteger
  /** Permission bits. */
  fileMode?: OciInteger
  uid?: OciInteger
  gid?: OciInteger
}

export interface OciResources {
  unified?: Readonly<Record<string, string>>
  devices?: readonly OciDeviceRule[]
  pids?: { limit: OciInteger }
  cpu?: OciCpu
  memory?: OciMemory
  blockIO?: OciBlockIO
  hugepageLimits?: readonly { pageSize: string; limit: OciInteger }[]
  network?: { classID?: OciInteger; priorities?: readonly { name: string; priority: OciInteger }[] }
  rdma?: Readonly<Record<string, { hcaHandles?: OciInteger; hcaObjects?: OciInteger }>>
}

export interface OciDeviceRule {
  allow: boolean
  type?: 'a' | 'b' | 'c'
  major?: OciInteger
  minor?: OciInteger
  /** Some of the letters r, w and m. */
  access?: string
}

export interface OciCpu {
  shares?: OciInteger
  quota?: OciInteger
  burst?: OciInteger
  period?: OciInteger
  realtimeRuntime?: OciInteger
  realtimePeriod?: OciInteger
  cpus?: string
  mems?: string
  idle?: OciInteger
}

export interface OciMemory {
  limit?: OciInteger
  reservation?: OciInteger
  /** Memory and swap together, as in cgroup v1. */
  swap?: OciInteger
  /** Deprecated; ignored with a warning. */
  kernel?: OciInteger
  /** Deprecated; ignored with a warning. */
  kernelTCP?: OciInteger
  swappiness?: OciInteger
  disableOOMKiller?: boolean
  useHierarchy?: boolean
  checkBeforeUpdate?: boolean
}

export interface OciThrottleDevice {
  major: OciInteger
  minor: OciInteger
  rate?: OciInteger
}

export interface OciBlockIO {
  weight?: OciInteger
  leafWeight?: OciInteger
  weightDevice?: readonly { major: OciInteger; minor: OciInteger; weight?: OciInteger; leafWeight?: OciInteger }[]
  throttleReadBpsDevice?: readonly OciThrottleDevice[]
  throttleWriteBpsDevice?: readonly OciThrottleDevice[]
  throttleReadIOPSDevice?: readonly OciThrottleDevice[]
  throttleWriteIOPSDevice?: readonly OciThrottleDevice[]
}

export interface OciSeccomp {
  defaultAction: string
  defaultErrnoRet?: OciInteger
  architectures?: readonly string[]
  flags?: readonly string[]
  listenerPath?: string
  listenerMetadata?: string
  syscalls?: readonly OciSyscallRule[]
}

export interface OciSyscallRule {
  /** At least one. */
  names: readonly string[]
  action: string
  errnoRet?: OciInteger
  args?: readonly { index: OciInteger; value: OciInteger; valueTwo?: OciInteger; op: string }[]
}
