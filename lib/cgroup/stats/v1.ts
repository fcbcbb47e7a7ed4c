/** Counts in the files of cgroup v1. */
import type { CpuTime } from '../../sys/processes.js'
import type { Place } from '../place.js'
import { readFileIfThere } from '../tree.js'
import type {
  CpuStats,
  CpusetFlag,
  CpusetStats,
  HugetlbStats,
  IoCount,
  IoEntry,
  IoStats,
  MemoryStats,
  MemoryUsage,
} from './stats.js'
import { limitOf, numbersOf, pageSizes, readNumber, readPressure, readTable } from './stats-files.js'

/** USER_HZ of every architecture that Linux has. */
const NANOSECONDS_A_TICK = 10_000_000

interface CpuPlaces {
  readonly usage: Place
  readonly bandwidth: Place | null
  /** Only version 2 knows of pressure. */
  readonly unified: Place | null
}

export function cpu({ usage, bandwidth, unified }: CpuPlaces): CpuStats | null {
  const time = cpuTime(usage)
  if (time === null) return null
  const throttled = bandwidth === null ? {} : readTable(bandwidth, 'cpu.stat')
  return {
    usage: { ...time, perCpu: perCpu(usage) },
    throttling: {
      periods: throttled.nr_periods ?? 0,
      throttledPeriods: throttled.nr_throttled ?? 0,
      throttledTime: throttled.throttled_time ?? 0,
    },
    pressure: readPressure(unified, 'cpu.pressure'),
  }
}

/** Nanoseconds. */
export function cpuTime(place: Place): CpuTime | null {
  const total = readNumber(place, 'cpuacct.usage')
  if (total === null) return null
  const { user = 0, system = 0 } = readTable(place, 'cpuacct.stat')
  return { total, user: user * NANOSECONDS_A_TICK, kernel: system * NANOSECONDS_A_TICK }
}

export const memoryPeak = (place: Place): number | null => readNumber(place, 'memory.max_usage_in_bytes')

function perCpu(place: Place): CpuStats['usage']['perCpu'] {
  const totals = (readFileIfThere(place, 'cpuacct.usage_percpu') ?? '').trim().split(/\s+/)
  const lines = (readFileIfThere(place, 'cpuacct.usage_all') ?? '').trim().split('\n').slice(1)
  const split = new Map(lines.map(line => line.split(' ').map(Number)).map(([cpu, ...rest]) => [cpu, rest]))
  return totals.map((total, number) => {
    const [user = 0, kernel = 0] = split.get(number) ?? []
    return { total: Number(total), user, kernel }
  })
}

const CPUSET_FLAGS: Readonly<Record<CpusetFlag, true>> = {
  cpu_exclusive: true,
  mem_hardwall: true,
  mem_exclusive: true,
  memory_migrate: true,
  memory_spread_page: true,
  memory_spread_slab: true,
  memory_pressure: true,
  sched_load_balance: true,
  sched_relax_domain_level: true,
}

export function cpuset(place: Place): CpusetStats | null {
  const cpus = readFileIfThere(place, 'cpuset.cpus')
  if (cpus === null) return null
  const flags = Object.keys(CPUSET_FLAGS).map(name => [name, readNumber(place, `cpuset.${name}`) ?? 0])
  return {
    cpus: numbersOf(cpus),
    mems: numbersOf(readFileIfThere(place, 'cpuset.mems') ?? ''),
    flags: Object.fromEntries(flags) as Record<CpusetFlag, number>,
  }
}

export function memory(place: Place, unified: Place | null): MemoryStats | null {
  const all = usageOf(place, 'memory')
  if (all === null) return null
  const raw = readTable(place, 'memory.stat')
  return {
    ...all,
    cache: raw.cache ?? 0,
    swap: usageOf(place, 'memory.memsw'),
    kernel: usageOf(place, 'memory.kmem'),
    kernelTCP: usageOf(place, 'memory.kmem.tcp'),
    oomKills: readTable(place, 'memory.oom_control').oom_kill ?? 0,
    raw,
    pressure: readPressure(unified, 'memory.pressure'),
  }
}

function usageOf(place: Place, prefix: string): MemoryUsage | null {
  const usage = readNumber(place, `${prefix}.usage_in_bytes`)
  if (usage === null) return null
  return {
    usage,
    limit: limitOf(readNumber(place, `${prefix}.limit_in_bytes`)),
    peak: readNumber(place, `${prefix}.max_usage_in_bytes`),
    failures: readNumber(place, `${prefix}.failcnt`) ?? 0,
  }
}

const IO_FILES: Readonly<Record<IoCount, readonly string[]>> = {
  serviceBytes: ['bfq.io_service_bytes_recursive', 'throttle.io_service_bytes_recursive', 'throttle.io_service_bytes'],
  serviced: ['bfq.io_serviced_recursive', 'throttle.io_serviced_recursive', 'throttle.io_serviced'],
  queued: ['bfq.io_queued_recursive'],
  serviceTime: ['bfq.io_service_time_recursive'],
  waitTime: ['bfq.io_wait_time_recursive'],
  merged: ['bfq.io_merged_recursive'],
  time: ['bfq.time_recursive'],
  sectors: ['bfq.sectors_recursive'],
}

export function io(place: Place, unified: Place | null): IoStats {
  const counts = (Object.keys(IO_FILES) as IoCount[]).map(name => [name, firstFilled(place, IO_FILES[name])])
  return { ...(Object.fromEntries(counts) as IoStats), pressure: readPressure(unified, 'io.pressure') }
}

/** Which file counts depends on the scheduler of each device. */
function firstFilled(place: Place, files: readonly string[]): IoEntry[] {
  for (const file of files) {
    const entries = (readFileIfThere(place, `blkio.${file}`) ?? '').split('\n').flatMap(entryOf)
    if (entries.length > 0) return entries
  }
  return []
}

/** `8:0 Read 4096`, or `8:0 4096`; the totals at the end have no device. */
function entryOf(line: string): IoEntry[] {
  const [, major, minor, operation = '', value] = /^([0-9]+):([0-9]+) (?:([A-Za-z]+) )?([0-9]+)$/.exec(line) ?? []
  return value === undefined ? [] : [{ major: Number(major), minor: Number(minor), operation, value: Number(value) }]
}

export function hugetlb(place: Place): Readonly<Record<string, HugetlbStats>> {
  const entries = pageSizes(place).map(size => {
    const usage = readNumber(place, `hugetlb.${size}.usage_in_bytes`) ?? 0
    const peak = readNumber(place, `hugetlb.${size}.max_usage_in_bytes`)
    return [size, { usage, peak, failures: readNumber(place, `hugetlb.${size}.failcnt`) ?? 0 }] as const
  })
  return Object.fromEntries(entries)
}
