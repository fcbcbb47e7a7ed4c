/** A type of namespace that the configuration leaves out is inherited. So are the mounts, which are the host's then. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import type { NamespaceType } from '../../lib/index.js'
import { makeBundle, type TestBundle, type TestConfig } from '../bundle.js'
import { RUNNER, TSRUN } from '../command.js'
import { missing } from '../needs.js'
import { createError, createSleeper, invalid, mountAt, namespaceOf } from './attempt.js'

const skip = { skip: missing('root', 'busybox') }

const FILES = { pid: 'pid', network: 'net', mount: 'mnt', ipc: 'ipc', uts: 'uts', cgroup: 'cgroup' } as const
const TYPES = Object.keys(FILES) as (keyof typeof FILES)[]

const without =
  (...types: readonly NamespaceType[]) =>
  (config: TestConfig): void => {
    config.linux.namespaces = TYPES.filter(type => !types.includes(type)).map(type => ({ type }))
    if (types.includes('uts')) delete config.hostname
    if (types.includes('mount')) Object.assign(config.linux, { maskedPaths: [], readonlyPaths: [] })
  }

const pointsOf = (table: string): string[] => table.split('\n').flatMap(line => line.split(' ')[4] ?? [])
/** Those of other tests come and go meanwhile. */
const isOfOthers = (point: string, { directory }: TestBundle): boolean =>
  point.startsWith('/tmp/tsrun-') && !point.startsWith(directory)

const hostMounts = (bundle: TestBundle): string[] =>
  pointsOf(readFileSync('/proc/self/mountinfo', 'utf8')).filter(point => !isOfOthers(point, bundle))
const mountsBelow = (bundle: TestBundle): string[] =>
  hostMounts(bundle).filter(point => point.startsWith(bundle.directory))

for (const left of [...TYPES.map(type => [type]), TYPES]) {
  t.test(
    `config-linux.md#namespaces: without ${left.join(', ')} the others are new, and it is inherited`,
    skip,
    async t => {
      const bundle = makeBundle(t)
      const container = await createSleeper(bundle, without(...left))
      for (const type of TYPES) {
        const isNew = namespaceOf(container.pid, FILES[type]) !== namespaceOf('self', FILES[type])
        t.equal(isNew, !left.includes(type), type)
      }
      await container.start()
      await container.delete({ force: true })
      t.same(mountsBelow(bundle), [])
    },
  )
}

t.test(
  'config-linux.md#namespaces: mounts without a namespace are below the root, and go with the container',
  skip,
  async t => {
    const bundle = makeBundle(t)
    const { rootfs, runtime, log } = bundle
    const before = hostMounts(bundle)
    const container = await createSleeper(bundle, config => {
      without('mount')(config)
      config.mounts.push({ destination: '/data', source: '/etc', options: ['rbind', 'rshared'] })
    })
    const places = ['', '/proc', '/dev', '/dev/pts', '/tmp', '/data'].map(place => `${rootfs}${place}`)
    const added = hostMounts(bundle).filter(point => !before.includes(point))
    t.same(added.sort(), places.sort())
    t.match(log, [{ level: 'warning', message: /^\/linux\/namespaces: .*mount namespace/ }])
    await container.start()
    const process = await container.exec({ args: ['/bin/sh', '-c', 'ls /dev; touch /new'] })
    let stdout = ''
    process.stdout?.on('data', chunk => (stdout += chunk))
    const closed = new Promise(resolve => process.stdout?.once('close', resolve))
    await process.wait()
    await closed
    t.match(stdout, /^full\nnull\n/m, "the default devices are in /dev, which is the container's own")
    await runtime.delete(container.id, { force: true })
    t.same(hostMounts(bundle), before)
  },
)

t.test('config-linux.md#namespaces: nothing of it reaches other mount namespaces', skip, async t => {
  const bundle = makeBundle(t)
  // A shared mount: what is mounted there appears in all namespaces that have it.
  const script = `mount --make-rshared / 2>/dev/null
    mount --bind "$2" "$2" && mount --make-shared "$2"
    unshare -m --propagation unchanged sh -c 'echo >ready; read line <go; cat /proc/self/mountinfo >seen' &
    for try in $(seq 400); do test -e ready && break; sleep 0.05; done
    "${RUNNER}" "$1" --root "$3" run -d -b "$2" "$4" </dev/null >/dev/null 2>err
    echo >go; wait
    "${RUNNER}" "$1" --root "$3" delete --force "$4"; cat /proc/self/mountinfo >after`
  bundle.configure(config => {
    without('mount')(config)
    config.process.args = ['/bin/sleep', '100']
  })
  writeFileSync(`${bundle.directory}/script`, script)
  execFileSync('mkfifo', [`${bundle.directory}/go`])
  const words = [
    '-m',
    'sh',
    `${bundle.directory}/script`,
    TSRUN,
    bundle.bundle,
    `${bundle.runtime.root}-cli`,
    bundle.id(),
  ]
  const { status, stderr } = spawnSync('unshare', words, { cwd: bundle.directory, encoding: 'utf8', timeout: 60_000 })
  t.equal(status, 0, stderr)
  const read = (name: string): string[] => pointsOf(readFileSync(`${bundle.directory}/${name}`, 'utf8'))
  t.same(
    read('seen').filter(point => point.startsWith(`${bundle.rootfs}/`)),
    [],
    'in another namespace',
  )
  t.same(
    read('after').filter(point => point.startsWith(bundle.rootfs)),
    [],
    'after delete',
  )
})

