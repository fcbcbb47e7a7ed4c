/** Counts in the files of cgroup v2. */
import type { CpuTime } from '../../sys/processes.js'
import type { Place } from '../place.js'
import { readFileIfThere } from '../tree.js'
import type { CpuStats, CpusetStats, HugetlbStats, IoEntry, IoStats, MemoryStats, MemoryUsage, Stats } from './stats.js'
import { limitOf, numbersOf, pageSizes, readNumber, readPressure, readTable, tableIn } from './stats-files.js'

const NANOSECONDS_A_MICROSECOND = 1000

export function cpu(place: Place): CpuStats | null {
  const table = readTable(place, 'cpu.stat')
  const time = (name: string): number => (table[name] ?? 0) * NANOSECONDS_A_MICROSECOND
  if (table.usage_usec === undefined) return null
  return {
    usage: { ...cpuTimeOf(table), perCpu: null },
    throttling: {
      periods: table.nr_periods ?? 0,
      throttledPeriods: table.nr_throttled ?? 0,
      throttledTime: time('throttled_usec'),
    },
    pressure: readPressure(place, 'cpu.pressure'),
  }
}

/** Nanoseconds, of the text of a cpu.stat. */
export const cpuTimeIn = (text: string): CpuTime => cpuTimeOf(tableIn(text))

const cpuTimeOf = ({ usage_usec = 0, user_usec = 0, system_usec = 0 }: Readonly<Record<string, number>>): CpuTime => ({
  total: usage_usec * NANOSECONDS_A_MICROSECOND,
  user: user_usec * NANOSECONDS_A_MICROSECOND,
  kernel: system_usec * NANOSECONDS_A_MICROSECOND,
})

export function cpuTime(place: Place): CpuTime | null {
  const text = readFileIfThere(place, 'cpu.stat')
  return text === null ? null : cpuTimeIn(text)
}

export const memoryPeak = (place: Place): number | null => readNumber(place, 'memory.peak')

export function cpuset(place: Place): CpusetStats | null {
  const cpus = readFileIfThere(place, 'cpuset.cpus.effective')
  if (cpus === null) return null
  const mems = readFileIfThere(place, 'cpuset.mems.effective') ?? ''
  return { cpus: numbersOf(cpus), mems: numbersOf(mems), flags: null }
}

export function memory(place: Place): MemoryStats | null {
  const usage = readNumber(place, 'memory.current')
  if (usage === null) return null
  const raw = readTable(place, 'memory.stat')
  const events = readTable(place, 'memory.events')
  return {
    usage,
    limit: limitOf(readNumber(place, 'memory.max')),
    peak: readNumber(place, 'memory.peak'),
    failures: events.max ?? 0,
    cache: raw.file ?? 0,
    swap: swapOf(place),
    kernel: null,
    kernelTCP: null,
    oomKills: events.oom_kill ?? 0,
    raw,
    pressure: readPressure(place, 'memory.pressure'),
  }
}

function swapOf(place: Place): MemoryUsage | null {
  const usage = readNumber(place, 'memory.swap.current')
  if (usage === null) return null
  return {
    usage,
    limit: limitOf(readNumber(place, 'memory.swap.max')),
    peak: readNumber(place, 'memory.swap.peak'),
    failures: readTable(place, 'memory.swap.events').max ?? 0,
  }
}

/** The same files in both versions. */
export function pids(place: Place): Stats['pids'] {
  const current = readNumber(place, 'pids.current')
  return current === null ? null : { current, limit: limitOf(readNumber(place, 'pids.max')) }
}

export function io(place: Place): IoStats | null {
  const text = readFileIfThere(place, 'io.stat')
  if (text === null) return null
  const devices = text.split('\n').flatMap(deviceOf)
  const entries = (counts: Readonly<Record<string, string>>): IoEntry[] =>
    devices.flatMap(({ major, minor, values }) =>
      Object.entries(counts).map(([operation, name]) => ({ major, minor, operation, value: values.get(name) ?? 0 })),
    )
  const none = { queued: [], serviceTime: [], waitTime: [], merged: [], time: [], sectors: [] }
  return {
    ...none,
    serviceBytes: entries({ Read: 'rbytes', Write: 'wbytes', Discard: 'dbytes' }),
    serviced: entries({ Read: 'rios', Write: 'wios', Discard: 'dios' }),
    pressure: readPressure(place, 'io.pressure'),
  }
}

/** `8:0 rbytes=0 wbytes=4096 rios=0 ...` */
function deviceOf(line: string) {
  const [device = '', ...words] = line.split(' ')
  const [, major, minor] = /^([0-9]+):([0-9]+)$/.exec(device) ?? []
  if (major === undefined || words.length === 0) return []
  const values = words.map(word => word.split('=')).map(([name = '', value]) => [name, Number(value)] as const)
  return [{ major: Number(major), minor: Number(minor), values: new Map(values) }]
}

export function hugetlb(place: Place): Readonly<Record<string, HugetlbStats>> {
  const entries = pageSizes(place).map(size => {
    const failures = readTable(place, `hugetlb.${size}.events`).max ?? 0
    return [size, { usage: readNumber(place, `hugetlb.${size}.current`) ?? 0, peak: null, failures }] as const
  })
  return Object.fromEntries(entries)
}
