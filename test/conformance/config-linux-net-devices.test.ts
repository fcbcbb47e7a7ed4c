import { execFileSync, spawnSync } from 'node:child_process'
import t, { type Test } from 'tap'
import { makeBundle, type TestConfig } from '../bundle.js'
import { missing } from '../needs.js'
import { createError, createSleeper, invalid, namespaceHolder } from './attempt.js'

const skip = { skip: missing('root', 'busybox', 'veth') }

const ip = (...args: string[]): string => execFileSync('ip', args, { encoding: 'utf8' })
let count = 0

/** A pair of devices on the host, called NAME and NAMEp; removed at the end of the test, wherever it is by then. */
function makeDevice(t: Test, ...addresses: string[][]): string {
  const name = `ts${process.pid}x${count++}`
  ip('link', 'add', name, 'type', 'veth', 'peer', 'name', `${name}p`)
  t.teardown(() => spawnSync('ip', ['link', 'del', `${name}p`]))
  for (const address of addresses) ip('address', 'add', ...address, 'dev', name)
  return name
}

interface Device {
  readonly ifname: string
  readonly flags: string[]
  readonly mtu: number
  readonly address: string
  readonly addr_info: { local: string; prefixlen: number; scope: string; broadcast?: string; label?: string }[]
}

/** The devices of a network namespace but for lo, or those of the host with that name. */
const devicesOf = (pid: number): Device[] =>
  JSON.parse(execFileSync('nsenter', ['-t', String(pid), '-n', 'ip', '-j', 'address'], { encoding: 'utf8' })).filter(
    ({ ifname }: Device) => ifname !== 'lo',
  )
const onHost = (name: string): Device | undefined =>
  JSON.parse(ip('-j', 'address')).find(({ ifname }: Device) => ifname === name)
const globals = ({ addr_info }: Device) =>
  addr_info.filter(({ scope }) => scope === 'global').map(({ local, prefixlen }) => `${local}/${prefixlen}`)

type NetDevices = NonNullable<TestConfig['linux']['netDevices']>

const withDevices = (netDevices: NetDevices) => (config: TestConfig) => {
  config.linux.netDevices = netDevices
}

t.test('config-linux.md#network-devices: a device moves, keeps its name, and is up', skip, async t => {
  const name = makeDevice(t)
  const container = await createSleeper(makeBundle(t), withDevices({ [name]: {} }))
  t.match(devicesOf(container.pid), [{ ifname: name, flags: /UP/ }])
  t.ok(devicesOf(container.pid)[0]?.flags.includes('UP'))
  t.equal(onHost(name), undefined)
})

t.test('config-linux.md#network-devices: a device gets its name in the container', skip, async t => {
  const [first, second] = [makeDevice(t), makeDevice(t)]
  const change = withDevices({ [first]: { name: 'eth0' }, [second]: { name: 'wan' } })
  const { pid } = await createSleeper(makeBundle(t), change)
  t.strictSame(
    devicesOf(pid)
      .map(({ ifname }) => ifname)
      .sort(),
    ['eth0', 'wan'],
  )
})

t.test('config-linux.md#network-devices: the program of the container sees it', skip, async t => {
  const name = makeDevice(t, ['192.0.2.1/24'])
  const { stdout } = await makeBundle(t).sh('ip address show eth0', withDevices({ [name]: { name: 'eth0' } }))
  t.match(String(stdout), /eth0@.*[<,]UP[,>]/)
  t.match(String(stdout), 'inet 192.0.2.1/24 scope global eth0')
})

t.test(
  'config-linux.md#network-devices: permanent addresses of global scope are kept, all others are not',
  skip,
  async t => {
    const name = makeDevice(
      t,
      ['198.51.100.7/24', 'broadcast', '198.51.100.255'],
      ['198.51.100.8/24'],
      ['203.0.113.1/32', 'peer', '203.0.113.2/32'],
      ['2001:db8::7/64', 'nodad'],
      ['169.254.7.7/16', 'scope', 'link'],
      ['198.18.0.1/24', 'valid_lft', '1000', 'preferred_lft', '1000'],
    )
    const container = await createSleeper(makeBundle(t), withDevices({ [name]: { name: 'eth7' } }))
    const [device] = devicesOf(container.pid)
    if (device === undefined) return t.fail('no device')
    t.strictSame(globals(device), ['198.51.100.7/24', '203.0.113.1/32', '198.51.100.8/24', '2001:db8::7/64'])
    t.match(device.addr_info[0], { broadcast: '198.51.100.255', label: 'eth7' })
  },
)

t.test('config-linux.md#network-devices: hardware address and MTU are kept', skip, async t => {
  const name = makeDevice(t)
  ip('link', 'set', name, 'mtu', '1234', 'address', '02:00:00:12:34:56')
  const { pid } = await createSleeper(makeBundle(t), withDevices({ [name]: { name: 'eth0' } }))
  t.match(devicesOf(pid), [{ mtu: 1234, address: '02:00:00:12:34:56' }])
})

t.test('config-linux.md#network-devices: of a template the kernel makes a name', skip, async t => {
  const [first, second] = [makeDevice(t), makeDevice(t)]
  const { pid } = await createSleeper(
    makeBundle(t),
    withDevices({ [first]: { name: 'net%d' }, [second]: { name: 'net%d' } }),
  )
  t.strictSame(
    devicesOf(pid)
      .map(({ ifname }) => ifname)
      .sort(),
    ['net0', 'net1'],
  )
})

