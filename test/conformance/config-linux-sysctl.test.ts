import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { makeBundle, type TestConfig } from '../bundle.js'
import { missing } from '../needs.js'
import { createError, createSleeper, invalid } from './attempt.js'

const skip = { skip: missing('root', 'busybox') }

const setting =
  (sysctl: Readonly<Record<string, string>>) =>
  (config: TestConfig): void => {
    config.linux.sysctl = { ...sysctl }
  }

t.test('config.md#hostname: it is that of the container, and not of the host', skip, async t => {
  const { sh } = makeBundle(t)
  const before = readFileSync('/proc/sys/kernel/hostname', 'utf8')
  t.match(await sh('hostname', config => (config.hostname = 'conformance.example')), {
    stdout: 'conformance.example\n',
  })
  t.equal(readFileSync('/proc/sys/kernel/hostname', 'utf8'), before)
})

t.test('config.md#hostname: without one the new namespace has that of the host', skip, async t => {
  const { sh } = makeBundle(t)
  t.match(await sh('hostname', config => delete config.hostname), {
    stdout: readFileSync('/proc/sys/kernel/hostname', 'utf8'),
  })
})

t.test('config.md#hostname: up to 64 bytes', skip, async t => {
  const bundle = makeBundle(t)
  t.match(await bundle.sh('hostname', config => (config.hostname = 'x'.repeat(64))), { stdout: `${'x'.repeat(64)}\n` })
  t.match(await createError(bundle, config => (config.hostname = 'ü'.repeat(33))), invalid('/hostname'))
})

t.test('config.md#domainname: it is that of the container, and not of the host', skip, async t => {
  const { sh } = makeBundle(t)
  const { stdout } = await sh('cat /proc/sys/kernel/domainname', config => (config.domainname = 'example.org'))
  t.equal(stdout, 'example.org\n')
  t.not(readFileSync('/proc/sys/kernel/domainname', 'utf8'), 'example.org\n')
})

t.test('config.md#hostname: without a uts namespace they would be those of the host, and are errors', skip, async t => {
  const error = await createError(makeBundle(t), config => {
    config.domainname = 'example.org'
    config.linux.namespaces = [{ type: 'pid' }, { type: 'mount' }]
  })
  t.match(error, invalid('/hostname', '/domainname'))
})

t.test(
  'config-linux.md#sysctl: of the network, of ipc and of message queues, by dots and by slashes',
  skip,
  async t => {
    const { sh } = makeBundle(t)
    const files = {
      'net/ipv4/ip_forward': '1',
      'net/core/somaxconn': '256',
      'kernel/shmmax': '12345678',
      'kernel/sem': '251\t32001\t33\t129',
      'fs/mqueue/msg_max': '11',
    }
    const host = Object.keys(files).map(file => readFileSync(`/proc/sys/${file}`, 'utf8'))
    const { stdout } = await sh(
      `cd /proc/sys; cat ${Object.keys(files).join(' ')}`,
      setting({
        'net.ipv4.ip_forward': '1',
        'net/core/somaxconn': '256',
        'kernel.shmmax': '12345678',
        'kernel.sem': '251 32001 33 129',
        'fs.mqueue.msg_max': '11',
      }),
    )
    t.equal(
      stdout,
      Object.values(files)
        .map(value => `${value}\n`)
        .join(''),
    )
    t.strictSame(
      Object.keys(files).map(file => readFileSync(`/proc/sys/${file}`, 'utf8')),
      host,
    )
  },
)

t.test('config-linux.md#sysctl: of one interface, whose name has a dot', skip, async t => {
  const { sh } = makeBundle(t)
  const { stdout } = await sh(
    'cat /proc/sys/net/ipv4/conf/lo/rp_filter /proc/sys/net/ipv4/conf/all/rp_filter',
    setting({ 'net.ipv4.conf.lo.rp_filter': '2', 'net/ipv4/conf/all/rp_filter': '1' }),
  )
  t.equal(stdout, '2\n1\n')
  const missingInterface = await createError(makeBundle(t), setting({ 'net/ipv4/conf/eth0.100/rp_filter': '1' }))
  t.match(missingInterface, { code: 'ERR_LAUNCH_OP', configPath: '/linux/sysctl/net~1ipv4~1conf~1eth0.100~1rp_filter' })
})

t.test('config-linux.md#sysctl: the domain name', skip, async t => {
  const { sh } = makeBundle(t)
  const show = 'cat /proc/sys/kernel/domainname'
  t.match(await sh(show, setting({ 'kernel.domainname': 'by.sysctl' })), { stdout: 'by.sysctl\n' })
})

