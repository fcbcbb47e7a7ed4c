import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import t from 'tap'
import { makeBundle, type TestConfig } from '../bundle.js'
import { missing } from '../needs.js'
import { createError, type MountEntry, mountAt } from './attempt.js'

const skip = { skip: missing('root', 'busybox') }

type MountInput = TestConfig['mounts'][number]

/** The mount at /data as the container sees it, and what was warned about. */
async function mounted(t: Parameters<typeof makeBundle>[0], ...mounts: readonly MountInput[]) {
  const { sh, log } = makeBundle(t)
  const { stdout } = await sh('cat /proc/self/mountinfo', config => config.mounts.push(...mounts))
  return { mount: mountAt(stdout, '/data'), mountinfo: stdout, log }
}

const tmpfs = (...options: readonly string[]): MountInput => ({
  destination: '/data',
  type: 'tmpfs',
  source: 'tmpfs',
  options: [...options],
})

/** A mount of the host with all the attributes that the options of a bind can take away; unmounted at the end. */
function restricted(t: Parameters<typeof makeBundle>[0], options: string): string {
  const { directory } = makeBundle(t)
  const path = `${directory}/restricted`
  mkdirSync(path)
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path])
  t.teardown(() => execFileSync('umount', ['-R', path]))
  return path
}

/** Options of a mount, and what must be in the kernel's table, or must not. */
const ATTRIBUTES: readonly { option: string; has?: string; lacks?: string }[] = [
  { option: 'defaults', has: 'rw' },
  { option: 'ro', has: 'ro' },
  { option: 'rw', has: 'rw' },
  { option: 'nosuid', has: 'nosuid' },
  { option: 'suid', lacks: 'nosuid' },
  { option: 'nodev', has: 'nodev' },
  { option: 'dev', lacks: 'nodev' },
  { option: 'noexec', has: 'noexec' },
  { option: 'exec', lacks: 'noexec' },
  { option: 'noatime', has: 'noatime' },
  { option: 'atime', lacks: 'noatime' },
  { option: 'nodiratime', has: 'nodiratime' },
  { option: 'diratime', lacks: 'nodiratime' },
  { option: 'relatime', has: 'relatime' },
  { option: 'strictatime', lacks: 'relatime' },
  { option: 'nostrictatime', has: 'relatime' },
  { option: 'nosymfollow', has: 'nosymfollow' },
  { option: 'symfollow', lacks: 'nosymfollow' },
]

function check(
  t: Parameters<typeof makeBundle>[0],
  { options }: MountEntry,
  { has, lacks }: { has?: string; lacks?: string },
) {
  if (has !== undefined) t.ok(options.includes(has), `has ${has}: ${options}`)
  if (lacks !== undefined) t.notOk(options.includes(lacks), `lacks ${lacks}: ${options}`)
}

for (const { option, ...expected } of ATTRIBUTES) {
  t.test(`config.md#linux-mount-options: ${option} on a file system`, skip, async t => {
    const { mount, log } = await mounted(t, tmpfs(option))
    check(t, mount, expected)
    t.strictSame(log, [])
  })

  t.test(`config.md#linux-mount-options: ${option} on a bind of an unrestricted tree`, skip, async t => {
    const source = restricted(t, 'size=1m')
    const { mount } = await mounted(t, { destination: '/data', source, options: ['bind', option] })
    check(t, mount, expected)
  })
}

for (const [option, restriction] of [
  ['rw', 'ro'],
  ['suid', 'nosuid'],
  ['dev', 'nodev'],
  ['exec', 'noexec'],
  ['atime', 'noatime'],
  ['diratime', 'nodiratime'],
  ['strictatime', 'noatime'],
  ['symfollow', 'nosymfollow'],
] as const) {
  t.test(`config.md#linux-mount-options: ${option} takes ${restriction} from a bind`, skip, async t => {
    const source = restricted(t, 'size=1m')
    execFileSync('mount', ['-o', `remount,bind,${restriction}`, source])
    const { mount } = await mounted(t, { destination: '/data', source, options: ['bind', option] })
    check(t, mount, { lacks: restriction })
  })
}