t.test('config-linux.md#network-devices: into a namespace that is joined', skip, async t => {
  const holder = await namespaceHolder(t, 'net', '--net')
  const name = makeDevice(t)
  const { pid } = await createSleeper(makeBundle(t), config => {
    withDevices({ [name]: { name: 'eth0' } })(config)
    const namespaces = config.linux.namespaces?.filter(({ type }) => type !== 'network') ?? []
    config.linux.namespaces = [...namespaces, { type: 'network', path: `/proc/${holder.pid}/ns/net` }]
  })
  t.match(devicesOf(pid), [{ ifname: 'eth0' }])
})

t.test('config-linux.md#network-devices: delete leaves the device to its namespace', skip, async t => {
  const holder = await namespaceHolder(t, 'net', '--net')
  const name = makeDevice(t)
  const container = await createSleeper(makeBundle(t), config => {
    withDevices({ [name]: { name: 'eth0' } })(config)
    const namespaces = config.linux.namespaces?.filter(({ type }) => type !== 'network') ?? []
    config.linux.namespaces = [...namespaces, { type: 'network', path: `/proc/${holder.pid}/ns/net` }]
  })
  await container.delete()
  t.match(devicesOf(holder.pid ?? 0), [{ ifname: 'eth0', flags: /UP/ }])
  t.equal(onHost(name), undefined)
})

t.test('config-linux.md#network-devices: a name that is taken is an error, and nothing has moved', skip, async t => {
  const [first, second] = [makeDevice(t, ['192.0.2.9/24']), makeDevice(t)]
  ip('link', 'set', first, 'up')
  const error = await createError(makeBundle(t), withDevices({ [first]: {}, [second]: { name: 'lo' } }))
  t.match(error, {
    name: 'LaunchError',
    code: 'ERR_LAUNCH_OP',
    configPath: `/linux/netDevices/${second}`,
    errno: 'EEXIST',
    message: `/linux/netDevices/${second}: the container's network namespace has a device "lo" already`,
  })
  t.ok(onHost(second))
  t.strictSame(globals(onHost(first) as Device), ['192.0.2.9/24'])
})

t.test('config-linux.md#network-devices: a device that is not there, or may not move, is an error', skip, async t => {
  const name = makeDevice(t)
  t.match(await createError(makeBundle(t), withDevices({ [name]: {}, nosuchdevice: {} })), {
    code: 'ERR_LAUNCH_OP',
    configPath: '/linux/netDevices/nosuchdevice',
    syscall: 'RTM_GETLINK',
    errno: 'ENODEV',
    message: '/linux/netDevices/nosuchdevice: RTM_GETLINK "nosuchdevice": ENODEV: no such device',
  })
  t.match(await createError(makeBundle(t), withDevices({ [name]: {}, lo: { name: 'other' } })), {
    configPath: '/linux/netDevices/lo',
    syscall: 'RTM_SETLINK',
    errno: 'EINVAL',
    message: /^\/linux\/netDevices\/lo: RTM_SETLINK "lo" as "other": EINVAL: invalid argument/,
  })
  t.ok(onHost(name), 'what had moved is back')
})

t.test('tsrun#network-devices: a create that fails later brings the devices back as they were', skip, async t => {
  const name = makeDevice(t, ['192.0.2.9/24'], ['2001:db8::9/64', 'nodad'])
  ip('link', 'set', name, 'mtu', '1300', 'up')
  const before = onHost(name)
  const error = await createError(makeBundle(t), config => {
    withDevices({ [name]: { name: 'eth0' } })(config)
    config.process.args = ['/no/such/program']
  })
  t.match(error, { code: 'ERR_LAUNCH_EXEC' })
  const after = onHost(name)
  t.match(after, { mtu: 1300, address: before?.address })
  t.ok(after?.flags.includes('UP'))
  t.strictSame(globals(after as Device), ['192.0.2.9/24', '2001:db8::9/64'])
})

t.test('config-linux.md#network-devices: with hooks, which see it moved', skip, async t => {
  const name = makeDevice(t)
  const bundle = makeBundle(t)
  await createSleeper(bundle, config => {
    withDevices({ [name]: {} })(config)
    const args = ['sh', '-c', `! ip link show ${name}`]
    config.hooks = { createRuntime: [{ path: '/bin/sh', args, env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'] }] }
  })
  t.equal(onHost(name), undefined)
})

t.test(
  'config-linux.md#network-devices: names that can not be, and no network namespace, are errors',
  skip,
  async t => {
    const refused = (netDevices: NetDevices, more: (config: TestConfig) => void = () => {}) =>
      createError(makeBundle(t), config => {
        withDevices(netDevices)(config)
        more(config)
      })
    const bad = await refused({
      'a/b': {},
      eth1: { name: 'x%s' },
      eth2: { name: 'longer-than-it-may' },
      eth3: { name: '' },
    })
    const fields = ['eth1/name', 'eth2/name', 'eth3/name']
    t.match(bad, invalid(...fields.map(field => `/linux/netDevices/${field}`)))
    t.match(await refused({ 'a/b': {} }), invalid('/linux/netDevices/a~1b'))
    t.match(await refused({ eth1: { name: 'same' }, eth2: { name: 'same' } }), {
      ...invalid('/linux/netDevices/eth2'),
      message: /must be a device with a name that no other one gets, but is "same"/,
    })
    const without = await refused({ eth1: {} }, config => {
      config.linux.namespaces = config.linux.namespaces?.filter(({ type }) => type !== 'network') ?? []
    })
    t.match(without, { ...invalid('/linux/netDevices'), message: /must be absent without a network namespace/ })
  },
)
