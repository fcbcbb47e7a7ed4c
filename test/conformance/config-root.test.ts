import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { makeBundle, makeRootfs, type TestConfig } from '../bundle.js'
import { missing } from '../needs.js'
import { createError, createSleeper, invalid, mountAt, parseMounts } from './attempt.js'

const skip = { skip: missing('root', 'busybox') }

const writable = (config: TestConfig): void => {
  config.root = { path: 'rootfs', readonly: false }
}

t.test('config.md#root: readonly makes the root read-only, and only the root', skip, async t => {
  const { sh } = makeBundle(t)
  const command = 'touch /data/x && echo root; touch /tmp/x && echo tmp; cat /proc/self/mountinfo'
  const { stdout, stderr } = await sh(command, config => (config.root = { path: 'rootfs', readonly: true }))
  t.match(stdout, /^tmp\n/)
  t.match(stderr, /read-only file system/i)
  t.ok(mountAt(stdout, '/').options.includes('ro'))
})

t.test('config.md#root: without readonly the root can be written', skip, async t => {
  const { sh, rootfs } = makeBundle(t)
  await sh('echo written > /data/x', config => (config.root = { path: 'rootfs' }))
  t.equal(readFileSync(`${rootfs}/data/x`, 'utf8'), 'written\n')
})

t.test('config.md#root: a read-only root leaves its file system writable for the host', skip, async t => {
  const bundle = makeBundle(t)
  const container = await createSleeper(bundle)
  writeFileSync(`${bundle.rootfs}/data/x`, 'by the host')
  t.equal(readFileSync(`/proc/${container.pid}/root/data/x`, 'utf8'), 'by the host')
  t.throws(() => writeFileSync(`/proc/${container.pid}/root/data/x`, ''), { code: 'EROFS' })
})

t.test('config.md#root: the path may be absolute, relative to the bundle, or a link', skip, async t => {
  const bundle = makeBundle(t)
  writeFileSync(`${bundle.rootfs}/etc/mark`, 'here')
  symlinkSync('rootfs', `${bundle.bundle}/link`)
  for (const path of [bundle.rootfs, './rootfs/', 'link']) {
    t.match(await bundle.sh('cat /etc/mark', config => (config.root = { path })), { stdout: 'here' }, path)
  }
})

t.test('config.md#root: what is mounted below it comes along', skip, async t => {
  const { sh, rootfs } = makeBundle(t)
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', `${rootfs}/data`])
  t.teardown(() => execFileSync('umount', [`${rootfs}/data`]))
  writeFileSync(`${rootfs}/data/x`, 'below')
  t.match(await sh('cat /data/x'), { stdout: 'below' })
})

t.test('config.md#root: a path that is no directory is an error', skip, async t => {
  const bundle = makeBundle(t)
  for (const path of ['nowhere', 'config.json', '/', '../../../../../..']) {
    t.match(await createError(bundle, config => (config.root = { path })), invalid('/root/path'), path)
  }
  t.match(await createError(bundle, config => Object.assign(config, { root: undefined })), invalid('/root'))
  t.match(await createError(bundle, config => (config.root = { path: '' })), invalid('/root/path'))
})

t.test('config.md#root: the root of the host is out of sight and out of reach', skip, async t => {
  const { sh, directory } = makeBundle(t)
  const command = `cat /proc/self/mountinfo; cd /; cd ../../../..; pwd >&2; ls ${directory} | wc -l >&2`
  const { stdout, stderr } = await sh(command, config => (config.linux.maskedPaths = ['/etc/passwd']))
  t.match(stderr, /^\/\nls: .*No such file.*\n0\n/)
  t.strictSame(
    parseMounts(stdout).map(({ point }) => point),
    ['/', '/proc', '/dev', '/dev/pts', '/tmp', '/proc/sys', '/etc/passwd'],
  )
})

t.test('config.md#root: without a mount namespace the process is in it by chroot', skip, async t => {
  const { sh, rootfs } = makeBundle(t)
  writeFileSync(`${rootfs}/etc/mark`, 'chroot')
  const withoutMounts = (config: TestConfig): void => {
    writable(config)
    config.mounts = []
    config.linux.namespaces = [{ type: 'uts' }]
    config.linux.maskedPaths = []
    config.linux.readonlyPaths = []
  }
  t.match(await sh('cat /etc/mark; pwd', withoutMounts), { stdout: 'chroot/\n' })
})

t.test(
  'config-linux.md#rootfs-mount-propagation: nothing that the container mounts reaches the host by default',
  skip,
  async t => {
    const { sh, rootfs, directory } = makeBundle(t)
    const { exitCode } = await sh('mount -t tmpfs tmpfs /data && mount -t tmpfs tmpfs /tmp', config => {
      writable(config)
      allowMounts(config)
    })
    t.equal(exitCode, 0)
    t.notMatch(readFileSync('/proc/self/mountinfo', 'utf8'), rootfs)
    t.notMatch(readFileSync('/proc/self/mountinfo', 'utf8'), directory)
  },
)