t.test('config.md#linux-mount-options: a bind without options is as its source is', skip, async t => {
  const source = restricted(t, 'size=1m')
  execFileSync('mount', ['-o', 'remount,bind,ro,nosuid,noexec,noatime', source])
  const { mount } = await mounted(t, { destination: '/data', source, options: ['bind'] })
  t.strictSame([...mount.options].sort(), ['noatime', 'noexec', 'nosuid', 'ro'])
})

for (const [recursive, flag] of [
  ['rro', 'ro'],
  ['rnosuid', 'nosuid'],
  ['rnodev', 'nodev'],
  ['rnoexec', 'noexec'],
  ['rnoatime', 'noatime'],
  ['rnodiratime', 'nodiratime'],
  ['rrelatime', 'relatime'],
  ['rnosymfollow', 'nosymfollow'],
] as const) {
  t.test(`config.md#linux-mount-options: ${recursive} reaches the mounts below`, skip, async t => {
    const source = restricted(t, 'size=1m')
    execFileSync('mkdir', [`${source}/below`])
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m,strictatime', 'tmpfs', `${source}/below`])
    const { mount, mountinfo } = await mounted(t, { destination: '/data', source, options: ['rbind', recursive] })
    check(t, mount, { has: flag })
    check(t, mountAt(mountinfo, '/data/below'), { has: flag })
  })
}

for (const [recursive, flag] of [
  ['rrw', 'ro'],
  ['rsuid', 'nosuid'],
  ['rdev', 'nodev'],
  ['rexec', 'noexec'],
  ['ratime', 'noatime'],
  ['rstrictatime', 'relatime'],
  ['rdiratime', 'nodiratime'],
  ['rsymfollow', 'nosymfollow'],
] as const) {
  t.test(`config.md#linux-mount-options: ${recursive} takes ${flag} from the mounts below`, skip, async t => {
    const source = restricted(t, 'size=1m')
    execFileSync('mkdir', [`${source}/below`])
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=2m`, 'tmpfs', `${source}/below`])
    execFileSync('mount', ['-o', `remount,bind,${flag}`, `${source}/below`])
    const { mountinfo } = await mounted(t, { destination: '/data', source, options: ['rbind', recursive] })
    check(t, mountAt(mountinfo, '/data/below'), { lacks: flag })
  })
}

t.test('config.md#linux-mount-options: ro alone does not reach the mounts below', skip, async t => {
  const source = restricted(t, 'size=1m')
  execFileSync('mkdir', [`${source}/below`])
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', `${source}/below`])
  const { mount, mountinfo } = await mounted(t, { destination: '/data', source, options: ['rbind', 'ro'] })
  check(t, mount, { has: 'ro' })
  check(t, mountAt(mountinfo, '/data/below'), { has: 'rw' })
})

t.test('config.md#linux-mount-options: the last of contradicting options counts', skip, async t => {
  const { mount } = await mounted(t, tmpfs('ro', 'rw', 'suid', 'nosuid', 'noatime', 'strictatime', 'relatime'))
  t.match(mount.options, ['rw', 'nosuid', 'relatime'])
})

for (const [option, has] of [
  ['sync', 'sync'],
  ['dirsync', 'dirsync'],
  ['lazytime', 'lazytime'],
] as const) {
  t.test(`config.md#linux-mount-options: ${option} is a flag of the file system`, skip, async t => {
    const { mount } = await mounted(t, tmpfs(option))
    t.ok(mount.superblock.includes(has), String(mount.superblock))
  })
}

t.test('config.md#linux-mount-options: all the others are taken, and leave the mount as it is', skip, async t => {
  const options = ['async', 'nolazytime', 'nomand', 'noiversion', 'loud', 'silent', 'norelatime']
  const { mount, log } = await mounted(t, tmpfs(...options))
  t.strictSame(mount.options, ['rw', 'relatime'])
  t.strictSame(log, [])
  t.match(await mounted(t, tmpfs('iversion')), { log: [{ level: 'warning', message: /iversion/ }] })
  t.match(await mounted(t, tmpfs('mand')), { mount: { type: 'tmpfs' } })
})

t.test('config.md#linux-mount-options: what is no flag is an option of the file system', skip, async t => {
  const { mount } = await mounted(t, tmpfs('size=64k', 'mode=750', 'nr_inodes=17', 'uid=5', 'gid=6'))
  t.match([...mount.superblock].sort(), ['gid=6', 'mode=750', 'nr_inodes=17', 'rw', 'size=64k', 'uid=5'])
})

