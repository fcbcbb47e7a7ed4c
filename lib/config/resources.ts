/** `linux.resources`, normalised: null if the configuration says nothing. Amounts are bytes, times microseconds. */
import { type BlockIO, blockIOShape, checkBlockIO, normaliseBlockIO } from './block-io.js'
import type { Report, Rule, Warn } from './issues.js'
import { pointer } from './json.js'
import type { OciCpu, OciDeviceRule, OciInteger, OciMemory, OciResources } from './oci-config.js'
import * as s from './shape.js'

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

const amount = s.optional(s.integer(-1, 2n ** 63n - 1n))
const setList = s.optional(s.word(/^[0-9,:/ -]*$/, 'a list such as 0-3,7'))

const memory = s.object({
  limit: amount,
  reservation: amount,
  swap: amount,
  kernel: amount,
  kernelTCP: amount,
  swappiness: s.optional(s.integer(0, 100)),
  disableOOMKiller: s.optional(s.truth),
  useHierarchy: s.optional(s.truth),
  checkBeforeUpdate: s.optional(s.truth),
})

const cpu = s.object({
  shares: s.optional(s.uint64),
  quota: s.optional(s.int64),
  burst: s.optional(s.uint64),
  period: s.optional(s.uint64),
  realtimeRuntime: s.optional(s.int64),
  realtimePeriod: s.optional(s.uint64),
  cpus: setList,
  mems: setList,
  idle: s.optional(s.integer(0, 1)),
})

const deviceRule = s.object({
  allow: s.truth,
  type: s.optional(s.oneOf(['a', 'b', 'c'])),
  major: s.optional(s.integer(-1, s.MOST_MAJOR)),
  minor: s.optional(s.integer(-1, s.MOST_MINOR)),
  access: s.optional(s.word(/^(?!.*(.).*\1)[rwm]+$/, 'some of the letters r, w and m, each once')),
})

export const resourcesShape = s.object({
  unified: s.optional(s.map(s.text)),
  devices: s.optional(s.list(deviceRule)),
  pids: s.optional(s.object({ limit: s.integer(-1, 2n ** 63n - 1n) })),
  cpu: s.optional(cpu),
  memory: s.optional(memory),
  blockIO: s.optional(blockIOShape),
  hugepageLimits: s.optional(
    s.list(s.object({ pageSize: s.word(/^[1-9][0-9]*[KMG]B$/, 'the size of a page such as 2MB'), limit: s.uint64 })),
  ),
  network: s.optional(
    s.object({
      classID: s.optional(s.uint32),
      priorities: s.optional(
        s.list(s.object({ name: s.word(/^[^/\s]+$/, 'the name of a network interface'), priority: s.uint32 })),
      ),
    }),
  ),
  rdma: s.optional(s.map(s.object({ hcaHandles: s.optional(s.uint32), hcaObjects: s.optional(s.uint32) }))),
})

/** A rule about one member of the resources; `base` is its JSON pointer. */
function about<K extends keyof OciResources>(
  field: K,
  check: (value: NonNullable<OciResources[K]>, base: string, report: Report) => void,
): Rule {
  const base = `/linux/resources/${field}`
  return {
    reads: [base],
    check({ linux = {} }, { report }) {
      const value = linux.resources?.[field]
      if (value !== undefined) check(value, base, report)
    },
  }
}

export const resourceRules: readonly Rule[] = [
  about('memory', checkSwap),
  about('cpu', ({ burst = 0, quota = 0 }, base, report) => {
    if (quota <= 0 || burst <= quota) return
    report({ path: `${base}/burst`, expected: `at most the quota ${quota}`, received: burst })
  }),
  about('blockIO', checkBlockIO),
  {
    reads: [],
    check(_config, { each, report }) {
      for (const [rule, path] of each<OciDeviceRule>('/linux/resources/devices')) checkDeviceRule(rule, path, report)
    },
  },
  about('hugepageLimits', (limits, base, report) => {
    for (const [index, { pageSize }] of limits.entries()) {
      if (limits.findIndex(other => other.pageSize === pageSize) === index) continue
      report({ path: pointer(base, index, 'pageSize'), expected: 'a size not in the list before', received: pageSize })
    }
  }),
  about('rdma', (rdma, base, report) => {
    for (const [device, limits] of Object.entries(rdma)) {
      const path = pointer(base, device)
      if (/[/\s]/.test(device)) report({ path, expected: 'under the name of a device', received: device })
      if (limits.hcaHandles !== undefined || limits.hcaObjects !== undefined) continue
      report({ path, expected: 'an object with hcaHandles or hcaObjects', received: limits })
    }
  }),
  about('unified', (unified, base, report) => {
    for (const file of Object.keys(unified)) {
      if (!/[/\n]/.test(file) && file !== '.' && file !== '..') continue
      report({ path: pointer(base, file), expected: 'under the name of a file, without a slash', received: file })
    }
  }),
]

