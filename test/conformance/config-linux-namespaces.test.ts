import { writeFileSync } from 'node:fs'
import t from 'tap'
import type { NamespaceType } from '../../lib/index.js'
import { makeBundle } from '../bundle.js'
import { missing } from '../needs.js'
import { createError, createSleeper, invalid, lines, namespaceHolder, namespaceOf } from './attempt.js'

const skip = { skip: missing('root', 'busybox') }

const FILES = {
  pid: 'pid',
  network: 'net',
  mount: 'mnt',
  ipc: 'ipc',
  uts: 'uts',
  user: 'user',
  cgroup: 'cgroup',
  time: 'time',
} as const satisfies Record<NamespaceType, string>
const TYPES = Object.keys(FILES) as NamespaceType[]
const IDS = [{ containerID: 0, hostID: 100000, size: 65536 }]

/** A new user namespace needs mappings, and a mount namespace comes with every other one for /proc. */
const namespaces = (...types: readonly NamespaceType[]) => ({
  namespaces: types.map(type => ({ type })),
  ...(types.includes('user') && { uidMappings: IDS, gidMappings: IDS }),
})

for (const type of TYPES) {
  t.test(`config-linux.md#namespaces: ${type} without a path is a new namespace, and only that`, skip, async t => {
    const types = [...new Set<NamespaceType>([type, 'mount'])]
    const container = await createSleeper(makeBundle(t), config => {
      delete config.hostname
      config.mounts = config.mounts.filter(({ destination }) => destination === '/dev')
      config.linux = { ...namespaces(...types), cgroupsPath: config.linux.cgroupsPath ?? '' }
    })
    for (const each of TYPES) {
      const isNew = namespaceOf(container.pid, FILES[each]) !== namespaceOf('self', FILES[each])
      t.equal(isNew, types.includes(each), `${each} is ${types.includes(each) ? 'new' : 'inherited'}`)
    }
  })
}

t.test('config-linux.md#namespaces: all eight at once', skip, async t => {
  const { sh } = makeBundle(t)
  const { stdout } = await sh(
    'for f in pid net mnt ipc uts user cgroup time; do readlink /proc/self/ns/$f; done',
    config => {
      config.linux = { ...config.linux, ...namespaces(...TYPES) }
    },
  )
  for (const [index, type] of TYPES.entries()) {
    t.match(lines(stdout)[index], /^[a-z]+:\[[0-9]+\]$/)
    t.not(lines(stdout)[index], namespaceOf('self', FILES[type]), type)
  }
})

t.test('config-linux.md#namespaces: without namespaces everything is inherited', skip, async t => {
  const container = await createSleeper(makeBundle(t), config => {
    delete config.hostname
    config.mounts = []
    config.root = { path: 'rootfs' }
    config.linux = { cgroupsPath: config.linux.cgroupsPath ?? '' }
  })
  for (const type of TYPES) t.equal(namespaceOf(container.pid, FILES[type]), namespaceOf('self', FILES[type]), type)
})

t.test('config-linux.md#namespaces: a new pid namespace makes the process number 1', skip, async t => {
  const { sh } = makeBundle(t)
  t.match(await sh('echo $$; ls -d /proc/[0-9]*'), { stdout: '1\n/proc/1\n' })
})

t.test('config-linux.md#namespaces: a new network namespace has its own loopback, which is up', skip, async t => {
  const { sh } = makeBundle(t)
  const { stdout } = await sh('ip -o link; ip -o addr show dev lo')
  t.match(stdout, /^1: lo: <LOOPBACK,UP,LOWER_UP>/)
  t.notMatch(stdout, /^[2-9]: (?!tunl|gre|sit|ip6|ip_vti|erspan|bonding|dummy|ifb|teql)/m)
  t.match(stdout, /inet 127\.0\.0\.1\/8/)
})

t.test(
  'config-linux.md#namespaces: a new cgroup namespace shows the cgroup of the container as the root',
  skip,
  async t => {
    const { sh, id } = makeBundle(t)
    const show = 'cat /proc/self/cgroup'
    const inside = await sh(show, config => config.linux.namespaces?.push({ type: 'cgroup' }))
    for (const line of lines(inside.stdout)) t.match(line, /:\/$/)
    const outside = await sh(show)
    for (const line of lines(outside.stdout)) t.match(line, `/${id('').slice(0, -1)}`)
  },
)

const JOINED: readonly { type: NamespaceType; file: string; flags: readonly string[] }[] = [
  { type: 'network', file: 'net', flags: ['--net'] },
  { type: 'ipc', file: 'ipc', flags: ['--ipc'] },
  { type: 'uts', file: 'uts', flags: ['--uts'] },
  { type: 'cgroup', file: 'cgroup', flags: ['--cgroup'] },
  { type: 'mount', file: 'mnt', flags: ['--mount'] },
]

for (const { type, file, flags } of JOINED) {
  t.test(`config-linux.md#namespaces: ${type} with a path is joined`, skip, async t => {
    const holder = await namespaceHolder(t, file, ...flags)
    const container = await createSleeper(makeBundle(t), config => {
      if (type === 'uts') delete config.hostname
      config.linux.namespaces = (config.linux.namespaces ?? []).filter(each => each.type !== type)
      config.linux.namespaces.push({ type, path: `/proc/${holder.pid}/ns/${file}` })
    })
    t.equal(namespaceOf(container.pid, FILES[type]), namespaceOf(holder.pid ?? 0, file))
  })
}

