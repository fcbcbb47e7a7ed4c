/** The configuration's resources, which speak cgroup v1, in the files of cgroup v2. Pure. */
import type { MemoryLimits, Resources, ThrottleDevice } from '../../config/config.js'
import { isAsked, isList, isSwappiness, RESOURCES, type Wish, wishesOf } from '../setting.js'

const CPU = `${RESOURCES}/cpu`
const MEMORY = `${RESOURCES}/memory`
const BLOCK_IO = `${RESOURCES}/blockIO`

/**
 * The weight (1 to 10000) for cpu.shares (2 to 262144): a curve through (2, 1), (1024, 100) and (262144, 10000), so that
 * the two defaults meet. Other runtimes use the same one.
 */
function weightOfShares(shares: bigint): number {
  if (shares <= 2n) return 1
  if (shares >= 262144n) return 10000
  const l = Math.log2(Number(shares))
  return Math.ceil(10 ** ((l * l + 125 * l) / 612 - 7 / 34))
}

export function cpu({ cpu: asked }: Resources): Wish[] {
  const { set, refuse } = wishesOf('cpu')
  const wishes: Wish[] = []
  if (isAsked(asked.shares)) wishes.push(set(`${CPU}/shares`, { 'cpu.weight': weightOfShares(asked.shares) }))
  const bandwidth = bandwidthOf(asked)
  if (bandwidth !== null) {
    wishes.push(set(isAsked(asked.quota) ? `${CPU}/quota` : `${CPU}/period`, { 'cpu.max': bandwidth }))
  }
  if (asked.burst !== null) wishes.push(set(`${CPU}/burst`, { 'cpu.max.burst': asked.burst }))
  // After the weight: an idle cgroup refuses it.
  if (asked.idle !== null) wishes.push(set(`${CPU}/idle`, { 'cpu.idle': asked.idle }))
  for (const field of ['realtimePeriod', 'realtimeRuntime'] as const) {
    if (isAsked(asked[field])) wishes.push(refuse(`${CPU}/${field}`, 'cgroup v2 can not limit realtime tasks'))
  }
  return wishes
}

/** `QUOTA` leaves the period as it is, which is 100000 in a new cgroup. */
function bandwidthOf({ quota, period }: Resources['cpu']): string | null {
  const limit = isAsked(quota) && quota > 0n ? String(quota) : 'max'
  if (isAsked(period)) return `${limit} ${period}`
  return isAsked(quota) ? limit : null
}

export function cpuset({ cpu: asked }: Resources): Wish[] {
  const { set } = wishesOf('cpuset')
  return [
    ...(isList(asked.cpus) ? [set(`${CPU}/cpus`, { 'cpuset.cpus': asked.cpus })] : []),
    ...(isList(asked.mems) ? [set(`${CPU}/mems`, { 'cpuset.mems': asked.mems })] : []),
  ]
}

const amount = (bytes: bigint): string => (bytes < 0n ? 'max' : String(bytes))

export function memory({ memory: asked }: Resources): Wish[] {
  const { set, refuse } = wishesOf('memory')
  // Swap first: with the lower memory limit in place, pages would already move to a swap that is not limited yet.
  const wishes = [swapOf(asked)].filter(wish => wish !== null)
  if (isAsked(asked.limit)) wishes.push(set(`${MEMORY}/limit`, { 'memory.max': amount(asked.limit) }))
  if (isAsked(asked.reservation)) {
    wishes.push(set(`${MEMORY}/reservation`, { 'memory.low': amount(asked.reservation) }))
  }
  if (isSwappiness(asked.swappiness)) {
    wishes.push(refuse(`${MEMORY}/swappiness`, 'cgroup v2 has no swappiness'))
  }
  if (asked.disableOOMKiller === true) {
    wishes.push(refuse(`${MEMORY}/disableOOMKiller`, 'cgroup v2 can not disable the OOM killer'))
  }
  if (asked.useHierarchy === false) {
    wishes.push(refuse(`${MEMORY}/useHierarchy`, 'cgroup v2 always accounts memory hierarchically'))
  }
  return wishes
}

