/** What a container's cgroup counts: one shape for both versions. Amounts are bytes, times nanoseconds. */
/**
 * A part is null if the host does not account for it (no such controller, or no such file). Numbers beyond 2^53 lose their
 * last digits. A limit of null is none.
 */
export interface Stats {
  readonly cpu: CpuStats | null
  readonly cpuset: CpusetStats | null
  readonly memory: MemoryStats | null
  readonly pids: { readonly current: number; readonly limit: number | null } | null
  readonly io: IoStats | null
  /** By the size of the pages, such as 2MB. */
  readonly hugetlb: Readonly<Record<string, HugetlbStats>>
}

export interface CpuStats {
  readonly usage: {
    readonly total: number
    readonly user: number
    readonly kernel: number
    /** By the number of the CPU; only cgroup v1 counts so. */
    readonly perCpu: readonly { readonly total: number; readonly user: number; readonly kernel: number }[] | null
  }
  readonly throttling: {
    readonly periods: number
    readonly throttledPeriods: number
    readonly throttledTime: number
  }
  readonly pressure: Pressure | null
}

/** Pressure stall information: how long tasks waited for the resource (Linux 4.20 with cgroup v2). */
export interface Pressure {
  /** At least one task waited. */
  readonly some: PressureShare
  /** All of them did; null if the kernel does not tell. */
  readonly full: PressureShare | null
}

export interface PressureShare {
  /** Percent of the last 10, 60 and 300 seconds. */
  readonly average10: number
  readonly average60: number
  readonly average300: number
  /** Microseconds. */
  readonly total: number
}

/** The settings of cgroup v1 are null on version 2. */
export interface CpusetStats {
  /** Those that can be used. */
  readonly cpus: readonly number[]
  readonly mems: readonly number[]
  readonly flags: Readonly<Record<CpusetFlag, number>> | null
}

export type CpusetFlag =
  | 'cpu_exclusive'
  | 'mem_hardwall'
  | 'mem_exclusive'
  | 'memory_migrate'
  | 'memory_spread_page'
  | 'memory_spread_slab'
  | 'memory_pressure'
  | 'sched_load_balance'
  | 'sched_relax_domain_level'

export interface MemoryStats extends MemoryUsage {
  /** Page cache. */
  readonly cache: number
  /** cgroup v1: memory and swap together; version 2: swap alone. null: swap is not accounted. */
  readonly swap: MemoryUsage | null
  readonly kernel: MemoryUsage | null
  readonly kernelTCP: MemoryUsage | null
  /** How many processes the OOM killer has killed. */
  readonly oomKills: number
  /** All of memory.stat. */
  readonly raw: Readonly<Record<string, number>>
  readonly pressure: Pressure | null
}

export interface MemoryUsage {
  readonly usage: number
  readonly limit: number | null
  /** The most there was; null if the kernel does not tell. */
  readonly peak: number | null
  /** How often the limit was hit. */
  readonly failures: number
}

/** A count of one block device and operation (`Read`, `Write`, `Sync`, ...; "" if there is one count for all). */
export interface IoEntry {
  readonly major: number
  readonly minor: number
  readonly operation: string
  readonly value: number
}

export type IoCount =
  | 'serviceBytes'
  | 'serviced'
  | 'queued'
  | 'serviceTime'
  | 'waitTime'
  | 'merged'
  | 'time'
  | 'sectors'

/** Empty lists for what the host's I/O scheduler does not count. */
export interface IoStats extends Readonly<Record<IoCount, readonly IoEntry[]>> {
  readonly pressure: Pressure | null
}

export interface HugetlbStats {
  readonly usage: number
  /** null if the kernel does not tell. */
  readonly peak: number | null
  readonly failures: number
}