const allowMounts = ({ process }: TestConfig): void => {
  const sets = ['CAP_SYS_ADMIN']
  process.capabilities = { bounding: sets, effective: sets, permitted: sets }
}

for (const [value, expected] of [
  ['shared', /^shared:/],
  ['rshared', /^shared:/],
  ['private', null],
  ['rprivate', null],
  ['unbindable', /^unbindable$/],
  ['runbindable', /^unbindable$/],
] as const) {
  t.test(`config-linux.md#rootfs-mount-propagation: ${value}`, skip, async t => {
    const { sh } = makeBundle(t)
    const { stdout } = await sh('cat /proc/self/mountinfo', config => (config.linux.rootfsPropagation = value))
    const { propagation } = mountAt(stdout, '/')
    if (expected === null) t.strictSame(propagation, [])
    else t.match(propagation, [expected])
  })
}

for (const value of ['slave', 'rslave'] as const) {
  t.test(`config-linux.md#rootfs-mount-propagation: with ${value} what the host mounts is seen`, skip, async t => {
    const bundle = sharedBundle(t)
    const container = await createSleeper(bundle, config => {
      config.root = { path: bundle.rootfs }
      config.linux.rootfsPropagation = value
    })
    execFileSync('mount', ['-t', 'tmpfs', 'later', `${bundle.rootfs}/data`])
    const mounts = readFileSync(`/proc/${container.pid}/mountinfo`, 'utf8')
    t.match(mountAt(mounts, '/').propagation, [/^master:/])
    t.equal(mountAt(mounts, '/data').source, 'later')
  })
}

t.test('config-linux.md#rootfs-mount-propagation: with private what the host mounts is not seen', skip, async t => {
  const bundle = sharedBundle(t)
  const container = await createSleeper(bundle, config => {
    config.root = { path: bundle.rootfs }
    config.linux.rootfsPropagation = 'private'
  })
  execFileSync('mount', ['-t', 'tmpfs', 'later', `${bundle.rootfs}/data`])
  t.notMatch(readFileSync(`/proc/${container.pid}/mountinfo`, 'utf8'), 'later')
})

t.test(
  'config-linux.md#rootfs-mount-propagation: shared is a new peer group, and not shared with the host',
  skip,
  async t => {
    const bundle = sharedBundle(t)
    const { exitCode } = await bundle.sh('mount -t tmpfs from-inside /data', config => {
      config.root = { path: bundle.rootfs }
      config.linux.rootfsPropagation = 'shared'
      allowMounts(config)
    })
    t.equal(exitCode, 0)
    const mounts = parseMounts(readFileSync('/proc/self/mountinfo', 'utf8'))
    const seen = mounts.filter(({ point }) => point.startsWith(bundle.rootfs))
    t.strictSame(
      seen.map(({ source }) => source),
      ['shared-root'],
    )
  },
)

t.test('config-linux.md#rootfs-mount-propagation: a bind that is shared with the host stays so', skip, async t => {
  const bundle = sharedBundle(t)
  const bind = { destination: '/data', source: bundle.rootfs, options: ['rbind', 'rshared'] }
  const { exitCode, stderr } = await bundle.sh('mount -t tmpfs from-inside /data/tmp', config => {
    config.linux.rootfsPropagation = 'rshared'
    config.mounts.push(bind)
    allowMounts(config)
  })
  t.match({ exitCode, stderr }, { exitCode: 0, stderr: '' })
  t.equal(mountAt(readFileSync('/proc/self/mountinfo', 'utf8'), `${bundle.rootfs}/tmp`).source, 'from-inside')
})

/** A bundle whose root is a shared mount of the host. */
function sharedBundle(t: Parameters<typeof makeBundle>[0]) {
  const bundle = makeBundle(t)
  const rootfs = `${bundle.directory}/shared`
  mkdirSync(rootfs)
  execFileSync('mount', ['-t', 'tmpfs', 'shared-root', rootfs])
  execFileSync('mount', ['--make-shared', rootfs])
  makeRootfs(rootfs)
  t.teardown(async () => {
    for (const container of await bundle.runtime.list()) await container.delete({ force: true })
    spawnSync('umount', ['-R', rootfs])
  })
  return { ...bundle, rootfs }
}

t.test('config-linux.md#rootfs-mount-propagation: another word is an error', skip, async t => {
  const error = await createError(makeBundle(t), config => Object.assign(config.linux, { rootfsPropagation: 'sharde' }))
  t.match(error, invalid('/linux/rootfsPropagation'))
})
