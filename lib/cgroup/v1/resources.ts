/** The configuration's resources in the files of cgroup v1 (config-linux.md#control-groups). Pure. */
import type { Resources, ThrottleDevice } from '../../config/config.js'
import { isAsked, isList, isSwappiness, RESOURCES, type Wish, wishesOf } from '../setting.js'

const CPU = `${RESOURCES}/cpu`
const MEMORY = `${RESOURCES}/memory`
const BLOCK_IO = `${RESOURCES}/blockIO`
const NETWORK = `${RESOURCES}/network`

export function cpu({ cpu: asked }: Resources): Wish[] {
  const { set, refuse } = wishesOf('cpu')
  const wishes: Wish[] = []
  if (isAsked(asked.shares)) {
    // The kernel would silently take the nearest number that it knows.
    const isKnown = asked.shares >= 2n && asked.shares <= 262144n
    const reason = 'cgroup v1 takes shares from 2 to 262144'
    wishes.push(isKnown ? set(`${CPU}/shares`, { 'cpu.shares': asked.shares }) : refuse(`${CPU}/shares`, reason))
  }
  if (isAsked(asked.realtimePeriod)) {
    wishes.push(set(`${CPU}/realtimePeriod`, { 'cpu.rt_period_us': asked.realtimePeriod }))
  }
  if (isAsked(asked.realtimeRuntime)) {
    wishes.push(set(`${CPU}/realtimeRuntime`, { 'cpu.rt_runtime_us': asked.realtimeRuntime }))
  }
  if (isAsked(asked.period)) wishes.push(set(`${CPU}/period`, { 'cpu.cfs_period_us': asked.period }))
  if (isAsked(asked.quota)) {
    wishes.push(set(`${CPU}/quota`, { 'cpu.cfs_quota_us': asked.quota < 0n ? -1 : asked.quota }))
  }
  if (asked.burst !== null) wishes.push(set(`${CPU}/burst`, { 'cpu.cfs_burst_us': asked.burst }))
  // After the shares: an idle cgroup refuses them.
  if (asked.idle !== null) wishes.push(set(`${CPU}/idle`, { 'cpu.idle': asked.idle }))
  return wishes
}

export function cpuset({ cpu: asked }: Resources): Wish[] {
  const { set } = wishesOf('cpuset')
  return [
    ...(isList(asked.cpus) ? [set(`${CPU}/cpus`, { 'cpuset.cpus': asked.cpus })] : []),
    ...(isList(asked.mems) ? [set(`${CPU}/mems`, { 'cpuset.mems': asked.mems })] : []),
  ]
}

export function memory({ memory: asked }: Resources): Wish[] {
  const { set, setIfThere, refuse } = wishesOf('memory')
  const wishes: Wish[] = []
  if (isAsked(asked.limit)) wishes.push(set(`${MEMORY}/limit`, { 'memory.limit_in_bytes': asked.limit }))
  if (isAsked(asked.swap)) {
    const write = asked.swap === -1n ? setIfThere : set
    wishes.push(write(`${MEMORY}/swap`, { 'memory.memsw.limit_in_bytes': asked.swap }))
  } else if (asked.limit === -1n) {
    // Memory and swap together can't stay below memory alone.
    wishes.push(setIfThere(`${MEMORY}/limit`, { 'memory.memsw.limit_in_bytes': -1 }))
  }
  if (isAsked(asked.reservation)) {
    wishes.push(set(`${MEMORY}/reservation`, { 'memory.soft_limit_in_bytes': asked.reservation }))
  }
  if (isSwappiness(asked.swappiness)) {
    wishes.push(set(`${MEMORY}/swappiness`, { 'memory.swappiness': asked.swappiness }))
  }
  if (asked.disableOOMKiller === true) {
    wishes.push(set(`${MEMORY}/disableOOMKiller`, { 'memory.oom_control': 1 }))
  }
  if (asked.useHierarchy === false) {
    wishes.push(refuse(`${MEMORY}/useHierarchy`, 'since Linux 5.11 memory is always accounted hierarchically'))
  }
  return wishes
}

export function pids({ pids: { limit } }: Resources): Wish[] {
  if (limit === null) return []
  return [wishesOf('pids').set(`${RESOURCES}/pids/limit`, { 'pids.max': limit < 0n ? 'max' : limit })]
}

export function blkio({ blockIO: asked }: Resources): Wish[] {
  const { set } = wishesOf('blkio')
  const { weight, leafWeight } = asked
  const wishes: Wish[] = []
  if (isAsked(weight)) wishes.push(set(`${BLOCK_IO}/weight`, { 'blkio.weight': weight, 'blkio.bfq.weight': weight }))
  if (isAsked(leafWeight)) wishes.push(set(`${BLOCK_IO}/leafWeight`, { 'blkio.leaf_weight': leafWeight }))
  for (const { major, minor, weight, leafWeight, origin } of asked.weightDevice) {
    const device = `${major}:${minor}`
    const line = `${device} ${weight}`
    if (weight !== null) wishes.push(set(origin, { 'blkio.weight_device': line, 'blkio.bfq.weight_device': line }))
    if (leafWeight !== null) wishes.push(set(origin, { 'blkio.leaf_weight_device': `${device} ${leafWeight}` }))
  }
  return [
    ...wishes,
    ...throttled('blkio.throttle.read_bps_device', asked.throttleReadBpsDevice),
    ...throttled('blkio.throttle.write_bps_device', asked.throttleWriteBpsDevice),
    ...throttled('blkio.throttle.read_iops_device', asked.throttleReadIOPSDevice),
    ...throttled('blkio.throttle.write_iops_device', asked.throttleWriteIOPSDevice),
  ]
}

function throttled(file: string, devices: readonly ThrottleDevice[]): Wish[] {
  const { set } = wishesOf('blkio')
  return devices.map(({ major, minor, rate, origin }) => set(origin, { [file]: `${major}:${minor} ${rate}` }))
}

export function hugetlb({ hugepageLimits }: Resources): Wish[] {
  const { set } = wishesOf('hugetlb')
  return hugepageLimits.flatMap(({ pageSize, limit, origin }) => [
    set(origin, { [`hugetlb.${pageSize}.limit_in_bytes`]: limit }),
    set(origin, { [`hugetlb.${pageSize}.rsvd.limit_in_bytes`]: limit }),
  ])
}

export function netClass({ network: { classID } }: Resources): Wish[] {
  return isAsked(classID) ? [wishesOf('net_cls').set(`${NETWORK}/classID`, { 'net_cls.classid': classID })] : []
}

export function netPriority({ network: { priorities } }: Resources): Wish[] {
  const { set } = wishesOf('net_prio')
  return priorities.map(({ name, priority, origin }) => set(origin, { 'net_prio.ifpriomap': `${name} ${priority}` }))
}

/** The same file in both versions. */
export function rdma({ rdma: limits }: Resources): Wish[] {
  const { set } = wishesOf('rdma')
  return limits.flatMap(({ device, hcaHandles, hcaObjects, origin }) => {
    const handles = hcaHandles === null ? '' : ` hca_handle=${hcaHandles}`
    const objects = hcaObjects === null ? '' : ` hca_object=${hcaObjects}`
    return handles + objects === '' ? [] : [set(origin, { 'rdma.max': `${device}${handles}${objects}` })]
  })
}
