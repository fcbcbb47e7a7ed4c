import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { makeBundle } from '../bundle.js'
import { createError, createSleeper, invalid, until } from './attempt.js'
import { change, limited, MEBIBYTE, needs, type ResourcesInput } from './limited.js'

const skip = needs()

/** Any disk of the machine, as MAJOR:MINOR; a loop device where there is none. */
const [disk = '7:0'] = readdirSync('/sys/block')
  .filter(name => !/^(?:loop|ram|zram|dm)/.test(name))
  .map(name => readFileSync(`/sys/block/${name}/dev`, 'utf8').trim())

/** The kernel has one or the other. */
function readEither(...reads: readonly (() => string)[]): string {
  for (const read of reads) {
    try {
      return read()
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
    }
  }
  throw new Error('there is neither')
}

t.test('config-linux.md#memory: limit, reservation and swappiness', needs('memory'), async t => {
  const { read } = await limited(t, { memory: { limit: 64 * MEBIBYTE, reservation: 32 * MEBIBYTE, swappiness: 17 } })
  t.equal(read('memory', 'memory.limit_in_bytes'), String(64 * MEBIBYTE))
  t.equal(read('memory', 'memory.soft_limit_in_bytes'), String(32 * MEBIBYTE))
  t.equal(read('memory', 'memory.swappiness'), '17')
})

t.test(
  'config-linux.md#memory: swap is memory and swap together',
  needs('memory', 'memory.memsw.limit_in_bytes'),
  async t => {
    const { read } = await limited(t, { memory: { limit: 64 * MEBIBYTE, swap: 96 * MEBIBYTE } })
    t.equal(read('memory', 'memory.memsw.limit_in_bytes'), String(96 * MEBIBYTE))
  },
)

t.test('config-linux.md#memory: -1 is no limit', needs('memory'), async t => {
  const { read } = await limited(t, { memory: { limit: -1, reservation: -1, swap: -1 } })
  t.ok(Number(read('memory', 'memory.limit_in_bytes')) > 2 ** 60)
})

t.test('config-linux.md#memory: disableOOMKiller and useHierarchy', needs('memory', 'memory.oom_control'), async t => {
  const { read } = await limited(t, { memory: { limit: 64 * MEBIBYTE, disableOOMKiller: true, useHierarchy: true } })
  t.equal(read('memory', 'memory.use_hierarchy'), '1')
  t.match(read('memory', 'memory.oom_control'), /^oom_kill_disable 1$/m)
  const other = await limited(t, { memory: { limit: 64 * MEBIBYTE, disableOOMKiller: false } })
  t.match(other.read('memory', 'memory.oom_control'), /^oom_kill_disable 0$/m)
})

t.test('config-linux.md#memory: the kernel kills what takes more', needs('memory'), async t => {
  const { runtime, bundle, configure } = makeBundle(t)
  configure(config => {
    change({ memory: { limit: 8 * MEBIBYTE, swap: 8 * MEBIBYTE } })(config)
    config.mounts = config.mounts.map(mount =>
      mount.destination === '/tmp' ? { ...mount, options: ['size=64m'] } : mount,
    )
    config.process.args = ['/bin/dd', 'if=/dev/zero', 'of=/tmp/x', 'bs=1M', 'count=32']
  })
  const result = await runtime.run({ bundle })
  t.match(result, { signal: 'SIGKILL', oomKilled: true })
})

t.test('config-linux.md#memory: checkBeforeUpdate refuses a limit below what is in use', needs('memory'), async t => {
  const bundle = makeBundle(t)
  const container = await createSleeper(bundle, config => {
    change({ memory: { limit: 64 * MEBIBYTE, checkBeforeUpdate: true } })(config)
    config.process.args = ['/bin/sh', '-c', 'dd if=/dev/zero of=/tmp/x bs=1M count=16 && touch /tmp/done && sleep 100']
  })
  await container.start()
  await until(async () => ((await container.stats()).memory?.usage ?? 0) > 16 * MEBIBYTE)
  const update = container.update({ memory: { limit: 8 * MEBIBYTE, checkBeforeUpdate: true } })
  await t.rejects(update, { code: 'ERR_CGROUP_OOM', configPath: '/linux/resources/memory/limit' })
  t.equal((await container.state()).status, 'running')
})

