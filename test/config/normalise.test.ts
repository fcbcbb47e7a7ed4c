import t from 'tap'
import type { OciConfig, OciLinux, OciProcess } from '../../lib/config/config.js'
import { readConfig } from '../../lib/config/read.js'

const read = (part: Partial<OciConfig>) => readConfig({ ociVersion: '1.3.0', root: { path: 'rootfs' }, ...part }).config
const readLinux = (linux: OciLinux) => read({ linux }).linux
const readProcess = (process: Partial<OciProcess>) => read({ process: { cwd: '/', args: ['sh'], ...process } }).process

t.test('namespaces have their clone flags and pointers', async t => {
  const { namespaces } = readLinux({ namespaces: [{ type: 'pid' }, { type: 'network', path: '/run/netns/a' }] })
  t.same(namespaces, [
    { type: 'pid', path: null, flag: 0x20000000, origin: '/linux/namespaces/0' },
    { type: 'network', path: '/run/netns/a', flag: 0x40000000, origin: '/linux/namespaces/1' },
  ])
})

t.test('of an environment variable given twice the last value counts', async t => {
  t.same(readProcess({ env: ['A=1', 'B=2', 'A=3=4', 'C='] })?.env, ['A=3=4', 'B=2', 'C='])
})

t.test('capability sets are masks, cut to what the kernel could grant', async t => {
  const capabilities = {
    bounding: ['CAP_CHOWN', 'CAP_CHECKPOINT_RESTORE', 'CAP_FLY', 'cap_kill'],
    permitted: ['CAP_CHOWN', 'CAP_KILL'],
    effective: ['CAP_CHOWN', 'CAP_SYS_ADMIN'],
    inheritable: ['CAP_KILL'],
    ambient: ['CAP_CHOWN', 'CAP_KILL'],
  }
  t.same(readProcess({ capabilities })?.capabilities, {
    bounding: 1n | (1n << 40n),
    permitted: 1n | (1n << 5n),
    effective: 1n,
    inheritable: 1n << 5n,
    ambient: 1n << 5n,
    unknown: ['CAP_FLY', 'cap_kill'],
  })
  t.equal(readProcess({})?.capabilities, null)
})

t.test('resource limits have their numbers and 64 bits', async t => {
  const hard = 18446744073709551615n
  t.same(readProcess({ rlimits: [{ type: 'RLIMIT_NOFILE', soft: 1024, hard }] })?.rlimits, [
    { type: 'RLIMIT_NOFILE', resource: 7, soft: 1024n, hard, origin: '/process/rlimits/0' },
  ])
})

t.test('the size of a console counts only with a terminal', async t => {
  const consoleSize = { height: 24, width: 80 }
  t.same(readProcess({ terminal: true, consoleSize })?.consoleSize, { rows: 24, columns: 80 })
  t.equal(readProcess({ consoleSize })?.consoleSize, null)
})

t.test('hooks have at least their path as argument, and exactly their own environment', async t => {
  const hooks = {
    prestart: [{ path: '/bin/a' }],
    poststop: [{ path: '/b', args: ['x', 'y'], env: ['K=v'], timeout: 5 }],
  }
  const { prestart, poststop } = read({ hooks }).hooks
  t.same(prestart, [{ path: '/bin/a', args: ['/bin/a'], env: [], timeoutSeconds: null, origin: '/hooks/prestart/0' }])
  t.same(poststop, [{ path: '/b', args: ['x', 'y'], env: ['K=v'], timeoutSeconds: 5, origin: '/hooks/poststop/0' }])
})