/** The configuration's `swap` is memory and swap together, memory.swap.max is swap alone. */
function swapOf({ limit, swap }: MemoryLimits): Wish | null {
  const { set, setIfThere, refuse } = wishesOf('memory')
  const origin = `${MEMORY}/swap`
  // Without swap, the kernel has no such file: then there is nothing to lift, or to take away.
  if (!isAsked(swap)) return limit === -1n ? setIfThere(`${MEMORY}/limit`, { 'memory.swap.max': 'max' }) : null
  if (swap === -1n) return setIfThere(origin, { 'memory.swap.max': 'max' })
  if (limit === -1n) return set(origin, { 'memory.swap.max': swap })
  if (!isAsked(limit)) return refuse(origin, 'unable to set swap limit without memory limit')
  if (swap < limit) return refuse(origin, 'memory+swap limit should be >= memory limit')
  return (swap === limit ? setIfThere : set)(origin, { 'memory.swap.max': swap - limit })
}

export function pids({ pids: { limit } }: Resources): Wish[] {
  if (limit === null) return []
  return [wishesOf('pids').set(`${RESOURCES}/pids/limit`, { 'pids.max': amount(limit) })]
}

/** The weight (1 to 10000) of io.weight for a blkio weight (10 to 1000). */
function ioWeight(weight: number): number {
  return 1 + Math.trunc(((weight - 10) * 9999) / 990)
}

export function io({ blockIO: asked }: Resources): Wish[] {
  const { set, refuse } = wishesOf('io')
  const { weight, leafWeight } = asked
  const wishes: Wish[] = []
  if (isAsked(weight)) {
    wishes.push(set(`${BLOCK_IO}/weight`, { 'io.bfq.weight': weight, 'io.weight': ioWeight(weight) }))
  }
  if (isAsked(leafWeight)) wishes.push(refuse(`${BLOCK_IO}/leafWeight`, 'cgroup v2 has no leaf weight'))
  for (const { major, minor, weight, leafWeight, origin } of asked.weightDevice) {
    const device = `${major}:${minor}`
    const values =
      weight === null ? {} : { 'io.bfq.weight': `${device} ${weight}`, 'io.weight': `${device} ${ioWeight(weight)}` }
    if (weight !== null) wishes.push(set(origin, values))
    if (leafWeight !== null) wishes.push(refuse(origin, 'cgroup v2 has no leaf weight'))
  }
  return [
    ...wishes,
    ...throttled('rbps', asked.throttleReadBpsDevice),
    ...throttled('wbps', asked.throttleWriteBpsDevice),
    ...throttled('riops', asked.throttleReadIOPSDevice),
    ...throttled('wiops', asked.throttleWriteIOPSDevice),
  ]
}

/** A rate of 0 means no limit in the configuration and is refused by io.max. */
function throttled(key: string, devices: readonly ThrottleDevice[]): Wish[] {
  const { set } = wishesOf('io')
  return devices.map(({ major, minor, rate, origin }) =>
    set(origin, { 'io.max': `${major}:${minor} ${key}=${rate === 0n ? 'max' : rate}` }),
  )
}

export function hugetlb({ hugepageLimits }: Resources): Wish[] {
  const { set } = wishesOf('hugetlb')
  return hugepageLimits.flatMap(({ pageSize, limit, origin }) => [
    set(origin, { [`hugetlb.${pageSize}.max`]: limit }),
    set(origin, { [`hugetlb.${pageSize}.rsvd.max`]: limit }),
  ])
}

/** Values of several lines are written line by line: the kernel's files take one at a time. */
export function unified({ unified: files }: Resources): Wish[] {
  return files.flatMap(({ file, value, origin }): Wish[] => {
    const { set, refuse } = wishesOf(file.split('.', 1)[0] ?? '')
    if (!/^[^/\0]+$/.test(file) || file === '.' || file === '..') {
      return [refuse(origin, `${JSON.stringify(file)} is not the name of a file in the cgroup`)]
    }
    const lines = value.split('\n').filter((line, index, all) => line !== '' || (index === 0 && all.length === 1))
    return lines.map(line => set(origin, { [file]: line }))
  })
}