t.test('config-linux.md#sysctl: limits of a user namespace', skip, async t => {
  const { sh } = makeBundle(t)
  const { stdout } = await sh('cat /proc/sys/user/max_net_namespaces', config => {
    setting({ 'user.max_net_namespaces': '17' })(config)
    config.linux.namespaces?.push({ type: 'user' })
    config.linux.uidMappings = config.linux.gidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }]
  })
  t.equal(stdout, '17\n')
})

t.test('config-linux.md#sysctl: they are set although /proc/sys is read-only for the process', skip, async t => {
  const { sh } = makeBundle(t)
  const { stdout } = await sh(
    'cat /proc/sys/net/ipv4/ip_forward; echo 0 > /proc/sys/net/ipv4/ip_forward || echo refused',
    setting({ 'net.ipv4.ip_forward': '1' }),
  )
  t.equal(stdout, '1\nrefused\n')
})

t.test('config-linux.md#sysctl: without /proc in the container they are set all the same', skip, async t => {
  const container = await createSleeper(makeBundle(t), config => {
    setting({ 'net.core.somaxconn': '77' })(config)
    config.mounts = config.mounts.filter(({ destination }) => destination !== '/proc')
    config.linux.maskedPaths = []
    config.linux.readonlyPaths = []
  })
  const value = execFileSync('nsenter', ['-t', String(container.pid), '-n', 'cat', '/proc/sys/net/core/somaxconn'])
  t.equal(String(value), '77\n')
})

t.test('config-linux.md#sysctl: what is not in a namespace is that of the host, and refused', skip, async t => {
  const names = ['kernel.panic', 'vm.swappiness', 'fs.file-max', 'kernel.hostname', 'kernel.msgmnx', 'net', 'user.x']
  const error = await createError(makeBundle(t), setting(Object.fromEntries(names.map(name => [name, '1']))))
  t.match(error, invalid(...names.map(name => `/linux/sysctl/${name}`)))
  t.equal((error as { issues: unknown[] }).issues.length, names.length)
})

t.test('config-linux.md#sysctl: names that lead elsewhere are refused', skip, async t => {
  const names = ['net/../kernel/panic', 'net.ipv4.', 'net//core', 'net/./core/somaxconn', '/net/core/somaxconn']
  const error = await createError(makeBundle(t), setting(Object.fromEntries(names.map(name => [name, '1']))))
  t.match(error, invalid(...names.map(name => `/linux/sysctl/${name.replaceAll('/', '~1')}`)))
})

t.test('config-linux.md#sysctl: without the namespace that it belongs to it is refused', skip, async t => {
  const error = await createError(makeBundle(t), config => {
    setting({ 'net.core.somaxconn': '1', 'kernel.shmmax': '1', 'fs.mqueue.msg_max': '9', 'kernel.domainname': 'x' })(
      config,
    )
    delete config.hostname
    config.linux.namespaces = [{ type: 'mount' }]
  })
  const names = ['net.core.somaxconn', 'kernel.shmmax', 'fs.mqueue.msg_max', 'kernel.domainname']
  t.match(error, invalid(...names.map(name => `/linux/sysctl/${name}`)))
})

t.test('config-linux.md#sysctl: in a namespace of the host that is joined by its path it is refused', skip, async t => {
  const bundle = makeBundle(t)
  const before = readFileSync('/proc/sys/net/core/somaxconn', 'utf8')
  const error = await createError(bundle, config => {
    setting({ 'net.core.somaxconn': '99', 'kernel.shmmax': '99', 'kernel.domainname': 'x' })(config)
    config.linux.namespaces = [
      { type: 'mount' },
      { type: 'network', path: '/proc/self/ns/net' },
      { type: 'ipc', path: `/proc/${process.pid}/ns/ipc` },
      { type: 'uts' },
    ]
  })
  t.match(error, invalid('/linux/sysctl/net.core.somaxconn', '/linux/sysctl/kernel.shmmax'))
  t.equal((error as { issues: unknown[] }).issues.length, 2)
  t.equal(readFileSync('/proc/sys/net/core/somaxconn', 'utf8'), before)
})

t.test('config-linux.md#sysctl: the domain name can be given once only', skip, async t => {
  const error = await createError(makeBundle(t), config => {
    config.domainname = 'one.example'
    setting({ 'kernel.domainname': 'other.example', 'kernel/domainname': 'x' })(config)
  })
  t.match(error, invalid('/linux/sysctl/kernel.domainname', '/linux/sysctl/kernel~1domainname'))
})

t.test('config-linux.md#sysctl: a value that the kernel refuses names the parameter', skip, async t => {
  const error = await createError(makeBundle(t), setting({ 'net.ipv4.ip_forward': 'maybe' }))
  t.match(error, { code: 'ERR_LAUNCH_OP', configPath: '/linux/sysctl/net.ipv4.ip_forward', errno: 'EINVAL' })
})