t.test('config-linux.md#memory: kernel and kernelTCP are deprecated, and ignored with a warning', skip, async t => {
  const { log } = await limited(t, { memory: { kernel: 1000, kernelTCP: 1000 } })
  const messages = log.map(({ message }) => message)
  for (const field of ['kernel', 'kernelTCP'])
    t.ok(messages.some(message => message.startsWith(`/linux/resources/memory/${field}:`)))
})

t.test('config-linux.md#memory: values that contradict each other, or do not exist, are errors', skip, async t => {
  const bundle = makeBundle(t)
  const attempt = (memory: ResourcesInput['memory']) => createError(bundle, change({ memory: memory ?? {} }))
  t.match(await attempt({ limit: 2000, swap: 1000 }), invalid('/linux/resources/memory/swap'))
  t.match(await attempt({ swap: 1000 }), invalid('/linux/resources/memory/swap'))
  t.match(
    await attempt({ swappiness: 101, limit: -2 }),
    invalid('/linux/resources/memory/limit', '/linux/resources/memory/swappiness'),
  )
  const hierarchy = await attempt({ useHierarchy: false })
  t.match(hierarchy, { code: 'ERR_CONFIG_UNSUPPORTED', issues: [{ path: '/linux/resources/memory/useHierarchy' }] })
})

t.test(
  'config-linux.md#memory: a limit that nothing can run in is an error, or ends the container',
  needs('memory'),
  async t => {
    const bundle = makeBundle(t)
    const error = await createError(bundle, change({ memory: { limit: 4096 } }))
    t.ok(error === undefined || error instanceof Error)
    t.strictSame(await bundle.runtime.list(), [])
  },
)

t.test('config-linux.md#cpu: shares, period, quota and burst', needs('cpu', 'cpu.cfs_quota_us'), async t => {
  const { read } = await limited(t, { cpu: { shares: 512, period: 200_000, quota: 50_000, burst: 10_000 } })
  t.equal(read('cpu', 'cpu.shares'), '512')
  t.equal(read('cpu', 'cpu.cfs_period_us'), '200000')
  t.equal(read('cpu', 'cpu.cfs_quota_us'), '50000')
  t.equal(read('cpu', 'cpu.cfs_burst_us'), '10000')
})

t.test('config-linux.md#cpu: one value without the others, and no limit', needs('cpu', 'cpu.cfs_quota_us'), async t => {
  t.equal((await limited(t, { cpu: { period: 50_000 } })).read('cpu', 'cpu.cfs_period_us'), '50000')
  t.equal((await limited(t, { cpu: { quota: -1 } })).read('cpu', 'cpu.cfs_quota_us'), '-1')
  t.equal((await limited(t, { cpu: { quota: 5000 } })).read('cpu', 'cpu.cfs_quota_us'), '5000')
})

t.test('config-linux.md#cpu: realtimeRuntime and realtimePeriod', needs('cpu', 'cpu.rt_runtime_us'), async t => {
  const { read } = await limited(t, { cpu: { realtimeRuntime: 9000, realtimePeriod: 900_000 } })
  t.equal(read('cpu', 'cpu.rt_runtime_us'), '9000')
  t.equal(read('cpu', 'cpu.rt_period_us'), '900000')
})

t.test('config-linux.md#cpu: idle', needs('cpu', 'cpu.cfs_quota_us'), async t => {
  t.equal((await limited(t, { cpu: { idle: 1 } })).read('cpu', 'cpu.idle'), '1')
  t.equal((await limited(t, { cpu: { idle: 0, shares: 2 } })).read('cpu', 'cpu.shares'), '2')
})

