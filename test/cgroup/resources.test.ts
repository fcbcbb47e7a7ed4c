import t from 'tap'
import { type Available, asksForCgroups, compileSettings, firstAsked } from '../../lib/cgroup/resources.js'
import type { Resources } from '../../lib/config/config.js'
import { resources } from './resources.js'

const V1_NAMES = ['cpu', 'cpuset', 'memory', 'pids', 'blkio', 'hugetlb', 'rdma', 'net_cls', 'net_prio']
const V2_NAMES = ['cpu', 'cpuset', 'memory', 'pids', 'io', 'hugetlb', 'rdma']
const v1: Available = { v1: new Set(V1_NAMES), v2: null }
const v2: Available = { v1: new Set(), v2: new Set(V2_NAMES) }

/** Each setting as `file=value`, alternatives with a bar between them. */
const written = (asked: Resources, available: Available) =>
  compileSettings(asked, available).flatMap(({ settings }) =>
    settings.map(({ writes }) => writes.map(({ file, value }) => `${file}=${value}`).join('|')),
  )

/** The fields that are refused. */
function refused(asked: Resources, available: Available): readonly string[] {
  try {
    compileSettings(asked, available)
    return []
  } catch (error) {
    const { code, issues } = error as { code: string; issues: readonly { path: string }[] }
    if (code !== 'ERR_CONFIG_UNSUPPORTED') throw error
    return issues.map(({ path }) => path.replace('/linux/resources/', ''))
  }
}

t.test('A configuration that asks for nothing writes nothing.', async t => {
  t.same(written(resources(), v1), [])
  t.same(written(resources(), v2), [])
  t.notOk(asksForCgroups(resources()))
})

t.test('CPU shares become a weight, and the two defaults meet.', async t => {
  const weights = [
    [0n, []],
    [1n, ['cpu.weight=1']],
    [2n, ['cpu.weight=1']],
    [1024n, ['cpu.weight=100']],
    [262144n, ['cpu.weight=10000']],
    [9999999n, ['cpu.weight=10000']],
  ] as const
  for (const [shares, expected] of weights) t.same(written(resources({ cpu: { shares } }), v2), expected, `${shares}`)
  t.same(written(resources({ cpu: { shares: 512n } }), v1), ['cpu.shares=512'])
  t.same(refused(resources({ cpu: { shares: 1n } }), v1), ['cpu/shares'], 'the kernel would silently take 2')
  t.same(refused(resources({ cpu: { shares: 262145n } }), v1), ['cpu/shares'])
})

t.test('More shares never mean less weight.', async t => {
  const weightOf = (shares: number) => Number(written(resources({ cpu: { shares: BigInt(shares) } }), v2)[0]?.slice(11))
  const weights = Array.from({ length: 600 }, (_, index) => weightOf(2 + index * 437))
  t.same(
    weights,
    weights.toSorted((a, b) => a - b),
  )
})

t.test('CPU quota and period.', async t => {
  const of = (quota: bigint | null, period: bigint | null, where: Available) =>
    written(resources({ cpu: { quota, period } }), where)
  t.same(of(50000n, 200000n, v2), ['cpu.max=50000 200000'])
  t.same(of(50000n, null, v2), ['cpu.max=50000'])
  t.same(of(-1n, 100000n, v2), ['cpu.max=max 100000'])
  t.same(of(null, 100000n, v2), ['cpu.max=max 100000'])
  t.same(of(-5n, null, v2), ['cpu.max=max'])
  t.same(of(0n, 0n, v2), [])
  t.same(of(-5n, 100000n, v1), ['cpu.cfs_period_us=100000', 'cpu.cfs_quota_us=-1'])
  t.same(of(50000n, null, v1), ['cpu.cfs_quota_us=50000'])
})

t.test('CPU burst and idle may be 0, and idle comes after the shares.', async t => {
  const cpu = { burst: 0n, idle: 0n, shares: 100n }
  t.same(written(resources({ cpu }), v1), ['cpu.shares=100', 'cpu.cfs_burst_us=0', 'cpu.idle=0'])
  t.same(written(resources({ cpu }), v2), ['cpu.weight=17', 'cpu.max.burst=0', 'cpu.idle=0'])
})

t.test('Realtime limits exist in version 1 only.', async t => {
  const cpu = { realtimePeriod: 1000000n, realtimeRuntime: 950000n }
  t.same(written(resources({ cpu }), v1), ['cpu.rt_period_us=1000000', 'cpu.rt_runtime_us=950000'])
  t.same(refused(resources({ cpu }), v2), ['cpu/realtimePeriod', 'cpu/realtimeRuntime'])
})

t.test('CPUs and memory nodes.', async t => {
  for (const where of [v1, v2]) {
    t.same(written(resources({ cpu: { cpus: '0-1', mems: '0' } }), where), ['cpuset.cpus=0-1', 'cpuset.mems=0'])
    t.same(written(resources({ cpu: { cpus: '', mems: '' } }), where), [])
  }
})

