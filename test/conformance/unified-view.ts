/** Run by config-linux-unified.test.ts where the host's cgroups are mounted as version 2 only. */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { makeBundle, type TestConfig } from '../bundle.js'
import { keepSubtreeControl } from '../cgroup/sandbox.js'
import { createError, createSleeper, lines, mountAt, parseMounts } from './attempt.js'

const ROOT = '/sys/fs/cgroup'
const controllers = readFileSync(`${ROOT}/cgroup.controllers`, 'utf8').trim().split(' ')
const withHugetlb = { skip: controllers.includes('hugetlb') ? false : 'needs the hugetlb controller in version 2' }
const absent = (controller: string) => ({
  skip: controllers.includes(controller) ? `the ${controller} controller is there` : false,
})

type ResourcesInput = NonNullable<TestConfig['linux']['resources']>
const change = (resources: ResourcesInput) => (config: TestConfig) => {
  config.linux.resources = resources
}

t.after(keepSubtreeControl(ROOT))

/** A container in a cgroup of its own, and how that cgroup's files read. */
async function limited(t: Parameters<typeof makeBundle>[0], resources: ResourcesInput) {
  const bundle = makeBundle(t)
  const path = `/${bundle.id('limited')}`
  const container = await createSleeper(bundle, config => {
    config.linux.cgroupsPath = path
    config.linux.resources = resources
  })
  const read = (file: string): string => readFileSync(`${ROOT}${path}/${file}`, 'utf8').trim()
  return { bundle, path, container, read }
}

t.test('config-linux.md#cgroups-path: an absolute path is relative to the mount point', async t => {
  const { container, path, read } = await limited(t, {})
  t.match(readFileSync(`/proc/${container.pid}/cgroup`, 'utf8'), new RegExp(`^0::${path}$`, 'm'))
  t.strictSame(lines(read('cgroup.procs')), [String(container.pid)])
  await container.delete()
  t.notOk(existsSync(`${ROOT}${path}`))
})

t.test('config-linux.md#cgroups-path: a relative path, and none', async t => {
  for (const cgroupsPath of [`tsrun-test-${process.pid}-relative/x`, undefined]) {
    const container = await createSleeper(makeBundle(t), config => Object.assign(config.linux, { cgroupsPath }))
    const [found] = /(?<=^0::).*$/m.exec(readFileSync(`/proc/${container.pid}/cgroup`, 'utf8')) ?? []
    t.ok(found?.endsWith(cgroupsPath === undefined ? `/${container.id}` : `/${cgroupsPath}`), String(found))
    t.ok(existsSync(`${ROOT}${found}`))
  }
})

t.test('config-linux.md#control-groups: one that is in use, or frozen, is an error', async t => {
  const { bundle, path, container } = await limited(t, {})
  bundle.configure(config => (config.linux.cgroupsPath = path))
  const second = () =>
    bundle.runtime.create({ id: bundle.id('second'), bundle: bundle.bundle }).catch((error: unknown) => error)
  t.match(await second(), { code: 'ERR_STATE_EXISTS', message: /not empty: 1 process/ })
  await container.delete()
  mkdirSync(`${ROOT}${path}`)
  writeFileSync(`${ROOT}${path}/cgroup.freeze`, '1')
  t.match(await second(), { code: 'ERR_STATE_EXISTS', message: /frozen/ })
  writeFileSync(`${ROOT}${path}/cgroup.freeze`, '0')
  const other = await bundle.runtime.create({ id: bundle.id('third'), bundle: bundle.bundle, stdio: 'ignore' })
  await other.delete()
  rmdirSync(`${ROOT}${path}`)
})

t.test('runtime.md#delete: nested cgroups go with the container, and their processes', async t => {
  const { container, path } = await limited(t, {})
  mkdirSync(`${ROOT}${path}/a/b`, { recursive: true })
  await container.start()
  writeFileSync(`${ROOT}${path}/a/b/cgroup.procs`, String(container.pid))
  await container.delete({ force: true })
  t.notOk(existsSync(`${ROOT}${path}`))
  t.notOk(existsSync(`/proc/${container.pid}`))
})