t.test('config-linux.md#namespaces: what is mounted below the root on the host stays, and is seen', skip, async t => {
  const bundle = makeBundle(t)
  const volume = `${bundle.rootfs}/data`
  execFileSync('mount', ['-t', 'tmpfs', 'tsrun', volume])
  t.teardown(() => execFileSync('umount', [volume]))
  writeFileSync(`${volume}/seen`, '')
  const { stdout } = await bundle.sh('ls /data', without('mount'))
  t.equal(stdout, 'seen\n')
  t.same(mountsBelow(bundle), [volume])
})

t.test('config.md#root: without a mount namespace the root is read-only for the container alone', skip, async t => {
  const bundle = makeBundle(t)
  const readonly = (config: TestConfig): void => {
    without('mount')(config)
    config.root = { path: 'rootfs', readonly: true }
  }
  const { stderr } = await bundle.sh('touch /new; touch /tmp/new', readonly)
  t.match(stderr, /^touch: \/new: Read-only file system\n$/)
  const withoutMounts = (config: TestConfig): void => {
    readonly(config)
    config.mounts = []
  }
  t.match((await bundle.sh('touch /new', withoutMounts)).stderr, /Read-only file system/)
  mkdirSync(`${bundle.rootfs}/still-writable`)
  t.same(mountsBelow(bundle), [])
})

t.test('config-linux.md#namespaces: a create that fails leaves no mount', skip, async t => {
  const bundle = makeBundle(t)
  const attempt = (change: (config: TestConfig) => void) =>
    createError(bundle, config => {
      without('mount')(config)
      change(config)
    })
  const late = await attempt(({ process }) => (process.args = ['/bin/none']))
  t.match(late, { code: 'ERR_LAUNCH_EXEC' })
  t.same(mountsBelow(bundle), [])
  const early = await attempt(({ mounts }) => mounts.push({ destination: '/data', source: '/none', options: ['bind'] }))
  t.match(early, { code: 'ERR_LAUNCH_OP', configPath: '/mounts/4/source' })
  t.same(mountsBelow(bundle), [])
})

t.test(
  'config-linux.md#namespaces: mounts without a namespace are refused if they could not be undone',
  skip,
  async t => {
    const bundle = makeBundle(t)
    const inUserNamespace = await createError(bundle, config => {
      without('mount')(config)
      config.linux.namespaces?.push({ type: 'user' })
      config.linux.uidMappings = config.linux.gidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }]
    })
    t.match(inUserNamespace, invalid('/root/readonly', '/mounts'))
    const hostRoot = await createError(bundle, config => {
      without('mount')(config)
      config.root = { path: '/' }
    })
    t.match(hostRoot, invalid('/root/path'))
    t.match(await createError(bundle, hidden), invalid('/linux/maskedPaths'))
  },
)

function hidden(config: TestConfig): void {
  without('mount')(config)
  config.linux.maskedPaths = ['/proc/kcore']
}

t.test('config-linux.md#namespaces: a mount over that of the container is not taken for it', skip, async t => {
  const bundle = makeBundle(t)
  const container = await createSleeper(bundle, without('mount'))
  execFileSync('mount', ['-t', 'tmpfs', 'tsrun-other', bundle.rootfs])
  await t.rejects(container.delete({ force: true }), { code: 'ERR_STATE_STATUS', message: /another mount/ })
  t.match(mountAt(readFileSync('/proc/self/mountinfo', 'utf8'), bundle.rootfs), {})
  execFileSync('umount', [bundle.rootfs])
  await container.delete({ force: true })
  t.same(mountsBelow(bundle), [])
})

t.test(
  'config-linux.md#namespaces: what somebody else has unmounted is no error, and nothing else is unmounted',
  skip,
  async t => {
    const bundle = makeBundle(t)
    const container = await createSleeper(bundle, without('mount'))
    execFileSync('umount', ['-l', bundle.rootfs])
    execFileSync('mount', ['-t', 'tmpfs', 'tsrun-other', bundle.rootfs])
    try {
      await container.delete({ force: true })
      t.same(mountsBelow(bundle), [bundle.rootfs])
    } finally {
      execFileSync('umount', [bundle.rootfs])
    }
  },
)

t.test('config-linux.md#namespaces: two containers in turn may have the same root', skip, async (t: Test) => {
  const bundle = makeBundle(t)
  for (const name of ['one', 'two']) {
    bundle.configure(config => {
      without('mount')(config)
      config.process.args = ['/bin/sleep', '100']
    })
    const container = await bundle.runtime.create({ id: bundle.id(name), bundle: bundle.bundle, stdio: 'ignore' })
    await container.delete({ force: true })
    t.same(mountsBelow(bundle), [], name)
  }
})
