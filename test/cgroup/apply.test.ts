import { existsSync, readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { applyGroupsLater } from '../../lib/cgroup/apply.js'
import { availableIn } from '../../lib/cgroup/make.js'
import { compileSettings } from '../../lib/cgroup/resources.js'
import { missing } from '../needs.js'
import { resources } from './resources.js'
import { change, directoryIn, facts, fileOf, PARENT, runIn, sleeperIn, testCgroup, until } from './sandbox.js'

const skip = missing('root', 'cgroup-v1')
const test = (title: string, run: (t: Test) => Promise<void>) => t.test(title, { skip }, run)

const MEBIBYTE = 1048576n

const weightFile = (directory: string): string =>
  [`${directory}/blkio.weight`, `${directory}/blkio.bfq.weight`].find(existsSync) ?? ''

test('The limits are in the files of their controllers.', async t => {
  const cgroup = testCgroup(t)
  const asked = resources({
    cpu: { shares: 512n, quota: 50000n, period: 200000n, burst: 10000n, cpus: '0', mems: '0' },
    memory: {
      limit: 64n * MEBIBYTE,
      swap: 128n * MEBIBYTE,
      reservation: 32n * MEBIBYTE,
      swappiness: 10n,
      disableOOMKiller: true,
    },
    pids: { limit: 20n },
    blockIO: { weight: 300 },
  })
  cgroup.create({ resources: asked })
  const files = [
    ['cpu', 'cpu.shares', '512'],
    ['cpu', 'cpu.cfs_quota_us', '50000'],
    ['cpu', 'cpu.cfs_period_us', '200000'],
    ['cpu', 'cpu.cfs_burst_us', '10000'],
    ['cpuset', 'cpuset.cpus', '0'],
    ['cpuset', 'cpuset.mems', '0'],
    ['memory', 'memory.limit_in_bytes', String(64n * MEBIBYTE)],
    ['memory', 'memory.memsw.limit_in_bytes', String(128n * MEBIBYTE)],
    ['memory', 'memory.soft_limit_in_bytes', String(32n * MEBIBYTE)],
    ['memory', 'memory.swappiness', '10'],
    ['pids', 'pids.max', '20'],
  ] as const
  for (const [controller, file, value] of files) t.equal(fileOf(cgroup, controller, file), value, file)
  t.match(fileOf(cgroup, 'memory', 'memory.oom_control'), /^oom_kill_disable 1$/m)
  t.match(readFileSync(weightFile(directoryIn(cgroup, 'blkio')), 'utf8'), /\b300\b/)
})

test('Limits of a cgroup in use are written in one pass, and what is refused is told.', async t => {
  const cgroup = testCgroup(t)
  cgroup.create({ resources: resources({ memory: { limit: 64n * MEBIBYTE, swap: 64n * MEBIBYTE } }) })
  const { places } = cgroup.toJSON()
  const groupsOf = (limit: bigint, swap: bigint) =>
    compileSettings(resources({ memory: { limit: limit * MEBIBYTE, swap: swap * MEBIBYTE } }), availableIn(places))
  for (const [limit, swap] of [
    [128n, 256n],
    [16n, 32n],
  ] as const) {
    await applyGroupsLater(places, groupsOf(limit, swap))
    t.equal(fileOf(cgroup, 'memory', 'memory.limit_in_bytes'), String(limit * MEBIBYTE))
    t.equal(fileOf(cgroup, 'memory', 'memory.memsw.limit_in_bytes'), String(swap * MEBIBYTE))
  }
  const less = applyGroupsLater(places, groupsOf(32n, 16n))
  await t.rejects(
    less,
    { code: 'ERR_CGROUP_WRITE', configPath: '/linux/resources/memory/swap' },
    'less than without swap',
  )
})

test('Limits that bound each other can be raised and lowered.', async t => {
  const cgroup = testCgroup(t)
  const limited = (limit: bigint, swap: bigint) => resources({ memory: { limit, swap } })
  cgroup.create({ resources: limited(32n * MEBIBYTE, 64n * MEBIBYTE) })
  for (const [limit, swap] of [
    [256n, 512n],
    [16n, 32n],
    [100n, 100n],
  ] as const) {
    await change(cgroup, limited(limit * MEBIBYTE, swap * MEBIBYTE))
    t.equal(fileOf(cgroup, 'memory', 'memory.limit_in_bytes'), String(limit * MEBIBYTE))
    t.equal(fileOf(cgroup, 'memory', 'memory.memsw.limit_in_bytes'), String(swap * MEBIBYTE))
  }
  await change(cgroup, resources({ memory: { limit: -1n } }))
  t.ok(BigInt(fileOf(cgroup, 'memory', 'memory.memsw.limit_in_bytes')) > 2n ** 60n, 'no limit takes swap with it')
  for (const [quota, period] of [
    [100000n, 100000n],
    [1000n, 1000n],
    [900000n, 1000000n],
  ] as const) {
    await change(cgroup, resources({ cpu: { quota, period, burst: quota } }))
    t.equal(fileOf(cgroup, 'cpu', 'cpu.cfs_quota_us'), String(quota))
    t.equal(fileOf(cgroup, 'cpu', 'cpu.cfs_burst_us'), String(quota))
  }
})

test('A value that the kernel refuses names its field and file, and leaves nothing behind.', async t => {
  const cgroup = testCgroup(t)
  const create = () => cgroup.create({ resources: resources({ cpu: { quota: 5n } }) })
  const file = `${directoryIn(cgroup, 'cpu')}/cpu.cfs_quota_us`
  const expected = {
    code: 'ERR_CGROUP_WRITE',
    configPath: '/linux/resources/cpu/quota',
    value: '5',
    errno: 'EINVAL',
    file,
  }
  t.throws(create, { ...expected, message: `/linux/resources/cpu/quota: write("${file}", "5"): EINVAL` })
  for (const { mountpoint } of facts.hierarchies) t.notOk(existsSync(`${mountpoint}/${PARENT}`), mountpoint)
})

test('A file that this kernel does not have is an error of its field.', async t => {
  const cgroup = testCgroup(t)
  const create = () => cgroup.create({ resources: resources({ blockIO: { leafWeight: 100 } }) })
  t.throws(create, { code: 'ERR_CGROUP_WRITE', configPath: '/linux/resources/blockIO/leafWeight' })
})

test('A limit of no processes is set once the process is in.', async t => {
  const cgroup = testCgroup(t)
  cgroup.create({ resources: resources({ pids: { limit: 0n } }) })
  t.equal(fileOf(cgroup, 'pids', 'pids.max'), 'max')
  await cgroup.settle()
  t.equal(fileOf(cgroup, 'pids', 'pids.max'), '0')
})

test('The memory limit kills, and the kills are counted.', async t => {
  const cgroup = testCgroup(t)
  cgroup.create({ resources: resources({ memory: { limit: 8n * MEBIBYTE, swap: 8n * MEBIBYTE } }) })
  t.equal(cgroup.oomKills(), 0)
  await runIn(t, [directoryIn(cgroup, 'memory')], 'exec head -c 100m /dev/zero | tail').ended
  t.ok(cgroup.oomKills() > 0)
})

test('A limit below what is in use is refused if the configuration wants that checked.', async t => {
  const cgroup = testCgroup(t)
  cgroup.create({ resources: resources() })
  const directory = directoryIn(cgroup, 'memory')
  await sleeperIn(t, [directory])
  await until(() => Number(readFileSync(`${directory}/memory.usage_in_bytes`, 'utf8')) > 8192)
  const asked = resources({ memory: { limit: 4096n, checkBeforeUpdate: true } })
  await t.rejects(change(cgroup, asked), { code: 'ERR_CGROUP_OOM', configPath: '/linux/resources/memory/limit' })
})