for (const namespace of [false, true]) {
  const how = namespace ? 'with' : 'without'
  const mounting =
    (...options: string[]) =>
    (config: TestConfig) => {
      if (namespace) config.linux.namespaces?.push({ type: 'cgroup' })
      config.mounts.push(
        { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
        { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options },
      )
    }

  t.test(`config.md#mounts: type cgroup is the own part of the tree, ${how} a cgroup namespace`, async t => {
    const { sh } = makeBundle(t)
    const { stdout } = await sh(
      'cat /proc/self/mountinfo; cd /sys/fs/cgroup; cat cgroup.procs; ls -d tsrun* 2>/dev/null',
      mounting('ro', 'nosuid'),
    )
    const { type, options } = mountAt(stdout, '/sys/fs/cgroup')
    t.equal(type, 'cgroup2')
    t.match([...options].sort(), ['nodev', 'noexec', 'nosuid', 'relatime', 'ro'])
    t.strictSame(stdout.split('\n').filter(line => /^[0-9]+$/.test(line))[0], '1', 'the process is in it')
    t.equal(
      parseMounts(stdout.replace(/^(?!.* - ).*$\n?/gm, '')).filter(({ type }) => type.startsWith('cgroup')).length,
      1,
    )
  })

  t.test(`config.md#mounts: type cgroup with ro can't be written, ${how} a cgroup namespace`, async t => {
    const { sh } = makeBundle(t)
    const command = 'cd /sys/fs/cgroup; mkdir new || echo refused; echo 5 > cgroup.max.depth || echo refused'
    t.match(await sh(command, mounting('ro')), { stdout: 'refused\nrefused\n' })
    t.match(await sh('cd /sys/fs/cgroup; mkdir new && echo made && busybox rmdir new', mounting('rw')), {
      stdout: 'made\n',
    })
  })
}

t.test('config-linux.md#unified: the files are written as they are', async t => {
  const { read } = await limited(t, { unified: { 'cgroup.max.depth': '7', 'cgroup.max.descendants': '9' } })
  t.equal(read('cgroup.max.depth'), '7')
  t.equal(read('cgroup.max.descendants'), '9')
})

t.test('config-linux.md#unified: the controllers that are needed are enabled', withHugetlb, async t => {
  const { read } = await limited(t, { unified: { 'hugetlb.2MB.max': '4194304' } })
  t.equal(read('hugetlb.2MB.max'), '4194304')
  t.ok(read('cgroup.controllers').split(' ').includes('hugetlb'))
})

t.test('config-linux.md#unified: a controller that is not there, and a file that is not there, are errors', async t => {
  const bundle = makeBundle(t)
  const controller = await createError(bundle, change({ unified: { 'nonsense.max': '1', 'cgroup.max.depth': '3' } }))
  t.match(controller, {
    code: 'ERR_CONFIG_UNSUPPORTED',
    issues: [{ path: '/linux/resources/unified/nonsense.max', message: /controller "nonsense" not available/ }],
  })
  const file = await createError(bundle, change({ unified: { 'cgroup.nonsense': '1' } }))
  t.match(file, { code: 'ERR_CGROUP_WRITE', configPath: '/linux/resources/unified/cgroup.nonsense', errno: 'ENOENT' })
  const value = await createError(bundle, change({ unified: { 'cgroup.max.depth': 'deep' } }))
  t.match(value, { code: 'ERR_CGROUP_WRITE', configPath: '/linux/resources/unified/cgroup.max.depth', errno: 'EINVAL' })
  for (const name of ['../x', 'a/b', '..']) {
    const path = `/linux/resources/unified/${name.replaceAll('/', '~1')}`
    t.match(
      await createError(bundle, change({ unified: { [name]: '1' } })),
      { code: 'ERR_CONFIG_INVALID', issues: [{ path }] },
      name,
    )
  }
})

t.test('config-linux.md#huge-page-limits: in the words of version 2', withHugetlb, async t => {
  const { read } = await limited(t, { hugepageLimits: [{ pageSize: '2MB', limit: 4194304 }] })
  t.equal(read('hugetlb.2MB.max'), '4194304')
  t.equal(read('hugetlb.2MB.rsvd.max'), '4194304')
})

t.test(
  'config-linux.md#unified: without the controller the field of version 1 is an error that names it',
  absent('memory'),
  async t => {
    const error = await createError(
      makeBundle(t),
      change({ memory: { limit: 100_000_000 }, pids: { limit: 5 }, cpu: { shares: 5 } }),
    )
    const paths = ['cpu/shares', 'memory/limit', 'pids/limit'].map(field => ({ path: `/linux/resources/${field}` }))
    t.match(error, { code: 'ERR_CONFIG_UNSUPPORTED', issues: paths })
  },
)

t.test('config-linux.md#unified: what version 2 has no word for is an error that names it', async t => {
  const error = await createError(
    makeBundle(t),
    change({ network: { classID: 5, priorities: [{ name: 'lo', priority: 1 }] } }),
  )
  const paths = ['network/classID', 'network/priorities/0'].map(field => ({ path: `/linux/resources/${field}` }))
  t.match(error, { code: 'ERR_CONFIG_UNSUPPORTED', issues: paths })
})

t.test('config-linux.md#allowed-device-list: by a program of the kernel, in the listed order', async t => {
  const { sh } = makeBundle(t)
  const withRules = (devices: ResourcesInput['devices']) => (config: TestConfig) => {
    config.root = { path: 'rootfs' }
    config.linux.resources = { devices: devices ?? [] }
    config.linux.devices = [{ path: '/data/kmsg', type: 'c', major: 1, minor: 11, fileMode: 0o666 }]
    const sets = ['CAP_MKNOD', 'CAP_SYSLOG']
    config.process.capabilities = { bounding: sets, effective: sets, permitted: sets }
  }
  const open = 'head -c 1 /data/kmsg > /dev/null 2>&1 && echo open || echo refused'
  const kmsg = { allow: true, type: 'c', major: 1, minor: 11, access: 'r' } as const
  t.match(await sh(open, withRules([{ allow: false, access: 'rwm' }])), { stdout: 'refused\n' })
  t.match(await sh(open, withRules([{ allow: false }, kmsg])), { stdout: 'open\n' })
  t.match(await sh(open, withRules([kmsg, { allow: false }])), { stdout: 'refused\n' })
  t.match(await sh(open, withRules([{ allow: true }, { ...kmsg, allow: false }])), { stdout: 'refused\n' })
  t.match(await sh('echo x > /data/kmsg || echo refused', withRules([{ allow: false }, kmsg])), { stdout: 'refused\n' })
})

t.test('config-linux.md#allowed-device-list: the default devices are always allowed', async t => {
  const { sh } = makeBundle(t)
  const script = 'for f in null zero full random urandom; do head -c 1 /dev/$f > /dev/null && echo $f; done'
  const { stdout } = await sh(script, change({ devices: [{ allow: false, access: 'rwm' }] }))
  t.equal(stdout, 'null\nzero\nfull\nrandom\nurandom\n')
})

t.test('config.md#posix-platform-hooks: those of the container run in its cgroup', async t => {
  const bundle = makeBundle(t)
  const path = `/${bundle.id('hooks')}`
  const script = (name: string) => ({
    path: '/bin/sh',
    args: ['sh', '-c', `cat /proc/self/cgroup > ${bundle.directory}/${name}`],
    env: ['PATH=/bin:/usr/bin'],
  })
  const container = await createSleeper(bundle, config => {
    config.linux.cgroupsPath = path
    config.hooks = { createContainer: [script('container')], createRuntime: [script('runtime')] }
  })
  t.match(readFileSync(`${bundle.directory}/container`, 'utf8'), `0::${path}\n`)
  t.notMatch(readFileSync(`${bundle.directory}/runtime`, 'utf8'), path)
  await container.delete()
})

/** A container in a cgroup that was there before, a process in it, and the end of both. */
async function runAndExec(t: Parameters<typeof makeBundle>[0], path: string): Promise<void> {
  const bundle = makeBundle(t)
  const container = await createSleeper(bundle, config => Object.assign(config.linux, { cgroupsPath: path }))
  await container.start()
  t.match(readFileSync(`/proc/${container.pid}/cgroup`, 'utf8'), new RegExp(`^0::${path}$`, 'm'))
  const child = await container.exec({ args: ['/bin/cat', '/proc/self/cgroup'], stdio: ['ignore', 'pipe', 'ignore'] })
  let output = ''
  child.stdout?.setEncoding('utf8').on('data', text => (output += text))
  const closed = new Promise(resolve => child.stdout?.once('close', resolve))
  t.match(await child.wait(), { exitCode: 0 })
  await closed
  t.match(output, /^0::/m)
  await container.delete({ force: true })
}

/** Linux 6.14 and later kill what is cloned into a cgroup, or from one, of which cgroup.kill has been written before. */
t.test(
  'config-linux.md#control-groups: a cgroup that was killed once takes containers, one after the other',
  async t => {
    const path = `/tsrun-killed-${process.pid}`
    mkdirSync(`${ROOT}${path}`)
    t.teardown(() => rmdirSync(`${ROOT}${path}`))
    writeFileSync(`${ROOT}${path}/cgroup.kill`, '1')
    await runAndExec(t, path)
    await runAndExec(t, path)
  },
)

t.test('config-linux.md#control-groups: so does one that is made by a caller whose own was killed once', async t => {
  const own = `${ROOT}/tsrun-caller-${process.pid}`
  const before = /(?<=^0::).*$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[0] ?? '/'
  mkdirSync(own)
  t.teardown(() => {
    writeFileSync(`${ROOT}${before}/cgroup.procs`, String(process.pid))
    rmdirSync(own)
  })
  writeFileSync(`${own}/cgroup.kill`, '1')
  writeFileSync(`${own}/cgroup.procs`, String(process.pid))
  const path = `/tsrun-of-killed-${process.pid}`
  await runAndExec(t, path)
  t.notOk(existsSync(`${ROOT}${path}`))
})
