/** What mounts bring along: copies of what they hide, many layers, other options later. */
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import t from 'tap'
import { makeBundle } from '../bundle.js'
import { missing } from '../needs.js'
import { createError, createSleeper, lines, mountAt } from './attempt.js'
import { mounting, tmpfs } from './mounting.js'

const skip = { skip: missing('root', 'busybox') }

/** A bundle whose /data has files of all kinds. */
function bundleWithData(t: Parameters<typeof makeBundle>[0]) {
  const bundle = makeBundle(t)
  const data = `${bundle.rootfs}/data`
  mkdirSync(`${data}/deep/er`, { recursive: true })
  writeFileSync(`${data}/file`, 'x'.repeat(100_000))
  chmodSync(`${data}/file`, 0o4751)
  writeFileSync(`${data}/deep/er/small`, 'small')
  writeFileSync(`${data}/empty`, '')
  chownSync(`${data}/empty`, 1000, 1001)
  utimesSync(`${data}/empty`, 1_000_000_000, 1_234_567_890)
  symlinkSync('../etc/passwd', `${data}/link`)
  symlinkSync(`${bundle.directory}/outside`, `${data}/away`)
  execFileSync('mkfifo', ['-m', '640', `${data}/pipe`])
  execFileSync('mknod', ['-m', '600', `${data}/node`, 'c', '1', '5'])
  chmodSync(`${data}/deep`, 0o1770)
  chmodSync(data, 0o711)
  chownSync(data, 7, 8)
  return { ...bundle, data }
}

/** Node has no word for extended attributes. */
const python = (script: string) => execFileSync('python3', ['-c', script], { encoding: 'utf8' })

const LOOK =
  "cd /data; stat -c '%n %A %u:%g %s' . deep deep/er file empty; stat -c '%n %A %t:%T' pipe node; stat -c %Y empty; readlink link; readlink away; cat deep/er/small; tr -d x < file | wc -c"
const SEEN = [
  '. drwx--x--x 7:8',
  'deep drwxrwx--T 0:0',
  'deep/er drwxr-xr-x 0:0',
  'file -rwsr-x--x 0:0 100000',
  'empty -rw-r--r-- 1000:1001 0',
  'pipe prw-r----- 0:0',
  'node crw------- 1:5',
  '1234567890',
  '../etc/passwd',
]

t.test('config.md#linux-mount-options: tmpcopyup fills a tmpfs with what it hides', skip, async t => {
  const { sh, data, directory } = bundleWithData(t)
  const { stdout, stderr } = await sh(
    `${LOOK}; touch /data/deep/er/new; cat /proc/self/mountinfo`,
    mounting(tmpfs('/data', 'tmpcopyup', 'nosuid', 'size=10m')),
  )
  t.equal(stderr, '')
  const seen = lines(stdout)
  for (const [index, start] of SEEN.entries()) t.ok(seen[index]?.startsWith(start), `${seen[index]}: ${start}`)
  t.same(seen.slice(9, 11), [`${directory}/outside`, 'small0'])
  t.match(mountAt(stdout, '/data'), { type: 'tmpfs' })
  t.notOk(readdirSync(`${data}/deep/er`).includes('new'), 'what is written stays in the tmpfs')
})

t.test('config.md#linux-mount-options: tmpcopyup and ro, with another mount in it', skip, async t => {
  const { sh } = bundleWithData(t)
  const { stdout } = await sh(
    'cat /data/deep/er/small; touch /data/x || echo refused; touch /data/deep/y && echo written; cat /proc/self/mountinfo',
    mounting(tmpfs('/data', 'tmpcopyup', 'ro', 'mode=755'), tmpfs('/data/deep')),
  )
  t.match(stdout, /^refused\nwritten\n/)
  t.ok(mountAt(stdout, '/data').options.includes('ro'))
})

t.test("config.md#linux-mount-options: tmpcopyup leaves the mount's own mode and owner alone", skip, async t => {
  const { sh } = bundleWithData(t)
  const { stdout } = await sh(
    "stat -c '%a %u:%g' /data; ls /data/deep",
    mounting(tmpfs('/data', 'tmpcopyup', 'mode=750', 'uid=3')),
  )
  t.same(lines(stdout), ['750 3:0', 'er'])
})

t.test('config.md#linux-mount-options: tmpcopyup keeps extended attributes, and copies hard links', skip, async t => {
  const bundle = bundleWithData(t)
  const { data } = bundle
  linkSync(`${data}/empty`, `${data}/second`)
  const set = (path: string) => python(`import os; os.setxattr('${path}', 'trusted.tsrun', b'kept')`)
  set(data)
  set(`${data}/file`)
  const container = await createSleeper(bundle, mounting(tmpfs('/data', 'tmpcopyup')))
  const copy = `/proc/${container.pid}/root/data`
  const get = (path: string) => python(`import os; print(os.getxattr('${path}', 'trusted.tsrun'))`)
  t.equal(get(copy), "b'kept'\n")
  t.equal(get(`${copy}/file`), "b'kept'\n")
  t.same([lstatSync(`${copy}/empty`).nlink, lstatSync(`${copy}/second`).nlink], [1, 1])
})

t.test('config.md#linux-mount-options: tmpcopyup of nothing is an empty tmpfs', skip, async t => {
  const { stdout } = await makeBundle(t).sh('ls /data/new | wc -l', mounting(tmpfs('/data/new', 'tmpcopyup')))
  t.equal(stdout, '0\n')
})