t.test('config-linux.md#cpu: cpus and mems', needs('cpuset'), async t => {
  const { container, read } = await limited(t, { cpu: { cpus: '0', mems: '0' } })
  t.equal(read('cpuset', 'cpuset.cpus'), '0')
  t.equal(read('cpuset', 'cpuset.mems'), '0')
  t.match(readFileSync(`/proc/${container.pid}/status`, 'utf8'), /^Cpus_allowed_list:\t0$/m)
})

t.test(
  'config-linux.md#cpu: a burst above the quota, and CPUs that there are not, are errors',
  needs('cpuset'),
  async t => {
    const bundle = makeBundle(t)
    t.match(
      await createError(bundle, change({ cpu: { quota: 1000, burst: 1001 } })),
      invalid('/linux/resources/cpu/burst'),
    )
    t.match(
      await createError(bundle, change({ cpu: { cpus: 'all', idle: 2 } })),
      invalid('/linux/resources/cpu/cpus', '/linux/resources/cpu/idle'),
    )
    const absent = await createError(bundle, change({ cpu: { cpus: '4000' } }))
    t.match(absent, { name: 'CgroupError', code: 'ERR_CGROUP_WRITE', configPath: '/linux/resources/cpu/cpus' })
  },
)

t.test('config-linux.md#pids: the limit holds', needs('pids'), async t => {
  const { read } = await limited(t, { pids: { limit: 32771 } })
  t.equal(read('pids', 'pids.max'), '32771')
  t.equal((await limited(t, { pids: { limit: -1 } })).read('pids', 'pids.max'), 'max')
  const { stdout, stderr } = await makeBundle(t).sh(
    'sleep 5 & sleep 5 & sleep 5 & sleep 5 & echo more',
    change({ pids: { limit: 3 } }),
  )
  t.equal(stdout, '')
  t.match(stderr, /can't fork/)
})

t.test('config-linux.md#pids: a limit of one process is enough for one', needs('pids'), async t => {
  const { stdout, stderr } = await makeBundle(t).sh('echo alone; /bin/busybox true', change({ pids: { limit: 1 } }))
  t.match({ stdout, stderr }, { stdout: 'alone\n' })
})

t.test('config-linux.md#block-io: rates of a device', needs('blkio', 'blkio.throttle.read_bps_device'), async t => {
  const [major = 0, minor = 0] = disk.split(':').map(Number)
  const throttle = (rate: number) => [{ major, minor, rate }]
  const { read } = await limited(t, {
    blockIO: {
      throttleReadBpsDevice: throttle(1_000_000),
      throttleWriteBpsDevice: throttle(2_000_000),
      throttleReadIOPSDevice: throttle(300),
      throttleWriteIOPSDevice: throttle(400),
    },
  })
  t.equal(read('blkio', 'blkio.throttle.read_bps_device'), `${disk} 1000000`)
  t.equal(read('blkio', 'blkio.throttle.write_bps_device'), `${disk} 2000000`)
  t.equal(read('blkio', 'blkio.throttle.read_iops_device'), `${disk} 300`)
  t.equal(read('blkio', 'blkio.throttle.write_iops_device'), `${disk} 400`)
})

t.test(
  'config-linux.md#block-io: a weight, or an error that names it if the kernel has none',
  needs('blkio'),
  async t => {
    const error = await createError(makeBundle(t), change({ blockIO: { weight: 300 } }))
    if (error === undefined) {
      const { read } = await limited(t, { blockIO: { weight: 300 } })
      t.match(
        readEither(
          () => read('blkio', 'blkio.weight'),
          () => read('blkio', 'blkio.bfq.weight'),
        ),
        /\b300$/,
      )
    } else {
      t.match(error, { name: 'CgroupError', configPath: '/linux/resources/blockIO/weight', errno: 'ENOENT' })
    }
    const bounds = await createError(
      makeBundle(t),
      change({ blockIO: { weight: 9, weightDevice: [{ major: 1, minor: 1 }] } }),
    )
    t.match(bounds, invalid('/linux/resources/blockIO/weight', '/linux/resources/blockIO/weightDevice/0'))
  },
)