t.test('config-linux.md#namespaces: pid with a path is joined, and the container is not its init', skip, async t => {
  const other = makeBundle(t)
  const host = await createSleeper(other)
  await host.start()
  const bundle = makeBundle(t)
  const { stdout, exitCode } = await bundle.sh('readlink /proc/self/ns/pid; echo $$; exit 3', config => {
    config.linux.namespaces = [{ type: 'mount' }, { type: 'pid', path: `/proc/${host.pid}/ns/pid` }]
    delete config.hostname
  })
  const [namespace, pid] = lines(stdout)
  t.equal(namespace, namespaceOf(host.pid, 'pid'))
  t.ok(Number(pid) > 1)
  t.equal(exitCode, 3, 'its status is known all the same')
  t.equal((await host.state()).status, 'running')
})

t.test('config-linux.md#namespaces: time with a path is joined', skip, async t => {
  const holder = await namespaceHolder(t, 'time_for_children', '--time', '--boottime', '1000000')
  const { sh } = makeBundle(t)
  const { stdout } = await sh('readlink /proc/self/ns/time; cat /proc/uptime', config => {
    config.linux.namespaces?.push({ type: 'time', path: `/proc/${holder.pid}/ns/time_for_children` })
  })
  const [namespace, uptime] = lines(stdout)
  t.equal(namespace, namespaceOf(holder.pid ?? 0, 'time_for_children'))
  t.ok(Number.parseFloat(uptime ?? '') > 1_000_000)
})

t.test('config-linux.md#namespaces: the namespaces of another container are joined all at once', skip, async t => {
  const host = await createSleeper(makeBundle(t), config => {
    config.linux = { ...config.linux, ...namespaces('pid', 'network', 'ipc', 'uts', 'mount', 'user', 'cgroup') }
  })
  const shared = ['network', 'ipc', 'uts', 'user'] as const
  const container = await createSleeper(makeBundle(t), config => {
    delete config.hostname
    config.linux.namespaces = [
      ...shared.map(type => ({ type, path: `/proc/${host.pid}/ns/${FILES[type]}` })),
      { type: 'pid' },
      { type: 'mount' },
    ]
  })
  for (const type of shared) t.equal(namespaceOf(container.pid, FILES[type]), namespaceOf(host.pid, FILES[type]), type)
  t.not(namespaceOf(container.pid, 'pid'), namespaceOf(host.pid, 'pid'))
  await container.start()
  t.equal((await container.state()).status, 'running')
})

t.test('config-linux.md#namespaces: a path of another type is an error that names it', skip, async t => {
  const bundle = makeBundle(t)
  for (const type of TYPES) {
    const path = `/proc/self/ns/${type === 'uts' ? 'ipc' : 'uts'}`
    const error = await createError(bundle, config => {
      delete config.hostname
      config.linux.namespaces = [{ type: 'mount' } as const, { type, path }].slice(type === 'mount' ? 1 : 0)
    })
    const configPath = `/linux/namespaces/${type === 'mount' ? 0 : 1}/path`
    t.match(error, { name: 'LaunchError', code: 'ERR_LAUNCH_OP', configPath, errno: 'EINVAL' }, type)
  }
})

t.test('config-linux.md#namespaces: a path that is no namespace is an error that names it', skip, async t => {
  const bundle = makeBundle(t)
  writeFileSync(`${bundle.directory}/file`, '')
  const join = (path: string) =>
    createError(bundle, config => {
      config.linux.namespaces = [{ type: 'mount' }, { type: 'uts' }, { type: 'network', path }]
    })
  const configPath = '/linux/namespaces/2/path'
  t.match(await join(`${bundle.directory}/file`), { name: 'LaunchError', code: 'ERR_LAUNCH_OP', configPath })
  t.match(await join('/proc/self'), { name: 'LaunchError', code: 'ERR_LAUNCH_OP', configPath })
  t.match(await join('/nowhere/ns'), { name: 'LaunchError', code: 'ERR_LAUNCH_OP', configPath, errno: 'ENOENT' })
})

t.test('config-linux.md#namespaces: a fifo in place of a namespace does not block', skip, async t => {
  const bundle = makeBundle(t)
  const { exitCode } = await bundle.sh('mknod /data/fifo p', config => (config.root = { path: 'rootfs' }))
  t.equal(exitCode, 0)
  const error = await createError(bundle, config => {
    config.linux.namespaces = [
      { type: 'mount' },
      { type: 'uts' },
      { type: 'network', path: `${bundle.rootfs}/data/fifo` },
    ]
  })
  t.match(error, { name: 'LaunchError', configPath: '/linux/namespaces/2/path' })
})

t.test('config-linux.md#namespaces: a path must be absolute', skip, async t => {
  const error = await createError(makeBundle(t), config => config.linux.namespaces?.push({ type: 'time', path: 'ns' }))
  t.match(error, invalid('/linux/namespaces/5/path'))
})

t.test('config-linux.md#namespaces: a duplicated type is an error', skip, async t => {
  const bundle = makeBundle(t)
  for (const type of TYPES) {
    const error = await createError(bundle, config => {
      config.linux = { ...config.linux, ...namespaces(...TYPES) }
      config.linux.namespaces?.push({ type, path: '/proc/self/ns/net' })
    })
    t.match(error, invalid('/linux/namespaces/8/type'), type)
  }
})

t.test('config-linux.md#namespaces: an unknown type is an error', skip, async t => {
  const error = await createError(makeBundle(t), config => {
    config.linux.namespaces?.push({ type: 'dream' as 'uts' })
  })
  t.match(error, invalid('/linux/namespaces/5/type'))
})
