import { execFileSync } from 'node:child_process'
import { chownSync, lstatSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { makeBundle, type TestConfig } from '../bundle.js'
import { missing } from '../needs.js'
import { until } from '../until.js'
import { createError, lines, mountAt, namespaceHolder } from './attempt.js'

const skip = { skip: missing('root', 'busybox', 'user-namespaces') }

const MAPPING = [{ containerID: 0, hostID: 100000, size: 65536 }]

type MountInput = TestConfig['mounts'][number]

/** The container in a user namespace of that mapping. */
const mapped = (config: TestConfig): void => {
  config.linux.namespaces?.push({ type: 'user' })
  config.linux.uidMappings = MAPPING
  config.linux.gidMappings = MAPPING
}

/** A bundle with a directory of the host: files of root, of 1000:1001, and of an id that no mapping has. */
function bundleWithSource(t: Parameters<typeof makeBundle>[0]) {
  const bundle = makeBundle(t)
  const source = `${bundle.directory}/source`
  mkdirSync(`${source}/below`, { recursive: true })
  for (const [name, uid, gid] of [
    ['root', 0, 0],
    ['user', 1000, 1001],
    ['far', 200000, 200000],
  ] as const) {
    writeFileSync(`${source}/${name}`, name)
    chownSync(`${source}/${name}`, uid, gid)
  }
  const bind = (...options: string[]): MountInput => ({ destination: '/data', source, options: ['bind', ...options] })
  return { ...bundle, source, bind }
}

const OWNERS = "cd /data; stat -c '%n %u:%g' root user far"

t.test('config.md#mounts: the mappings of a bind mount give the files other owners', skip, async t => {
  const { sh, bind, source } = bundleWithSource(t)
  const { stdout } = await sh(`${OWNERS}; touch new; echo $?; cat /proc/self/mountinfo`, config => {
    config.mounts.push({ ...bind('idmap'), uidMappings: MAPPING, gidMappings: MAPPING })
    config.process.user = { uid: 100000, gid: 100000 }
  })
  const [owners = '', mounts = ''] = stdout.split(/^0\n/m)
  t.same(lines(owners), ['root 100000:100000', 'user 101000:101001', 'far 65534:65534'])
  t.ok(mountAt(mounts, '/data').options.includes('idmapped'))
  t.match(lstatSync(`${source}/new`), { uid: 0, gid: 0 }, 'what 100000 makes is of root on the file system')
})

t.test('config.md#mounts: mappings without the option are applied as well', skip, async t => {
  const { sh, bind } = bundleWithSource(t)
  const { stdout } = await sh(OWNERS, config => {
    config.mounts.push({
      ...bind('ro'),
      uidMappings: [{ containerID: 1000, hostID: 0, size: 1 }],
      gidMappings: [{ containerID: 1001, hostID: 7, size: 1 }],
    })
  })
  t.same(lines(stdout), ['root 65534:65534', 'user 0:7', 'far 65534:65534'])
})

t.test("config.md#mounts: without mappings those of the container's user namespace are meant", skip, async t => {
  const { sh, bind, source } = bundleWithSource(t)
  const { stdout } = await sh(`${OWNERS}; touch new; echo $?`, config => {
    mapped(config)
    config.mounts.push(bind('idmap'))
  })
  t.same(lines(stdout), ['root 0:0', 'user 1000:1001', 'far 65534:65534', '0'])
  t.match(lstatSync(`${source}/new`), { uid: 0, gid: 0 })
})

t.test('config.md#mounts: also if the user namespace is joined', skip, async t => {
  const { bind, sh } = bundleWithSource(t)
  const holder = await namespaceHolder(t, 'user', '-U')
  for (const map of ['uid_map', 'gid_map']) writeFileSync(`/proc/${holder.pid}/${map}`, '0 300000 65536\n')
  const { stdout } = await sh(OWNERS, config => {
    config.linux.namespaces?.push({ type: 'user', path: `/proc/${holder.pid}/ns/user` })
    config.mounts.push(bind('idmap'))
  })
  t.same(lines(stdout), ['root 0:0', 'user 1000:1001', 'far 65534:65534'])
})

t.test('config.md#mounts: idmap is for one mount, ridmap for the whole tree', skip, async t => {
  const { sh, source } = bundleWithSource(t)
  execFileSync('mount', ['-t', 'tmpfs', 'tsrun-test', `${source}/below`])
  t.teardown(() => execFileSync('umount', [`${source}/below`]))
  writeFileSync(`${source}/below/file`, '')
  const mount = (destination: string, option: string): MountInput => ({
    destination,
    source,
    options: ['rbind', option],
    uidMappings: MAPPING,
    gidMappings: MAPPING,
  })
  const { stdout } = await sh(
    'stat -c %u /tmp/one/root /tmp/one/below/file /tmp/all/root /tmp/all/below/file',
    config => {
      config.mounts.push(mount('/tmp/one', 'idmap'), mount('/tmp/all', 'ridmap'))
    },
  )
  t.same(lines(stdout), ['100000', '0', '100000', '100000'])
})

t.test('config.md#mounts: a new file system with mapped ids', skip, async t => {
  const { stdout, stderr } = await makeBundle(t).sh(
    "cd /data; touch new; stat -c '%u:%g %a' . new; cat /proc/self/mountinfo",
    config => {
      mapped(config)
      const options = ['idmap', 'mode=751', 'size=1m', 'nosuid', 'noatime', 'rnodev', 'rprivate']
      config.mounts.push({ destination: '/data', type: 'tmpfs', source: 'named', options })
    },
  )
  t.equal(stderr, '')
  t.match(lines(stdout).slice(0, 2), ['0:0 751', '0:0 644'])
  const found = mountAt(stdout, '/data')
  t.match(found, { type: 'tmpfs', source: 'named' })
  for (const option of ['rw', 'nosuid', 'nodev', 'noatime', 'idmapped']) t.ok(found.options.includes(option), option)
  t.ok(found.superblock.includes('size=1024k'))
})

t.test('config.md#mounts: a file system that cannot map ids is named', skip, async t => {
  const bundle = makeBundle(t)
  const attempt = (mount: Partial<MountInput>) =>
    createError(bundle, config => {
      config.mounts.push({ destination: '/data', uidMappings: MAPPING, gidMappings: MAPPING, ...mount })
    })
  const fault = { name: 'LaunchError', code: 'ERR_LAUNCH_OP', configPath: '/mounts/4', syscall: 'mount_setattr' }
  const message = /^\/mounts\/4: mount_setattr: EINVAL: a file system of this mount does not support mapped ids/
  t.match(await attempt({ type: 'mqueue', source: 'mqueue' }), { ...fault, errno: 'EINVAL', message })
  t.match(await attempt({ source: '/proc/sys', options: ['bind'] }), { ...fault, errno: 'EINVAL', message })
  t.match(await attempt({ type: 'tmpfs', source: 'x', options: ['size=a lot'] }), {
    ...fault,
    syscall: 'fsconfig',
    message: /size/,
  })
})

t.test('config.md#mounts: what cannot be mapped is said before anything is made', skip, async t => {
  const bind = (mount: Partial<MountInput>): MountInput => ({
    destination: '/data',
    source: '/tmp',
    options: ['bind'],
    ...mount,
  })
  const error = await createError(makeBundle(t), config => {
    config.mounts.push(
      bind({ options: ['bind', 'idmap'] }),
      bind({ uidMappings: MAPPING }),
      bind({ uidMappings: MAPPING, gidMappings: [...MAPPING, ...MAPPING] }),
      { destination: '/data', options: ['remount', 'ridmap'], uidMappings: MAPPING, gidMappings: MAPPING },
      { destination: '/sys/fs/cgroup', type: 'cgroup', uidMappings: MAPPING, gidMappings: MAPPING },
    )
  })
  t.match((error as { issues: { path: string }[] }).issues.map(({ path }) => path).sort(), [
    '/mounts/4/options/1',
    '/mounts/5/gidMappings',
    '/mounts/6/gidMappings/1/containerID',
    '/mounts/6/gidMappings/1/hostID',
    '/mounts/7/options/1',
    '/mounts/7/uidMappings',
    '/mounts/8/uidMappings',
  ])
  t.match(
    String((error as Error).message),
    'must be next to uidMappings and gidMappings where there is no user namespace, but is "idmap"',
  )
  const inline = await createError(makeBundle(t), config => {
    config.mounts.push(bind({ options: ['bind', 'idmap=uids=0-1000-1'] }))
  })
  t.match(inline, { code: 'ERR_CONFIG_INVALID', issues: [{ path: '/mounts/4/options/1' }] })
})

t.test('config.md#mounts: an option may bring its mappings along, as crun has it', skip, async t => {
  const { sh, bind } = bundleWithSource(t)
  const option = 'idmap=uids=0-100000-1000#1000-7-1;gids=0-100000-65536'
  const owners = await sh(OWNERS, config => config.mounts.push(bind(option)))
  t.same(lines(owners.stdout), ['root 100000:100000', 'user 7:101001', 'far 65534:65534'])
})

t.test('config.md#mounts: with @ such a mapping counts as the container does', skip, async t => {
  const { sh, bind } = bundleWithSource(t)
  const { stdout } = await sh(OWNERS, config => {
    mapped(config)
    config.mounts.push(bind('ridmap=uids=@0-5-1#@1000-6-1;gids=@0-0-65536'))
  })
  t.same(lines(stdout), ['root 5:0', 'user 6:1001', 'far 65534:65534'])
})

t.test('config.md#mounts: mapping ids leaves no process and no descriptor behind', skip, async t => {
  const { sh, bind } = bundleWithSource(t)
  const run = () =>
    sh('true', config => {
      config.mounts.push({ ...bind(), uidMappings: MAPPING, gidMappings: MAPPING })
    })
  await run()
  const descriptors = readdirSync('/proc/self/fd').length
  for (let i = 0; i < 10; i++) t.match(await run(), { exitCode: 0 })
  // The ends of the last pipes are closed by the event loop, a little later.
  await until(() => readdirSync('/proc/self/fd').length <= descriptors)
})
