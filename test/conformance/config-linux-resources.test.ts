import { existsSync, readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { makeBundle, type TestConfig } from '../bundle.js'
import { missing } from '../needs.js'
import { createError, createSleeper, invalid, lines } from './attempt.js'

const skip = { skip: missing('root', 'busybox', 'cgroup-v1') }

type ResourcesInput = NonNullable<TestConfig['linux']['resources']>

const MEBIBYTE = 1024 * 1024
const V1 = '/sys/fs/cgroup'
/** A test of what needs a controller, skipped where the host has bound it elsewhere. */
const needs = (controller: string, file = '') => ({
  skip: skip.skip || (existsSync(`${V1}/${controller}/${file}`) ? false : `needs ${controller}/${file} of cgroup v1`),
})
/** Any disk of the machine, as MAJOR:MINOR; a loop device where there is none. */
const [disk = '7:0'] = readdirSync('/sys/block')
  .filter(name => !/^(?:loop|ram|zram|dm)/.test(name))
  .map(name => readFileSync(`/sys/block/${name}/dev`, 'utf8').trim())

/** A container with these resources, and how its cgroup's files read. */
async function limited(t: Parameters<typeof makeBundle>[0], resources: ResourcesInput) {
  const bundle = makeBundle(t)
  const path = `/${bundle.id('limited')}`
  const container = await createSleeper(bundle, config => {
    config.linux.cgroupsPath = path
    config.linux.resources = resources
  })
  const read = (controller: string, file: string): string =>
    readFileSync(`${V1}/${controller}${path}/${file}`, 'utf8').trim()
  return { container, read, log: bundle.log }
}

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

const change = (resources: ResourcesInput) => (config: TestConfig) => {
  config.linux.resources = resources
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

t.test('config-linux.md#memory: disableOOMKiller', needs('memory', 'memory.oom_control'), async t => {
  const { read } = await limited(t, { memory: { limit: 64 * MEBIBYTE, disableOOMKiller: true } })
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
  'config-linux.md#block-io: a weight, or an error that names it where the kernel has none',
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

t.test('config-linux.md#network: without the controller the fields are refused by name', skip, async t => {
  const missingControllers = ['net_cls', 'net_prio'].filter(name => !existsSync(`${V1}/${name}`))
  const error = await createError(
    makeBundle(t),
    change({ network: { classID: 1048577, priorities: [{ name: 'lo', priority: 5 }] } }),
  )
  const paths = {
    net_cls: '/linux/resources/network/classID',
    net_prio: '/linux/resources/network/priorities/0',
  } as const
  if (missingControllers.length === 0) t.equal(error, undefined)
  else
    t.match(error, {
      code: 'ERR_CONFIG_UNSUPPORTED',
      issues: missingControllers.map(name => ({ path: paths[name as 'net_cls'] })),
    })
})

const hasHugePages = existsSync('/sys/kernel/mm/hugepages/hugepages-2048kB')
const withHugePages = { skip: skip.skip || (hasHugePages ? false : 'needs pages of 2 MB') }

t.test(
  'config-linux.md#huge-page-limits: on whatever version of cgroups the host has the controller',
  withHugePages,
  async t => {
    const size = '2MB'
    const bundle = makeBundle(t)
    const path = `/${bundle.id('huge')}`
    const container = await createSleeper(bundle, config => {
      config.linux.cgroupsPath = path
      config.linux.resources = { hugepageLimits: [{ pageSize: size, limit: 4 * MEBIBYTE }] }
    })
    const v1 = `${V1}/hugetlb${path}/hugetlb.${size}.limit_in_bytes`
    const v2 = `${V1}/unified${path}/hugetlb.${size}.max`
    t.equal(readFileSync(existsSync(v1) ? v1 : v2, 'utf8').trim(), String(4 * MEBIBYTE))
    await container.delete()
    const error = await createError(makeBundle(t), change({ hugepageLimits: [{ pageSize: '3MB', limit: 1 }] }))
    t.match(error, { code: 'ERR_CGROUP_WRITE', configPath: '/linux/resources/hugepageLimits/0' })
  },
)

t.test('config-linux.md#unified: without cgroup v2 for the controller it is an error that names it', skip, async t => {
  const error = await createError(makeBundle(t), change({ unified: { 'memory.max': '100000000', 'nonsense.x': '1' } }))
  const paths = ['/linux/resources/unified/memory.max', '/linux/resources/unified/nonsense.x']
  t.match(error, { code: 'ERR_CONFIG_UNSUPPORTED', issues: paths.map(path => ({ path })) })
})

t.test(
  'config-linux.md#allowed-device-list: what is not allowed can not be made, nor opened',
  needs('devices'),
  async t => {
    const { sh } = makeBundle(t)
    const withDevices = (rules: ResourcesInput['devices']) => (config: TestConfig) => {
      config.root = { path: 'rootfs' }
      config.linux.resources = { devices: rules ?? [] }
      config.linux.devices = [{ path: '/data/kmsg', type: 'c', major: 1, minor: 11, fileMode: 0o666 }]
      const sets = ['CAP_MKNOD', 'CAP_SYSLOG']
      config.process.capabilities = { bounding: sets, effective: sets, permitted: sets }
    }
    const open = 'head -c 1 /data/kmsg > /dev/null 2>&1 && echo open || echo refused'
    t.match(await sh(open, withDevices([{ allow: false, access: 'rwm' }])), { stdout: 'refused\n' })
    t.match(
      await sh(open, withDevices([{ allow: false }, { allow: true, type: 'c', major: 1, minor: 11, access: 'r' }])),
      {
        stdout: 'open\n',
      },
    )
    t.match(
      await sh(open, withDevices([{ allow: true, type: 'c', major: 1, minor: 11, access: 'r' }, { allow: false }])),
      {
        stdout: 'refused\n',
      },
    )
  },
)

t.test('config-linux.md#allowed-device-list: the rules are in force in the listed order', needs('devices'), async t => {
  const { read } = await limited(t, {
    devices: [
      { allow: false, access: 'rwm' },
      { allow: true, type: 'c', major: 10, minor: 229, access: 'rw' },
      { allow: true, type: 'b', major: 8, access: 'r' },
    ],
  })
  const list = lines(read('devices', 'devices.list'))
  for (const rule of ['c 10:229 rw', 'b 8:* rm', 'c 1:3 rwm', 'c *:* m', 'b *:* m']) {
    t.ok(list.includes(rule) || list.includes(rule.replace(' rm', ' r')), `${rule} in ${list.join(', ')}`)
  }
  t.notOk(list.some(rule => rule.startsWith('a ')))
})

t.test('config-linux.md#allowed-device-list: the default devices are always allowed', needs('devices'), async t => {
  const { sh } = makeBundle(t)
  const script =
    'for f in null zero full random urandom; do head -c 1 /dev/$f > /dev/null && echo $f; done; echo > /dev/null'
  const { stdout } = await sh(script, change({ devices: [{ allow: false, access: 'rwm' }] }))
  t.equal(stdout, 'null\nzero\nfull\nrandom\nurandom\n')
})

t.test(
  'config-linux.md#allowed-device-list: numbers without a type would mean everything, and are errors',
  skip,
  async t => {
    const error = await createError(
      makeBundle(t),
      change({
        devices: [
          { allow: true, major: 10, minor: 200 },
          { allow: true, access: 'x' },
        ],
      }),
    )
    const at = (index: number, field: string) => `/linux/resources/devices/${index}/${field}`
    t.match(error, invalid(at(1, 'access'), at(0, 'major'), at(0, 'minor')))
  },
)