t.test('devices have the mode that mknod takes', async t => {
  const { devices } = readLinux({
    devices: [
      { type: 'c', path: '/dev/a', major: 1, minor: 3 },
      { type: 'u', path: '/dev/b', major: 1, minor: 3, fileMode: 0o20600 },
      { type: 'b', path: '/dev/c', major: 8n, minor: 0n, fileMode: 0o640, uid: 1, gid: 2 },
      { type: 'p', path: '/dev/d', major: 9, minor: 9, fileMode: 0 },
    ],
  })
  t.same(
    devices.map(({ mode, major, minor, uid, gid }) => [mode, major, minor, uid, gid]),
    [
      [0o20666, 1, 3, 0, 0],
      [0o20600, 1, 3, 0, 0],
      [0o60640, 8, 0, 1, 2],
      [0o10000, 0, 0, 0, 0],
    ],
  )
})

t.test('kernel parameters are paths below /proc/sys, in either way of writing', async t => {
  const namespaces = [{ type: 'network' as const }]
  const sysctl = { 'net.ipv4.conf.eth0/1.rp_filter': 'a', 'net/ipv4/conf/eth0.2/rp_filter': 'b' }
  t.same(readLinux({ namespaces, sysctl }).sysctl, [
    {
      key: 'net/ipv4/conf/eth0.1/rp_filter',
      value: 'a',
      origin: '/linux/sysctl/net.ipv4.conf.eth0~11.rp_filter',
    },
    {
      key: 'net/ipv4/conf/eth0.2/rp_filter',
      value: 'b',
      origin: '/linux/sysctl/net~1ipv4~1conf~1eth0.2~1rp_filter',
    },
  ])
})

t.test('device rules have null for every number', async t => {
  const { devices } = readLinux({
    resources: { devices: [{ allow: false }, { allow: true, type: 'c', major: 136, minor: -1, access: 'rw' }] },
  }).resources
  t.same(devices, [
    { allow: false, type: 'a', major: null, minor: null, access: 'rwm', origin: '/linux/resources/devices/0' },
    { allow: true, type: 'c', major: 136, minor: null, access: 'rw', origin: '/linux/resources/devices/1' },
  ])
})

t.test('zeros that mean nothing are absent, those that mean something are kept', async t => {
  const { resources } = readLinux({
    resources: {
      cpu: { shares: 0, quota: 0, period: 0, idle: 0, burst: 0 },
      blockIO: { weight: 0 },
      pids: { limit: 0 },
    },
  })
  t.match(resources.cpu, { shares: null, quota: null, period: null, idle: 0n, burst: 0n })
  t.equal(resources.blockIO.weight, null)
  t.equal(resources.pids.limit, 0n)
})

t.test('a seccomp answer that carries an errno carries EPERM if none is given', async t => {
  const { seccomp } = readLinux({
    seccomp: {
      defaultAction: 'SCMP_ACT_ERRNO',
      syscalls: [
        { names: ['a'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 },
        { names: ['b'], action: 'SCMP_ACT_ALLOW', args: [{ index: 0, value: 2n ** 64n - 1n, op: 'SCMP_CMP_EQ' }] },
      ],
    },
  })
  t.equal(seccomp?.defaultErrnoRet, 1)
  t.same(
    seccomp?.syscalls.map(({ errnoRet }) => errnoRet),
    [38, null],
  )
  t.same(seccomp?.syscalls[1]?.args, [{ index: 0, value: 18446744073709551615n, valueTwo: 0n, op: 'SCMP_CMP_EQ' }])
})

t.test('propagation and personality are the numbers of the kernel', async t => {
  t.equal(readLinux({ rootfsPropagation: 'slave' }).rootfsPropagation, 0x80000)
  t.equal(readLinux({ rootfsPropagation: 'rshared' }).rootfsPropagation, 0x104000)
  t.equal(readLinux({ personality: { domain: 'LINUX32' } }).personality, 8)
  t.equal(readLinux({}).personality, null)
})

t.test('annotations keep any key and have no prototype', async t => {
  const text = '{"ociVersion": "1.0.0", "root": {"path": "r"}, "annotations": {"__proto__": "a", "toString": "b"}}'
  const { annotations } = readConfig(text).config
  t.same(Object.entries(annotations), [
    ['__proto__', 'a'],
    ['toString', 'b'],
  ])
  t.equal(Object.getPrototypeOf(annotations), null)
})