t.test(
  'config.md#linux-mount-options: tmpcopyup into a tmpfs that is too small names the mount and the file',
  skip,
  async t => {
    const error = await createError(bundleWithData(t), mounting(tmpfs('/data', 'tmpcopyup', 'size=4k')))
    t.match(error, {
      name: 'LaunchError',
      code: 'ERR_LAUNCH_OP',
      configPath: '/mounts/4',
      errno: 'ENOSPC',
      message: /^\/mounts\/4: \w+ "(?:file|small)": ENOSPC/,
    })
  },
)

t.test('config.md#linux-mount-options: tmpcopyup is for tmpfs', skip, async t => {
  const error = await createError(
    makeBundle(t),
    mounting({ destination: '/data', source: '/tmp', options: ['bind', 'tmpcopyup'] }),
  )
  t.match(error, { code: 'ERR_CONFIG_INVALID', issues: [{ path: '/mounts/4/options/1' }] })
  t.match(
    String((error as Error).message),
    'must be absent: only a tmpfs is filled with what it hides, but is "tmpcopyup"',
  )
})

t.test('config.md#linux-mount-options: remount changes a file system that the configuration mounted', skip, async t => {
  const { stdout } = await makeBundle(t).sh(
    'cat /proc/self/mountinfo',
    mounting(tmpfs('/data', 'size=4k'), tmpfs('/data', 'remount', 'size=64k', 'noexec', 'sync')),
  )
  const { superblock, options } = mountAt(stdout, '/data')
  t.ok(superblock.includes('size=64k'))
  t.ok(superblock.includes('sync'))
  t.ok(options.includes('noexec'))
})

t.test('config.md#linux-mount-options: remount of what the file system refuses', skip, async t => {
  const bundle = makeBundle(t)
  const attempt = (...options: string[]) =>
    createError(bundle, mounting(tmpfs('/data'), tmpfs('/data', 'remount', ...options)))
  const fault = { name: 'LaunchError', code: 'ERR_LAUNCH_OP', configPath: '/mounts/5' }
  t.match(await attempt('size=much'), {
    ...fault,
    op: 'reconfigure',
    message: /^\/mounts\/5: fsconfig "size=much.*Bad value/,
  })
  t.match(await attempt('nonsense=1'), { ...fault, message: /nonsense/ })
})

t.test('config.md#linux-mount-options: remount of the file systems of others is refused', skip, async t => {
  const bundle = makeBundle(t)
  const error = await createError(
    bundle,
    mounting({ destination: '/data', source: '/tmp', options: ['bind'] }, tmpfs('/data', 'remount', 'size=4k')),
  )
  t.match(error, { code: 'ERR_CONFIG_INVALID', issues: [{ path: '/mounts/5/options/1' }] })
  symlinkSync('/dev', `${bundle.rootfs}/data/link`)
  const led = await createError(bundle, mounting(tmpfs('/data/link'), tmpfs('/data/link', 'remount', 'size=4k')))
  t.match(led, { name: 'SafetyError', code: 'ERR_SAFETY_PATH', configPath: '/mounts/5' })
})

t.test('config.md#mounts: an overlay of more layers than one option of the kernel holds', skip, async t => {
  const { sh, directory } = makeBundle(t)
  const names = Array.from({ length: 40 }, (_, index) => `${directory}/layer:${index}`)
  for (const [index, name] of names.entries()) {
    mkdirSync(name)
    writeFileSync(`${name}/file-${index}`, String(index))
    writeFileSync(`${name}/top`, String(index))
  }
  const lowerdir = names.map(name => name.replace(':', String.raw`\:`)).join(':')
  t.ok(lowerdir.length > 1000)
  const { stdout, stderr } = await sh(
    'ls /data | wc -l; cat /data/top',
    mounting({ destination: '/data', type: 'overlay', source: 'overlay', options: [`lowerdir=${lowerdir}`, 'ro'] }),
  )
  t.equal(stderr, '')
  t.equal(stdout, '41\n0')
})

t.test('config.md#mounts: an option that is longer than the kernel takes', skip, async t => {
  const error = await createError(makeBundle(t), mounting(tmpfs('/data', `size=${'0'.repeat(300)}1`)))
  t.match(error, { code: 'ERR_CONFIG_INVALID', issues: [{ path: '/mounts/4/options' }] })
  t.match(String((error as Error).message), 'options with values of at most 255 bytes')
})

t.test('config-linux.md#mount-label: without SELinux a label is an error', skip, async t => {
  const error = await createError(makeBundle(t), config => {
    config.linux.mountLabel = 'system_u:object_r:container_file_t:s0'
  })
  t.match(error, { name: 'HostError', code: 'ERR_HOST_KERNEL', needs: 'SELinux (/linux/mountLabel)' })
})

t.test(
  'config-linux.md#default-devices: a device in place of /dev/ptmx in the image gives way to the link',
  skip,
  async t => {
    const { sh, rootfs } = makeBundle(t)
    execFileSync('mknod', [`${rootfs}/dev/ptmx`, 'c', '5', '2'])
    const { stdout } = await sh('readlink /dev/ptmx', config => {
      config.mounts = config.mounts.filter(({ destination }) => destination !== '/dev')
    })
    t.equal(stdout, 'pts/ptmx\n')
    t.ok(lstatSync(`${rootfs}/dev/ptmx`).isSymbolicLink())
  },
)
