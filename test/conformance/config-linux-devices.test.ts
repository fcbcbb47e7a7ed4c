import { execFileSync } from 'node:child_process'
import { lstatSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { makeBundle, type TestConfig } from '../bundle.js'
import { missing } from '../needs.js'
import { createError, invalid, lines } from './attempt.js'

const skip = { skip: missing('root', 'busybox') }

type DeviceInput = NonNullable<TestConfig['linux']['devices']>[number]

const withDevices =
  (...devices: DeviceInput[]) =>
  (config: TestConfig): void => {
    config.root = { path: 'rootfs' }
    config.linux.devices = devices
  }

/** Type, numbers (hexadecimal), mode and owner of files in the container. */
async function show(t: Parameters<typeof makeBundle>[0], paths: string, change: (config: TestConfig) => void) {
  const { stdout, stderr } = await makeBundle(t).sh(`stat -c '%n %F %t:%T %a %u:%g' ${paths}`, change)
  t.equal(stderr, '')
  return lines(stdout)
}

t.test('config-linux.md#default-devices: null, zero, full, random, urandom and tty', skip, async t => {
  const names = 'null zero full random urandom tty'.split(' ')
  const shown = await show(t, names.map(name => `/dev/${name}`).join(' '), () => {})
  const numbers = ['1:3', '1:5', '1:7', '1:8', '1:9', '5:0']
  t.strictSame(
    shown,
    names.map((name, index) => `/dev/${name} character special file ${numbers[index]} 666 0:0`),
  )
})

t.test('config-linux.md#default-devices: they work', skip, async t => {
  const { stdout } = await makeBundle(t).sh(
    `echo x > /dev/null && wc -c < /dev/null
     head -c 5 /dev/zero | wc -c; head -c 5 /dev/urandom | wc -c; echo x 2>/dev/null > /dev/full || echo full`,
    config => (config.process.user = { uid: 1000, gid: 1000 }),
  )
  t.equal(stdout, '0\n5\n5\nfull\n')
})

t.test('config-linux.md#default-devices: ptmx is that of the devpts of the container', skip, async t => {
  const { stdout } = await makeBundle(t).sh('readlink /dev/ptmx; stat -L -c %t:%T /dev/ptmx; ls /dev/pts')
  t.equal(stdout, 'pts/ptmx\n5:2\nptmx\n')
})

t.test('config-linux.md#default-devices: no console without a terminal', skip, async t => {
  t.match(await makeBundle(t).sh('ls /dev/console'), { exitCode: 1 })
})

t.test('config-linux.md#default-devices: console is the terminal', skip, async t => {
  const { runtime, bundle, configure } = makeBundle(t)
  configure(config => {
    config.process.terminal = true
    config.process.args = [
      '/bin/sh',
      '-c',
      'stat -c %t:%T /dev/console $(readlink /proc/self/fd/0); echo hi > /dev/console',
    ]
  })
  const { stdout } = await runtime.run({ bundle })
  t.match(stdout, /^88:0\r\n88:0\r\nhi\r\n$/)
})

t.test('runtime-linux.md#dev-symbolic-links: fd, stdin, stdout and stderr', skip, async t => {
  const { stdout } = await makeBundle(t).sh(
    'cd /dev; for f in fd stdin stdout stderr; do readlink $f; done; echo through > /dev/stdout',
  )
  t.equal(stdout, '/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\nthrough\n')
})

t.test('config-linux.md#devices: character, unbuffered, block and fifo, anywhere', skip, async t => {
  const shown = await show(
    t,
    '/dev/c /dev/u /dev/sub/dir/b /data/p',
    withDevices(
      { path: '/dev/c', type: 'c', major: 1, minor: 3 },
      { path: '/dev/u', type: 'u', major: 1, minor: 5 },
      { path: '/dev/sub/dir/b', type: 'b', major: 7, minor: 255 },
      { path: '/data/p', type: 'p' },
    ),
  )
  t.strictSame(shown, [
    '/dev/c character special file 1:3 666 0:0',
    '/dev/u character special file 1:5 666 0:0',
    '/dev/sub/dir/b block special file 7:ff 666 0:0',
    '/data/p fifo 0:0 666 0:0',
  ])
})

t.test('config-linux.md#devices: mode and owner, whatever the umask', skip, async t => {
  const umask = process.umask(0o077)
  t.teardown(() => process.umask(umask))
  const shown = await show(
    t,
    '/dev/fuse /dev/pipe /dev/docker',
    withDevices(
      { path: '/dev/fuse', type: 'c', major: 10, minor: 229, fileMode: 0o640, uid: 7, gid: 8 },
      { path: '/dev/pipe', type: 'p', fileMode: 0o622, uid: 1, gid: 2 },
      { path: '/dev/docker', type: 'c', major: 1, minor: 7, fileMode: 0o020600 },
    ),
  )
  t.strictSame(shown, [
    '/dev/fuse character special file a:e5 640 7:8',
    '/dev/pipe fifo 0:0 622 1:2',
    '/dev/docker character special file 1:7 600 0:0',
  ])
})

t.test('config-linux.md#devices: large numbers arrive whole', skip, async t => {
  const { rootfs, sh } = makeBundle(t)
  const device = { path: '/data/large', type: 'c', major: 4095, minor: 1048575 } as const
  t.match(await sh('stat -c %t:%T /data/large', withDevices(device)), { stdout: 'fff:fffff\n' })
  t.ok(lstatSync(`${rootfs}/data/large`).isCharacterDevice())
})

t.test('config-linux.md#devices: a default device may be listed, with a mode of its own', skip, async t => {
  const shown = await show(
    t,
    '/dev/null /dev/zero',
    withDevices({ path: '/dev/null', type: 'c', major: 1, minor: 3, fileMode: 0o600, uid: 3, gid: 4 }),
  )
  t.strictSame(shown, ['/dev/null character special file 1:3 600 3:4', '/dev/zero character special file 1:5 666 0:0'])
})

t.test('config-linux.md#devices: one that exists already is used, with the mode that is asked for', skip, async t => {
  const { rootfs, sh } = makeBundle(t)
  execFileSync('mknod', ['-m', '600', `${rootfs}/data/node`, 'c', '1', '5'])
  const device = { path: '/data/node', type: 'c', major: 1, minor: 5, fileMode: 0o644 } as const
  t.match(await sh("stat -c '%t:%T %a' /data/node", withDevices(device)), { stdout: '1:5 644\n' })
})

t.test('config-linux.md#devices: one that is bound from the host keeps its mode and owner', skip, async t => {
  const { directory, sh } = makeBundle(t)
  const host = `${directory}/host`
  mkdirSync(host)
  execFileSync('mknod', ['-m', '640', `${host}/node`, 'c', '1', '5'])
  const device = { path: '/data/node', type: 'c', major: 1, minor: 5, fileMode: 0o600, uid: 7 } as const
  const { stdout } = await sh("stat -c '%t:%T %a %u' /data/node", config => {
    config.mounts.push({ destination: '/data', source: host, options: ['bind'] })
    withDevices(device)(config)
  })
  t.equal(stdout, '1:5 640 0\n')
})

t.test(
  'config-linux.md#devices: an existing file that does not match is an error, and is left as it is',
  skip,
  async t => {
    const bundle = makeBundle(t)
    const path = (name: string) => `${bundle.rootfs}/data/${name}`
    execFileSync('mknod', [path('other'), 'c', '1', '7'])
    execFileSync('mknod', [path('block'), 'b', '1', '5'])
    execFileSync('mknod', [path('fifo'), 'p'])
    writeFileSync(path('file'), 'kept')
    mkdirSync(path('directory'))
    symlinkSync('/dev/zero', path('link'))
    for (const name of ['other', 'block', 'fifo', 'file', 'directory', 'link']) {
      const before = lstatSync(path(name))
      const error = await createError(
        bundle,
        withDevices({ path: `/data/${name}`, type: 'c', major: 1, minor: 5, fileMode: 0o601 }),
      )
      const fault = { name: 'LaunchError', code: 'ERR_LAUNCH_OP', configPath: '/linux/devices/0', errno: 'EEXIST' }
      t.match(error, fault, name)
      const { mode, ino, rdev } = lstatSync(path(name))
      t.match(before, { mode, ino, rdev }, name)
    }
  },
)

t.test('config-linux.md#default-devices: a file in the way of a default device is an error', skip, async t => {
  const bundle = makeBundle(t)
  writeFileSync(`${bundle.rootfs}/dev/zero`, '')
  const error = await createError(bundle, config => {
    config.mounts = config.mounts.filter(({ destination }) => !destination.startsWith('/dev'))
  })
  t.match(error, { code: 'ERR_LAUNCH_OP', op: 'mknod', errno: 'EEXIST' })
})

t.test('config-linux.md#devices: a link on the way is resolved in the root', skip, async t => {
  const { rootfs, sh } = makeBundle(t)
  symlinkSync('/tmp', `${rootfs}/data/link`)
  const device = { path: '/data/link/node', type: 'c', major: 1, minor: 5 } as const
  t.match(await sh('stat -c %t:%T /tmp/node', withDevices(device)), { stdout: '1:5\n' })
})

t.test('config-linux.md#devices: a /dev of the host is left as it is', skip, async t => {
  const { directory, sh } = makeBundle(t)
  mkdirSync(`${directory}/dev`)
  execFileSync('mknod', ['-m', '666', `${directory}/dev/null`, 'c', '1', '3'])
  const { stdout } = await sh('ls /dev', config => {
    config.mounts = [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', source: `${directory}/dev`, options: ['rbind'] },
    ]
  })
  t.equal(stdout, 'null\n')
})

t.test('config-linux.md#devices: what can be known to be wrong is said at once', skip, async t => {
  const error = await createError(
    makeBundle(t),
    withDevices(
      { path: 'dev/relative', type: 'p' },
      { path: '/dev/a', type: 'c', major: 1 },
      { path: '/dev/b', type: 'x' as 'c', major: 1, minor: 1 },
      { path: '/dev/c', type: 'c', major: 4096, minor: -1 },
      { path: '/dev/d', type: 'c', major: 1, minor: 3, fileMode: 0o100600 },
      { path: '/dev/e', type: 'c', major: 1, minor: 3 },
      { path: '/dev/e', type: 'c', major: 1, minor: 5 },
    ),
  )
  const at = (index: number, field: string) => `/linux/devices/${index}/${field}`
  const paths = [
    at(0, 'path'),
    at(2, 'type'),
    at(3, 'major'),
    at(3, 'minor'),
    at(1, 'minor'),
    at(4, 'fileMode'),
    at(6, 'path'),
  ]
  t.match(error, invalid(...paths))
})
