/** update: other limits for a container that is there. */
import { openCgroup } from '../cgroup/index.js'
import type { DeviceRule, Resources } from '../config/config.js'
import { readResources } from '../config/read.js'
import { type SizedResources, withoutTexts } from '../config/size.js'
import { refuseUnknown } from '../config/unknown.js'
import { StateError } from '../errors.js'
import type { Context } from '../launch/context.js'
import { changeClass } from '../resctrl/class.js'
import { readStoredConfig, replaceStoredConfig } from '../store/stored-config.js'
import { withLocked } from './pause.js'

/** `linux.resources` of the specification, or its JSON text. What it leaves out, and 0, stays as it is. */
export type UpdateInput = SizedResources | string | Uint8Array

export interface UpdateOptions {
  /** Other shares of cache and memory bandwidth, as `linux.intelRdt` has them: `L3:0=f;1=f0`, `MB:0=20`. Default: they stay. */
  readonly l3CacheSchema?: string
  readonly memBwSchema?: string
}

/**
 * Writes the new limits, and keeps them with the container. A device list comes after the one that there is.
 * @throws {StateError} ERR_STATE_STATUS `container not running`
 * @throws {ConfigError|CgroupError} for what is wrong, what the host can't do, and what the kernel refuses
 */
export async function update(
  context: Context,
  { id, input, options }: { readonly id: string; readonly input: UpdateInput; readonly options: UpdateOptions },
): Promise<void> {
  await withLocked(context, id, async (record, status) => {
    if (status === 'stopped' || status === 'creating') throw notRunning(id, status)
    const config = readStoredConfig(context.store, id)
    const { resources: current } = config.linux
    const source = typeof input === 'string' || input instanceof Uint8Array ? input : withoutTexts(input)
    const { resources: given, warnings, unknown } = readResources(source, { memoryLimit: current.memory.limit })
    if (!context.ignoresUnknown) refuseUnknown(unknown)
    for (const message of warnings) context.log({ level: 'warning', message, id })
    const asked = completed(withoutZeroPids(given), current)
    const merged = mergeResources(current, asked)
    await openCgroup({ recorded: record.cgroup }).change({
      ...{ asked: { ...asked, devices: merged.devices }, before: current, after: merged },
      keepsDevices: given.devices.length === 0,
    })
    replaceStoredConfig(context.store, id, { ...config, linux: { ...config.linux, resources: merged } })
    const shares = [options.l3CacheSchema, options.memBwSchema].filter(line => line !== undefined)
    if (shares.length > 0) changeClass(record, shares)
  })
}

const notRunning = (id: string, status: string): StateError =>
  new StateError('ERR_STATE_STATUS', `container not running: ${id} is ${status}`, { id, status, expected: 'running' })

/** A limit of no process is what callers write that have nothing to say about it. */
const withoutZeroPids = (given: Resources): Resources =>
  given.pids.limit === 0n ? { ...given, pids: { limit: null } } : given

/**
 * Values that are written together, or that the kernel compares with each other: a memory limit with its swap, a CPU period with
 * its quota.
 */
function completed(given: Resources, current: Resources): Resources {
  const { limit } = given.memory
  const keepsSwap = limit !== null && limit > 0n && given.memory.swap === null && (current.memory.swap ?? 0n) > 0n
  const keepsQuota = given.cpu.period !== null && given.cpu.quota === null
  return {
    ...given,
    memory: { ...given.memory, swap: keepsSwap ? current.memory.swap : given.memory.swap },
    cpu: { ...given.cpu, quota: keepsQuota ? current.cpu.quota : given.cpu.quota },
  }
}

/** `given` over `current`: fields of their own, entries of lists by what they are about. */
function mergeResources(current: Resources, given: Resources): Resources {
  const device = ({ major, minor }: { major: number; minor: number }): string => `${major}:${minor}`
  const [io, newIo] = [current.blockIO, given.blockIO]
  return {
    unified: byKey(current.unified, given.unified, ({ file }) => file),
    devices: mergeDevices(current.devices, given.devices),
    pids: overlay(current.pids, given.pids),
    cpu: overlay(current.cpu, given.cpu),
    memory: { ...overlay(current.memory, given.memory), checkBeforeUpdate: current.memory.checkBeforeUpdate },
    blockIO: {
      weight: newIo.weight ?? io.weight,
      leafWeight: newIo.leafWeight ?? io.leafWeight,
      weightDevice: byKey(io.weightDevice, newIo.weightDevice, device),
      throttleReadBpsDevice: byKey(io.throttleReadBpsDevice, newIo.throttleReadBpsDevice, device),
      throttleWriteBpsDevice: byKey(io.throttleWriteBpsDevice, newIo.throttleWriteBpsDevice, device),
      throttleReadIOPSDevice: byKey(io.throttleReadIOPSDevice, newIo.throttleReadIOPSDevice, device),
      throttleWriteIOPSDevice: byKey(io.throttleWriteIOPSDevice, newIo.throttleWriteIOPSDevice, device),
    },
    hugepageLimits: byKey(current.hugepageLimits, given.hugepageLimits, ({ pageSize }) => pageSize),
    network: {
      classID: given.network.classID ?? current.network.classID,
      priorities: byKey(current.network.priorities, given.network.priorities, ({ name }) => name),
    },
    rdma: byKey(current.rdma, given.rdma, entry => entry.device),
  }
}

function overlay<T extends object>(current: T, given: T): T {
  const said = Object.entries(given).filter(([, value]) => value !== null)
  return { ...current, ...Object.fromEntries(said) }
}

function byKey<T>(current: readonly T[], given: readonly T[], keyOf: (entry: T) => string): T[] {
  return [...new Map([...current, ...given].map(entry => [keyOf(entry), entry])).values()]
}

/** The last rule wins, so nothing in front of one about all devices counts: an engine may send the whole list each time. */
function mergeDevices(current: readonly DeviceRule[], given: readonly DeviceRule[]): DeviceRule[] {
  const all = [...current, ...given]
  const isWhole = ({ type, access }: DeviceRule): boolean => type === 'a' && access.length === 3
  return all.slice(Math.max(0, all.findLastIndex(isWhole)))
}