t.test('Memory in version 1: swap is memory and swap together.', async t => {
  const of = (memory: Partial<Resources['memory']>) => written(resources({ memory }), v1)
  t.same(of({ limit: 100n, swap: 200n }), ['memory.limit_in_bytes=100', 'memory.memsw.limit_in_bytes=200'])
  t.same(of({ limit: -1n }), ['memory.limit_in_bytes=-1', 'memory.memsw.limit_in_bytes=-1'])
  t.same(of({ swap: 0n, limit: 0n }), [])
  t.same(of({ reservation: 50n, swappiness: 0n }), ['memory.soft_limit_in_bytes=50', 'memory.swappiness=0'])
  t.same(of({ swappiness: 2n ** 64n - 1n }), [], 'minus one, as some callers write "not set"')
  t.same(of({ disableOOMKiller: true }), ['memory.oom_control=1'])
  t.same(of({ disableOOMKiller: false, useHierarchy: true }), [])
  t.same(refused(resources({ memory: { useHierarchy: false } }), v1), ['memory/useHierarchy'])
})

t.test('Memory in version 2: swap is counted on its own.', async t => {
  const of = (memory: Partial<Resources['memory']>) => written(resources({ memory }), v2)
  t.same(of({ limit: 100n, swap: 250n }), ['memory.swap.max=150', 'memory.max=100'])
  t.same(of({ limit: 100n, swap: 100n }), ['memory.swap.max=0', 'memory.max=100'])
  t.same(of({ limit: 100n, swap: -1n }), ['memory.swap.max=max', 'memory.max=100'])
  t.same(of({ limit: 100n }), ['memory.max=100'])
  t.same(of({ limit: -1n }), ['memory.swap.max=max', 'memory.max=max'])
  t.same(of({ limit: -1n, swap: 70n }), ['memory.swap.max=70', 'memory.max=max'])
  t.same(of({ swap: -1n }), ['memory.swap.max=max'])
  t.same(of({ reservation: 50n }), ['memory.low=50'])
  t.same(of({ reservation: -1n }), ['memory.low=max'])
  t.same(refused(resources({ memory: { swap: 70n } }), v2), ['memory/swap'])
  t.same(refused(resources({ memory: { swap: 70n, limit: 71n } }), v2), ['memory/swap'])
  t.throws(() => of({ swap: 70n, limit: 71n }), { message: /memory\+swap limit should be >= memory limit/ })
  t.throws(() => of({ swap: 70n }), { message: /unable to set swap limit without memory limit/ })
})

t.test('What version 2 does not have is refused, all of it at once.', async t => {
  const asked = resources({
    memory: { swappiness: 60n, disableOOMKiller: true, useHierarchy: false },
    blockIO: { leafWeight: 100 },
    network: { classID: 1, priorities: [{ name: 'lo', priority: 1, origin: '/linux/resources/network/priorities/0' }] },
  })
  t.same(refused(asked, v2), [
    'memory/swappiness',
    'memory/disableOOMKiller',
    'memory/useHierarchy',
    'blockIO/leafWeight',
    'network/classID',
    'network/priorities/0',
  ])
})

t.test('A number of processes of 0 is a limit, a negative one is none.', async t => {
  for (const where of [v1, v2]) {
    t.same(written(resources({ pids: { limit: 0n } }), where), ['pids.max=0'])
    t.same(written(resources({ pids: { limit: 7n } }), where), ['pids.max=7'])
    t.same(written(resources({ pids: { limit: -1n } }), where), ['pids.max=max'])
  }
})

t.test('Block I/O in version 1.', async t => {
  const origin = '/linux/resources/blockIO/weightDevice/0'
  const asked = resources({
    blockIO: {
      weight: 500,
      leafWeight: 300,
      weightDevice: [{ major: 8, minor: 0, weight: 200, leafWeight: 100, origin }],
      throttleReadBpsDevice: [{ major: 8, minor: 16, rate: 1048576n, origin }],
      throttleWriteIOPSDevice: [{ major: 8, minor: 16, rate: 0n, origin }],
    },
  })
  t.same(written(asked, v1), [
    'blkio.weight=500|blkio.bfq.weight=500',
    'blkio.leaf_weight=300',
    'blkio.weight_device=8:0 200|blkio.bfq.weight_device=8:0 200',
    'blkio.leaf_weight_device=8:0 100',
    'blkio.throttle.read_bps_device=8:16 1048576',
    'blkio.throttle.write_iops_device=8:16 0',
  ])
})