t.test('config.md#linux-mount-options: the size of a tmpfs holds', skip, async t => {
  const { sh } = makeBundle(t)
  const { stdout } = await sh(
    'dd if=/dev/zero of=/data/a bs=64k count=1 && dd if=/dev/zero of=/data/b bs=1 count=1 || echo full',
    config => config.mounts.push(tmpfs('size=64k')),
  )
  t.equal(stdout, 'full\n')
})

t.test('config.md#linux-mount-options: noexec and nosymfollow have their effect', skip, async t => {
  const { sh } = makeBundle(t)
  const { stdout } = await sh(
    `cp() { cat "$1" > "$2"; }; cp /bin/busybox /data/busybox; busybox chmod 755 /data/busybox
     /data/busybox true 2>/dev/null || echo noexec; busybox ln -s busybox /data/link; cat /data/link 2>/dev/null || echo nosymfollow`,
    config => config.mounts.push(tmpfs('noexec', 'nosymfollow')),
  )
  t.equal(stdout, 'noexec\nnosymfollow\n')
})

t.test('config.md#linux-mount-options: remount changes what is mounted', skip, async t => {
  const remount = (...options: string[]): MountInput => ({ destination: '/data', options: ['remount', ...options] })
  const { mount } = await mounted(t, tmpfs('size=64k', 'noexec'), remount('ro', 'exec', 'nosuid', 'noatime'))
  t.strictSame([...mount.options].sort(), ['noatime', 'nosuid', 'ro'])
  t.ok(mount.superblock.includes('size=64k'), 'and not the file system')
})

t.test('config.md#linux-mount-options: remount with bind, as mount(8) writes it', skip, async t => {
  const source = restricted(t, 'size=1m')
  const { mount } = await mounted(
    t,
    { destination: '/data', source, options: ['bind'] },
    { destination: '/data', source, options: ['remount', 'bind', 'ro', 'nodev'] },
  )
  t.match([...mount.options].sort(), ['nodev', 'relatime', 'ro'])
})

t.test('config.md#linux-mount-options: a remount of the root of the container', skip, async t => {
  const error = await createError(makeBundle(t), config =>
    config.mounts.push({ destination: '/', options: ['remount', 'ro'] }),
  )
  t.match(error, { code: 'ERR_CONFIG_INVALID', issues: [{ path: '/mounts/4/destination' }] })
})

t.test('config.md#linux-mount-options: a remount where nothing is mounted is an error', skip, async t => {
  const error = await createError(makeBundle(t), config =>
    config.mounts.push({ destination: '/data', options: ['remount', 'ro'] }),
  )
  t.match(error, { code: 'ERR_LAUNCH_OP', configPath: '/mounts/4', errno: 'EINVAL' })
})

for (const [option, expected] of [
  ['shared', /^shared:/],
  ['private', null],
  ['unbindable', /^unbindable$/],
] as const) {
  t.test(`config.md#linux-mount-options: propagation ${option}`, skip, async t => {
    const { mount } = await mounted(t, tmpfs(option))
    if (expected === null) t.strictSame(mount.propagation, [])
    else t.match(mount.propagation, [expected])
  })
}

for (const option of ['slave', 'rslave'] as const) {
  t.test(`config.md#linux-mount-options: ${option} receives what the host mounts`, skip, async t => {
    const source = restricted(t, 'size=1m')
    execFileSync('mount', ['--make-shared', source])
    const { mount } = await mounted(t, { destination: '/data', source, options: ['rbind', option] })
    t.match(mount.propagation, [/^master:/])
  })
}

t.test('config.md#linux-mount-options: rshared reaches the mounts below, shared does not', skip, async t => {
  const source = restricted(t, 'size=1m')
  execFileSync('mkdir', [`${source}/below`])
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', `${source}/below`])
  execFileSync('mount', ['--make-rprivate', source])
  const below = async (option: string) => {
    const { mountinfo } = await mounted(t, { destination: '/data', source, options: ['rbind', option] })
    return mountAt(mountinfo, '/data/below').propagation
  }
  t.match(await below('rshared'), [/^shared:/])
  t.strictSame(await below('shared'), [])
  t.strictSame(await below('rprivate'), [])
})