/** With a type "a" that is written, both types of that number are meant. */
function checkDeviceRule({ type, ...rule }: OciDeviceRule, base: string, report: Report): void {
  for (const field of ['major', 'minor'] as const) {
    if (type !== undefined || (rule[field] ?? -1) === -1) continue
    // The kernel takes numbers without a type as all devices, which nobody who writes numbers means.
    report({ path: `${base}/${field}`, expected: 'absent without a type', received: rule[field] })
  }
}

function checkSwap({ limit = 0, swap = 0 }: OciMemory, base: string, report: Report): void {
  const path = `${base}/swap`
  if (swap <= 0) return
  if (limit <= 0) report({ path, expected: 'absent without a memory limit, as it is memory and swap', received: swap })
  else if (swap < limit)
    report({ path, expected: `at least the memory limit ${limit}, which it includes`, received: swap })
}

const bigOrNull = (value: OciInteger | undefined): bigint | null => (value === undefined ? null : BigInt(value))
const numberOrNull = (value: OciInteger | undefined): number | null => (value === undefined ? null : Number(value))

/** The resources as everything else works with them; `base` is the JSON pointer that they stand at. */
export function normaliseResources(resources: OciResources, base: string, warn: Warn): Resources {
  const { unified = {}, devices = [], hugepageLimits = [], network = {}, rdma = {} } = resources
  return {
    unified: Object.entries(unified).map(([file, value]) => ({ file, value, origin: pointer(base, 'unified', file) })),
    devices: devices.map((device, index) => normaliseDeviceRule(device, pointer(base, 'devices', index))),
    pids: { limit: bigOrNull(resources.pids?.limit) },
    cpu: normaliseCpu(resources.cpu ?? {}),
    memory: normaliseMemory(resources.memory ?? {}, pointer(base, 'memory'), warn),
    blockIO: normaliseBlockIO(resources.blockIO ?? {}, pointer(base, 'blockIO')),
    hugepageLimits: hugepageLimits.map(({ pageSize, limit }, index) => ({
      pageSize,
      limit: BigInt(limit),
      origin: pointer(base, 'hugepageLimits', index),
    })),
    network: {
      classID: numberOrNull(network.classID),
      priorities: (network.priorities ?? []).map(({ name, priority }, index) => ({
        name,
        priority: Number(priority),
        origin: pointer(base, 'network', 'priorities', index),
      })),
    },
    rdma: Object.entries(rdma).map(([device, { hcaHandles, hcaObjects }]) => ({
      device,
      hcaHandles: numberOrNull(hcaHandles),
      hcaObjects: numberOrNull(hcaObjects),
      origin: pointer(base, 'rdma', device),
    })),
  }
}

function normaliseDeviceRule(rule: OciDeviceRule, origin: string): DeviceRule {
  const { allow, type = 'a', major = -1, minor = -1, access = 'rwm' } = rule
  const numberOrAll = (value: OciInteger): number | null => (Number(value) === -1 ? null : Number(value))
  return { allow, type, major: numberOrAll(major), minor: numberOrAll(minor), access, origin }
}

/** Docker writes 0 if it means nothing: for shares and the periods, 0 is no value that the kernel has. */
function normaliseCpu(cpu: OciCpu): CpuLimits {
  const unlessZero = (value: OciInteger | undefined): bigint | null => bigOrNull(value) || null
  return {
    shares: unlessZero(cpu.shares),
    quota: unlessZero(cpu.quota),
    burst: bigOrNull(cpu.burst),
    period: unlessZero(cpu.period),
    realtimeRuntime: bigOrNull(cpu.realtimeRuntime),
    realtimePeriod: unlessZero(cpu.realtimePeriod),
    cpus: cpu.cpus || null,
    mems: cpu.mems || null,
    idle: bigOrNull(cpu.idle),
  }
}

function normaliseMemory(memory: OciMemory, base: string, warn: Warn): MemoryLimits {
  for (const field of ['kernel', 'kernelTCP'] as const) {
    if ((memory[field] ?? -1) !== -1) warn(`${base}/${field}`, 'ignored: deprecated by the specification')
  }
  const unlessZero = (field: 'limit' | 'reservation' | 'swap'): bigint | null => {
    if (Number(memory[field]) === 0) warn(`${base}/${field}`, 'taken as absent: nothing can run in 0 bytes')
    return bigOrNull(memory[field]) || null
  }
  return {
    limit: unlessZero('limit'),
    reservation: unlessZero('reservation'),
    swap: unlessZero('swap'),
    swappiness: bigOrNull(memory.swappiness),
    disableOOMKiller: memory.disableOOMKiller ?? null,
    useHierarchy: memory.useHierarchy ?? null,
    checkBeforeUpdate: memory.checkBeforeUpdate ?? false,
  }
}
