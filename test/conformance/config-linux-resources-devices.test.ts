import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'
import { makeBundle, type TestConfig } from '../bundle.js'
import { createError, createSleeper, invalid, lines } from './attempt.js'
import { change, limited, MEBIBYTE, needs, type ResourcesInput, V1 } from './limited.js'

const skip = needs()

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
