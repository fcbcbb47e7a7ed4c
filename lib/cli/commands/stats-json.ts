/** Statistics as the readers of `runc events` know them: its names, its order, and its way of leaving out what is 0. */
import type { HugetlbStats, IoEntry, MemoryUsage, Pressure, PressureShare, Stats } from '../../index.js'

/** What stands for no limit: an unsigned number of 64 bits, which JSON.stringify can't write. */
const NO_LIMIT = { 1: '9223372036854771712', 2: '18446744073709551615' } as const
const marked = (digits: string): string => `uint64:${digits}`

/** One line. */
export function statsJson(id: string, stats: Stats): string {
  const text = JSON.stringify({ type: 'stats', id, data: dataOf(stats) })
  return `${text.replace(/"uint64:([0-9]+)"/g, '$1')}\n`
}

function dataOf(stats: Stats): object {
  const { pids, hugetlb } = stats
  return {
    cpu: cpuOf(stats.cpu),
    cpuset: cpusetOf(stats.cpuset),
    memory: memoryOf(stats.memory),
    pids: filled({ current: pids?.current, limit: pids?.limit }),
    blkio: blkioOf(stats.io),
    hugetlb: Object.fromEntries(Object.entries(hugetlb).map(([size, one]) => [size, hugetlbOf(one)])),
    intel_rdt: {},
    network_interfaces: null,
  }
}

type Fields = Readonly<Record<string, unknown>>

/** Without what is 0, null or an empty list. */
function filled(fields: Fields): Fields {
  const isFilled = (value: unknown): boolean =>
    value !== 0 && value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0)
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => isFilled(value)))
}

function cpuOf(cpu: Stats['cpu']): object {
  if (cpu === null) return { usage: { kernel: 0, user: 0 }, throttling: {} }
  const { total, perCpu, kernel, user } = cpu.usage
  const percpu = {
    percpu: perCpu?.map(one => one.total),
    percpu_kernel: perCpu?.map(one => one.kernel),
    percpu_user: perCpu?.map(one => one.user),
  }
  const usage = { ...filled({ total, ...percpu }), kernel, user }
  return { usage, throttling: filled(cpu.throttling), ...psiOf(cpu.pressure) }
}

function psiOf(pressure: Pressure | null): object {
  if (pressure === null) return {}
  const share = (one: PressureShare | null): object => ({
    avg10: one?.average10 ?? 0,
    avg60: one?.average60 ?? 0,
    avg300: one?.average300 ?? 0,
    total: one?.total ?? 0,
  })
  return { psi: { some: share(pressure.some), full: share(pressure.full) } }
}

function cpusetOf(cpuset: Stats['cpuset']): object {
  const flags = cpuset?.flags ?? null
  const flag = (name: keyof NonNullable<typeof flags>): number => flags?.[name] ?? 0
  return {
    ...filled({ cpus: cpuset?.cpus }),
    cpu_exclusive: flag('cpu_exclusive'),
    ...filled({ mems: cpuset?.mems }),
    mem_hardwall: flag('mem_hardwall'),
    mem_exclusive: flag('mem_exclusive'),
    memory_migrate: flag('memory_migrate'),
    memory_spread_page: flag('memory_spread_page'),
    memory_spread_slab: flag('memory_spread_slab'),
    memory_pressure: flag('memory_pressure'),
    sched_load_balance: flag('sched_load_balance'),
    sched_relax_domain_level: flag('sched_relax_domain_level'),
  }
}

function memoryOf(memory: Stats['memory']): object {
  if (memory === null) return { usage: NOTHING, swap: NOTHING, kernel: NOTHING, kernelTCP: NOTHING }
  const version = memory.kernel === null ? 2 : 1
  const entry = (usage: MemoryUsage | null): object => (usage === null ? NOTHING : usageOf(usage, version))
  const raw = Object.entries(memory.raw).sort(([one], [other]) => (one < other ? -1 : 1))
  return {
    ...filled({ cache: memory.cache }),
    usage: entry(memory),
    swap: entry(version === 1 ? memory.swap : combined(memory, memory.swap)),
    kernel: entry(memory.kernel),
    kernelTCP: entry(memory.kernelTCP),
    raw: Object.fromEntries(raw),
    ...psiOf(memory.pressure),
  }
}

const NOTHING = { limit: 0, failcnt: 0 }

function usageOf({ limit, usage, peak, failures }: MemoryUsage, version: 1 | 2): object {
  const shown = limit === null ? marked(NO_LIMIT[version]) : limit
  return { limit: shown, ...filled({ usage, max: peak }), failcnt: failures }
}

/** Version 2 counts swap alone; readers expect it together with memory. */
function combined(memory: MemoryUsage, swap: MemoryUsage | null): MemoryUsage | null {
  if (swap === null) return null
  const limit = memory.limit === null || swap.limit === null ? null : memory.limit + swap.limit
  return { usage: memory.usage + swap.usage, limit, peak: null, failures: swap.failures }
}

function blkioOf(io: Stats['io']): object {
  if (io === null) return {}
  const entries = (list: readonly IoEntry[]): Fields[] =>
    list.map(({ major, minor, operation, value }) => filled({ major, minor, op: operation || null, value }))
  const lists = filled({
    ioServiceBytesRecursive: entries(io.serviceBytes),
    ioServicedRecursive: entries(io.serviced),
    ioQueueRecursive: entries(io.queued),
    ioServiceTimeRecursive: entries(io.serviceTime),
    ioWaitTimeRecursive: entries(io.waitTime),
    ioMergedRecursive: entries(io.merged),
    ioTimeRecursive: entries(io.time),
    sectorsRecursive: entries(io.sectors),
  })
  return { ...lists, ...psiOf(io.pressure) }
}

const hugetlbOf = ({ usage, peak, failures }: HugetlbStats): object => ({
  ...filled({ usage, max: peak }),
  failcnt: failures,
})