t.test('Block I/O in version 2: weights are converted, and a rate of 0 is no limit.', async t => {
  const origin = '/linux/resources/blockIO/x/0'
  const device = { major: 8, minor: 0, origin }
  const asked = resources({
    blockIO: {
      weight: 10,
      weightDevice: [{ ...device, weight: 1000, leafWeight: null }],
      throttleReadBpsDevice: [{ ...device, rate: 1n }],
      throttleWriteBpsDevice: [{ ...device, rate: 0n }],
      throttleReadIOPSDevice: [{ ...device, rate: 2n ** 64n - 1n }],
      throttleWriteIOPSDevice: [{ ...device, rate: 4n }],
    },
  })
  t.same(written(asked, v2), [
    'io.bfq.weight=10|io.weight=1',
    'io.bfq.weight=8:0 1000|io.weight=8:0 10000',
    'io.max=8:0 rbps=1',
    'io.max=8:0 wbps=max',
    'io.max=8:0 riops=18446744073709551615',
    'io.max=8:0 wiops=4',
  ])
  t.same(written(resources({ blockIO: { weight: 505 } }), v2), ['io.bfq.weight=505|io.weight=5000'])
})

t.test('Huge pages are limited in use and in reservation.', async t => {
  const hugepageLimits = [{ pageSize: '2MB', limit: 4194304n, origin: '/linux/resources/hugepageLimits/0' }]
  t.same(written(resources({ hugepageLimits }), v2), ['hugetlb.2MB.max=4194304', 'hugetlb.2MB.rsvd.max=4194304'])
  t.same(written(resources({ hugepageLimits }), v1), [
    'hugetlb.2MB.limit_in_bytes=4194304',
    'hugetlb.2MB.rsvd.limit_in_bytes=4194304',
  ])
  t.same(refused(resources({ hugepageLimits }), { v1: new Set(), v2: new Set() }), ['hugepageLimits/0'])
})

t.test('Network classes and RDMA.', async t => {
  const origin = '/linux/resources/rdma/mlx5_1'
  const asked = resources({
    network: { classID: 0x100001, priorities: [{ name: 'eth0', priority: 5, origin }] },
    rdma: [
      { device: 'mlx5_1', hcaHandles: 3, hcaObjects: null, origin },
      { device: 'mlx4_0', hcaHandles: 1, hcaObjects: 2, origin },
      { device: 'rxe3', hcaHandles: null, hcaObjects: null, origin },
    ],
  })
  t.same(written(asked, v1), [
    'rdma.max=mlx5_1 hca_handle=3',
    'rdma.max=mlx4_0 hca_handle=1 hca_object=2',
    'net_cls.classid=1048577',
    'net_prio.ifpriomap=eth0 5',
  ])
})

const unified = (file: string, value = '1') =>
  resources({ unified: [{ file, value, origin: `/linux/resources/unified/${file}` }] })

t.test('Unified files are written verbatim and last, line by line.', async t => {
  const asked = { ...unified('memory.high', '1000'), memory: resources({ memory: { limit: 5n } }).memory }
  t.same(written(asked, v2), ['memory.max=5', 'memory.high=1000'])
  t.same(written(unified('io.max', '8:0 rbps=1\n8:16 rbps=2\n'), v2), ['io.max=8:0 rbps=1', 'io.max=8:16 rbps=2'])
  t.same(written(unified('cpuset.cpus.partition', ''), v2), ['cpuset.cpus.partition='])
  t.same(written(unified('cgroup.max.depth', '3'), v2), ['cgroup.max.depth=3'], 'the core is always there')
})

t.test('A unified file must be a file of the cgroup, of a controller that is there.', async t => {
  for (const file of ['../memory.max', 'child/memory.max', '/etc/passwd', '.', '..', '', 'memory.max\0']) {
    t.same(refused(unified(file), v2), [`unified/${file}`], JSON.stringify(file))
  }
  t.throws(() => written(unified('misc.max'), v2), {
    message: /unified resource "misc.max" can't be set: controller "misc" not available/,
  })
  t.throws(() => written(unified('memory.high'), v1), { message: /the host has no cgroup v2/ })
})

t.test('On a hybrid host each controller is used where it is bound.', async t => {
  const hybrid: Available = { v1: new Set(['memory']), v2: new Set(['hugetlb', 'io']) }
  const asked = resources({
    memory: { limit: 5n },
    hugepageLimits: [{ pageSize: '1GB', limit: 0n, origin: '/linux/resources/hugepageLimits/0' }],
    blockIO: { weight: 100 },
  })
  t.same(
    compileSettings(asked, hybrid).map(({ version, controller }) => [version, controller]),
    [
      [1, 'memory'],
      [2, 'io'],
      [2, 'hugetlb'],
    ],
  )
  t.same(refused(resources({ cpu: { shares: 5n, cpus: '0' }, pids: { limit: 1n } }), hybrid), [
    'cpu/cpus',
    'cpu/shares',
    'pids/limit',
  ])
})

t.test('A host without cgroups is told by the first field that needs them.', async t => {
  const asked = resources({ pids: { limit: 1n } })
  t.ok(asksForCgroups(asked))
  t.equal(firstAsked(asked), '/linux/resources/pids/limit')
  t.equal(firstAsked(resources()), '/linux/resources')
})
