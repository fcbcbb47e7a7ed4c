import { existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { makeBundle } from '../bundle.js'
import { missing } from '../needs.js'
import { createError, invalid, mountAt, parseMounts } from './attempt.js'
import { type MountInput, mounting, tmpfs } from './mounting.js'

const skip = { skip: missing('root', 'busybox') }

/** A bundle with a directory and a file of the host to bind. */
function bundleWithSource(t: Parameters<typeof makeBundle>[0]) {
  const bundle = makeBundle(t)
  const source = `${bundle.directory}/source`
  mkdirSync(`${source}/below`, { recursive: true })
  writeFileSync(`${source}/file`, 'of the host\n')
  return { ...bundle, source }
}

t.test('config.md#mounts: the entries are mounted in the listed order', skip, async t => {
  const { sh } = makeBundle(t)
  const { stdout } = await sh(
    'cat /proc/self/mountinfo',
    mounting(tmpfs('/data', 'size=4k'), tmpfs('/data', 'size=8k'), tmpfs('/data/below', 'size=12k')),
  )
  const sizes = parseMounts(stdout)
    .filter(({ point }) => point.startsWith('/data'))
    .map(({ superblock }) => superblock.find(option => option.startsWith('size=')))
  t.strictSame(sizes, ['size=4k', 'size=8k', 'size=12k'])
})

t.test('config.md#mounts: a later entry hides an earlier one below it', skip, async t => {
  const { sh } = makeBundle(t)
  const { stdout } = await sh('ls /data | wc -l', mounting(tmpfs('/data/below'), tmpfs('/data')))
  t.equal(stdout, '0\n')
})

t.test('config.md#mounts: missing destinations are made, at any depth, and stay in the root', skip, async t => {
  const { sh, rootfs } = makeBundle(t)
  const { stdout } = await sh('stat -c %a /data/a /data/a/b /data/a/b/c', mounting(tmpfs('/data/a/b/c', 'mode=700')))
  t.equal(stdout, '755\n755\n700\n')
  t.ok(lstatSync(`${rootfs}/data/a/b/c`).isDirectory())
})

t.test('config.md#mounts: a destination in an earlier mount is made in that', skip, async t => {
  const { sh, rootfs } = makeBundle(t)
  const { stdout } = await sh('echo x > /data/x/y/z && cat /data/x/y/z', mounting(tmpfs('/data'), tmpfs('/data/x/y')))
  t.equal(stdout, 'x\n')
  t.notOk(existsSync(`${rootfs}/data/x`))
})

t.test('config.md#mounts: a relative destination is taken from the root, with a warning', skip, async t => {
  const { sh, log } = makeBundle(t)
  const { stdout } = await sh('cat /proc/self/mountinfo', mounting(tmpfs('data/./sub')))
  t.equal(mountAt(stdout, '/data/sub').type, 'tmpfs')
  t.match(log, [{ level: 'warning', message: /^\/mounts\/4\/destination: .*relative/ }])
})

t.test('config.md#mounts: a file is bound on a file, which is made if it is missing', skip, async t => {
  const { sh, source, rootfs } = bundleWithSource(t)
  const bind = (destination: string): MountInput => ({ destination, source: `${source}/file`, options: ['bind'] })
  const { stdout } = await sh('cat /etc/passwd /data/new/file', mounting(bind('/etc/passwd'), bind('/data/new/file')))
  t.equal(stdout, 'of the host\nof the host\n')
  t.ok(lstatSync(`${rootfs}/data/new/file`).isFile())
  t.equal(readFileSync(`${rootfs}/data/new/file`, 'utf8'), '')
  t.match(readFileSync(`${rootfs}/etc/passwd`, 'utf8'), /^root/)
})

t.test('config.md#mounts: a source that is a socket or a fifo is bound on a file as well', skip, async t => {
  const { sh, source, rootfs } = bundleWithSource(t)
  t.match(await sh('mknod /data/pipe p', config => (config.root = { path: 'rootfs' })), { exitCode: 0 })
  const bind = { destination: '/data/target', source: `${rootfs}/data/pipe`, options: ['bind'] }
  t.ok(existsSync(source))
  t.match(await sh('stat -c %F /data/target', mounting(bind)), { stdout: 'fifo\n' })
})

t.test('config.md#mounts: bind takes one mount, rbind the whole tree', skip, async t => {
  const { sh, source } = bundleWithSource(t)
  const inner = { destination: '/data', source: '/dev', options: ['bind'] }
  const { stdout } = await sh(
    `ls -d /tmp/plain/pts/ptmx; ls -d /tmp/tree/pts/ptmx; ls ${'/data/pts/ptmx'}`,
    mounting(
      { ...inner, destination: '/tmp/plain' },
      { ...inner, destination: '/tmp/tree', options: ['rbind'] },
      { destination: '/data', source, options: ['bind'] },
    ),
  )
  t.equal(stdout, '/tmp/tree/pts/ptmx\n')
})

t.test('config.md#mounts: type bind alone, and a source relative to the bundle', skip, async t => {
  const { sh, bundle } = makeBundle(t)
  mkdirSync(`${bundle}/volume`)
  writeFileSync(`${bundle}/volume/word`, 'relative\n')
  const mount = { destination: '/data', type: 'bind', source: 'volume' }
  t.match(await sh('cat /data/word', mounting(mount)), { stdout: 'relative\n' })
})

t.test('config.md#mounts: what is written in a bind is written on the host, unless it is read-only', skip, async t => {
  const { sh, source } = bundleWithSource(t)
  const { stdout } = await sh(
    'echo new > /data/w/new; echo new > /data/r/no || echo refused',
    mounting(
      tmpfs('/data'),
      { destination: '/data/w', source, options: ['bind'] },
      { destination: '/data/r', source, options: ['bind', 'ro'] },
    ),
  )
  t.equal(stdout, 'refused\n')
  t.equal(readFileSync(`${source}/new`, 'utf8'), 'new\n')
  writeFileSync(`${source}/no`, 'the host itself can still write')
})

t.test('config.md#mounts: links in the destination are resolved in the root, not on the host', skip, async t => {
  const { sh, rootfs, directory } = bundleWithSource(t)
  mkdirSync(`${directory}/outside`)
  symlinkSync(`${directory}/outside`, `${rootfs}/data/absolute`)
  symlinkSync('../../../../../../../../tmp', `${rootfs}/data/escape`)
  symlinkSync('/data/real', `${rootfs}/data/link`)
  const { stdout } = await sh(
    'cat /proc/self/mountinfo',
    mounting(tmpfs('/data/absolute'), tmpfs('/data/escape/deep'), tmpfs('/data/link')),
  )
  t.equal(mountAt(stdout, `${directory}/outside`).type, 'tmpfs', 'made below the root')
  t.equal(mountAt(stdout, '/tmp/deep').type, 'tmpfs', '.. ends at the root')
  t.equal(mountAt(stdout, '/data/real').type, 'tmpfs')
  t.equal(readlinkSync(`${rootfs}/data/link`), '/data/real', 'the link is as it was')
  t.notOk(readFileSync('/proc/self/mountinfo', 'utf8').includes(`${directory}/outside`), 'nothing on the host')
})

t.test('config.md#mounts: a link that leads to itself is an error', skip, async t => {
  const bundle = makeBundle(t)
  symlinkSync('loop', `${bundle.rootfs}/data/loop`)
  const error = await createError(bundle, mounting(tmpfs('/data/loop/x')))
  t.match(error, { code: 'ERR_LAUNCH_OP', configPath: '/mounts/4', errno: 'ELOOP' })
})

t.test('config.md#mounts: a link in place of /proc or /sys is an attack', skip, async t => {
  const bundle = makeBundle(t)
  symlinkSync('/data', `${bundle.rootfs}/data/proc`)
  const error = await createError(bundle, mounting({ destination: '/data/proc', type: 'proc', source: 'proc' }))
  t.match(error, { name: 'SafetyError', code: 'ERR_SAFETY_PATH', configPath: '/mounts/4' })
})

t.test('config.md#mounts: ".." in a destination ends at the root', skip, async t => {
  const { sh } = makeBundle(t)
  const { stdout } = await sh('cat /proc/self/mountinfo', mounting(tmpfs('/data/../../../tmp/up')))
  t.equal(mountAt(stdout, '/tmp/up').type, 'tmpfs')
})

t.test('config.md#mounts: a file system that wants a source gets it', skip, async t => {
  const { stdout } = await makeBundle(t).sh(
    'cat /proc/self/mountinfo',
    mounting({ destination: '/data', type: 'tmpfs', source: 'named' }),
  )
  t.equal(mountAt(stdout, '/data').source, 'named')
})

t.test('config.md#mounts: overlay, with options of several parts', skip, async t => {
  const { sh, directory } = makeBundle(t)
  for (const name of ['lower', 'upper', 'work']) mkdirSync(`${directory}/${name}`)
  writeFileSync(`${directory}/lower/below`, 'lower\n')
  const options = [`lowerdir=${directory}/lower,upperdir=${directory}/upper`, `workdir=${directory}/work`]
  const { stdout } = await sh(
    'cat /data/below; echo upper > /data/above',
    mounting({ destination: '/data', type: 'overlay', source: 'overlay', options }),
  )
  t.equal(stdout, 'lower\n')
  t.equal(readFileSync(`${directory}/upper/above`, 'utf8'), 'upper\n')
})

t.test('config-linux.md#default-filesystems: proc, sys, dev/pts and dev/shm', skip, async t => {
  const { stdout, stderr } = await makeBundle(t).sh(
    'cat /proc/self/mountinfo',
    mounting(
      { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
      tmpfs('/dev/shm', 'nosuid', 'noexec', 'nodev', 'mode=1777', 'size=65536k'),
    ),
  )
  t.equal(stderr, '')
  const types = ['/proc', '/sys', '/dev/pts', '/dev/shm'].map(point => mountAt(stdout, point).type)
  t.strictSame(types, ['proc', 'sysfs', 'devpts', 'tmpfs'])
})

t.test('config.md#mounts: what the kernel refuses names the mount', skip, async t => {
  const bundle = bundleWithSource(t)
  const attempt = (mount: MountInput) => createError(bundle, mounting(mount))
  const fault = { name: 'LaunchError', code: 'ERR_LAUNCH_OP', configPath: '/mounts/4' }
  t.match(await attempt({ destination: '/data', type: 'nonsense', source: 'x' }), { ...fault, errno: 'ENODEV' })
  t.match(await attempt(tmpfs('/data', 'size=a lot')), { ...fault, message: /size=a lot/ })
  t.match(await attempt(tmpfs('/data', 'nonsense')), { ...fault, message: /nonsense/ })
  t.match(await attempt(tmpfs('/etc/passwd/x')), { ...fault, errno: 'ENOTDIR' })
  const file = { source: `${bundle.source}/file`, options: ['bind'] }
  t.match(await attempt({ destination: '/data', ...file }), { ...fault, errno: 'ENOTDIR' })
  const directory = { source: bundle.source, options: ['bind'] }
  t.match(await attempt({ destination: '/etc/passwd', ...directory }), { ...fault, errno: 'ENOTDIR' })
})

t.test('config.md#mounts: what can be known to be wrong is said at once', skip, async t => {
  const error = await createError(
    makeBundle(t),
    mounting(
      tmpfs('/'),
      tmpfs('/data/..'),
      { destination: '/data', options: ['bind'] },
      { destination: '/data', source: 'x' },
      { destination: '/data', source: '/tmp', options: ['bind', 'size=1'] },
      { destination: '', type: 'tmpfs' },
    ),
  )
  t.match(
    error,
    invalid(
      '/mounts/9/destination',
      '/mounts/4/destination',
      '/mounts/5/destination',
      '/mounts/6/source',
      '/mounts/7/type',
      '/mounts/8/options/1',
    ),
  )
})
