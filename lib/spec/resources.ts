/** `linux.resources`, normalised: null where the configuration says nothing. Amounts are bytes, times microseconds. */
export interface Resources {
  readonly unified: readonly UnifiedSetting[]
  readonly devices: readonly DeviceRule[]
  readonly pids: { readonly limit: bigint | null }
  readonly cpu: CpuLimits
  readonly memory: MemoryLimits
  readonly blockIO: BlockIO
  readonly hugepageLimits: readonly HugepageLimit[]
  readonly network: NetworkClasses
  readonly rdma: readonly RdmaLimit[]
}

/** One file of the container's cgroup v2 directory, such as memory.high; the name has no slash. */
export interface UnifiedSetting {
  readonly file: string
  readonly value: string
  readonly origin: string
}

/** One entry of the device list: later ones win. */
export interface DeviceRule {
  readonly allow: boolean
  readonly type: 'a' | 'b' | 'c'
  /** null: every major (minor) number. */
  readonly major: number | null
  readonly minor: number | null
  /** Some of `r`, `w`, `m`, each once. */
  readonly access: string
  readonly origin: string
}

export interface CpuLimits {
  readonly shares: bigint | null
  readonly quota: bigint | null
  readonly burst: bigint | null
  readonly period: bigint | null
  readonly realtimeRuntime: bigint | null
  readonly realtimePeriod: bigint | null
  readonly cpus: string | null
  readonly mems: string | null
  readonly idle: bigint | null
}

/** Amounts of -1 are unlimited. `swap` is memory and swap together. */
export interface MemoryLimits {
  readonly limit: bigint | null
  readonly reservation: bigint | null
  readonly swap: bigint | null
  readonly swappiness: bigint | null
  readonly disableOOMKiller: boolean | null
  readonly useHierarchy: boolean | null
  readonly checkBeforeUpdate: boolean
}

export interface BlockIO {
  readonly weight: number | null
  readonly leafWeight: number | null
  readonly weightDevice: readonly WeightDevice[]
  readonly throttleReadBpsDevice: readonly ThrottleDevice[]
  readonly throttleWriteBpsDevice: readonly ThrottleDevice[]
  readonly throttleReadIOPSDevice: readonly ThrottleDevice[]
  readonly throttleWriteIOPSDevice: readonly ThrottleDevice[]
}

export interface WeightDevice {
  readonly major: number
  readonly minor: number
  readonly weight: number | null
  readonly leafWeight: number | null
  readonly origin: string
}

/** `rate`: bytes (or operations) a second; 0 is unlimited. */
export interface ThrottleDevice {
  readonly major: number
  readonly minor: number
  readonly rate: bigint
  readonly origin: string
}

export interface HugepageLimit {
  /** As the kernel names it in file names: such as 2MB, 1GB, 64KB. */
  readonly pageSize: string
  readonly limit: bigint
  readonly origin: string
}

export interface NetworkClasses {
  readonly classID: number | null
  readonly priorities: readonly { readonly name: string; readonly priority: number; readonly origin: string }[]
}

export interface RdmaLimit {
  readonly device: string
  readonly hcaHandles: number | null
  readonly hcaObjects: number | null
  readonly origin: string
}
