import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmdirSync } from 'node:fs'
import t, { type Test } from 'tap'
import { makeBundle, type TestConfig } from '../bundle.js'
import { missing } from '../needs.js'
import { createError, type MountEntry, mountAt } from './attempt.js'

const skip = { skip: missing('root', 'busybox') }

type MountInput = TestConfig['mounts'][number]

/** The mounts as the container sees them, and what was warned about. */
async function mounted(t: Test, ...mounts: readonly MountInput[]) {
  const { sh, log } = makeBundle(t)
  const { stdout } = await sh('cat /proc/self/mountinfo', config => config.mounts.push(...mounts))
  return { mount: mountAt(stdout, '/data'), mountinfo: stdout, log }
}

/** The same of many mounts in one container, each where its name says. */
async function mountedAll(t: Test, mounts: Readonly<Record<string, Omit<MountInput, 'destination'>>>) {
  const entries = Object.entries(mounts).map(([name, mount]) => ({ ...mount, destination: `/tmp/${name}` }))
  const { mountinfo, log } = await mounted(t, ...entries, tmpfs())
  return { at: (name: string): MountEntry => mountAt(mountinfo, `/tmp/${name}`), log }
}

const tmpfs = (...options: readonly string[]): MountInput => ({
  destination: '/data',
  type: 'tmpfs',
  source: 'tmpfs',
  options: [...options],
})

/** A new mount of the host, with one below it, and these flags on both; unmounted at the end. */
function hostMount(t: Test, { flags = '', below = '' } = {}): string {
  const path = mkdtempSync('/tmp/tsrun-test-mount-')
  t.teardown(() => {
    execFileSync('umount', ['-R', path])
    rmdirSync(path)
  })
  const mount = (...args: readonly string[]) => execFileSync('mount', args)
  mount('-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', path)
  mkdirSync(`${path}/below`)
  mount('-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', `${path}/below`)
  if (below !== '') mount('-o', `remount,bind,${below}`, `${path}/below`)
  if (flags !== '') mount('-o', `remount,bind,${flags}`, path)
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

interface Expected {
  readonly has?: string
  readonly lacks?: string
}

function check(t: Test, { options, point }: MountEntry, { has, lacks }: Expected): void {
  if (has !== undefined) t.ok(options.includes(has), `${point} has ${has}: ${options}`)
  if (lacks !== undefined) t.notOk(options.includes(lacks), `${point} lacks ${lacks}: ${options}`)
}

/** A record by option. */
const each = <T extends { option: string }, R>(list: readonly T[], make: (entry: T) => R): Record<string, R> =>
  Object.fromEntries(list.map(entry => [entry.option, make(entry)]))

t.test('config.md#linux-mount-options: every one that has its opposite, on a file system', skip, async t => {
  const { at, log } = await mountedAll(
    t,
    each(ATTRIBUTES, ({ option }) => tmpfs(option)),
  )
  for (const { option, ...expected } of ATTRIBUTES) check(t, at(option), expected)
  t.strictSame(log, [])
})

t.test('config.md#linux-mount-options: every one that has its opposite, on a bind', skip, async t => {
  const source = hostMount(t)
  const { at } = await mountedAll(
    t,
    each(ATTRIBUTES, ({ option }) => ({ source, options: ['bind', option] })),
  )
  for (const { option, ...expected } of ATTRIBUTES) check(t, at(option), expected)
})

const OPPOSITES = [
  { option: 'rw', lacks: 'ro' },
  { option: 'suid', lacks: 'nosuid' },
  { option: 'dev', lacks: 'nodev' },
  { option: 'exec', lacks: 'noexec' },
  { option: 'atime', lacks: 'noatime' },
  { option: 'diratime', lacks: 'nodiratime' },
  { option: 'strictatime', lacks: 'noatime' },
  { option: 'symfollow', lacks: 'nosymfollow' },
] as const

t.test('config.md#linux-mount-options: the opposites take from a bind what its source has', skip, async t => {
  const { at } = await mountedAll(
    t,
    each(OPPOSITES, ({ option, lacks }) => ({ source: hostMount(t, { flags: lacks }), options: ['bind', option] })),
  )
  // As with runc: to switch a mode of access times off names none in its place.
  const kept = ['atime', 'diratime']
  for (const { option, ...expected } of OPPOSITES) if (!kept.includes(option)) check(t, at(option), expected)
  t.ok(at('atime').options.includes('noatime'))
  t.ok(at('diratime').options.includes('nodiratime'))
})

t.test('config.md#linux-mount-options: a bind without options is as its source is', skip, async t => {
  const source = hostMount(t, { flags: 'ro,nosuid,noexec,noatime' })
  const { mount } = await mounted(t, { destination: '/data', source, options: ['bind'] })
  t.strictSame([...mount.options].sort(), ['noatime', 'noexec', 'nosuid', 'ro'])
})

const RECURSIVE = [
  { option: 'rro', has: 'ro' },
  { option: 'rnosuid', has: 'nosuid' },
  { option: 'rnodev', has: 'nodev' },
  { option: 'rnoexec', has: 'noexec' },
  { option: 'rnoatime', has: 'noatime' },
  { option: 'rnodiratime', has: 'nodiratime' },
  { option: 'rnosymfollow', has: 'nosymfollow' },
  { option: 'rrelatime', has: 'relatime' },
] as const

t.test('config.md#linux-mount-options: the recursive ones reach the mounts below', skip, async t => {
  const source = hostMount(t, { below: 'strictatime' })
  const { at } = await mountedAll(
    t,
    each(RECURSIVE, ({ option }) => ({ source, options: ['rbind', option] })),
  )
  for (const { option, ...expected } of RECURSIVE) {
    check(t, at(option), expected)
    check(t, at(`${option}/below`), expected)
  }
})

const RECURSIVE_OPPOSITES = [
  { option: 'rrw', lacks: 'ro' },
  { option: 'rsuid', lacks: 'nosuid' },
  { option: 'rdev', lacks: 'nodev' },
  { option: 'rexec', lacks: 'noexec' },
  { option: 'ratime', lacks: 'noatime' },
  { option: 'rstrictatime', lacks: 'relatime' },
  { option: 'rdiratime', lacks: 'nodiratime' },
  { option: 'rsymfollow', lacks: 'nosymfollow' },
] as const

t.test('config.md#linux-mount-options: and their opposites take from the mounts below', skip, async t => {
  const { at } = await mountedAll(
    t,
    each(RECURSIVE_OPPOSITES, ({ option, lacks }) => {
      return { source: hostMount(t, { below: lacks }), options: ['rbind', option] }
    }),
  )
  for (const { option, ...expected } of RECURSIVE_OPPOSITES) check(t, at(`${option}/below`), expected)
})

t.test('config.md#linux-mount-options: ro alone does not reach the mounts below', skip, async t => {
  const options = ['rbind', 'ro']
  const { mount, mountinfo } = await mounted(t, { destination: '/data', source: hostMount(t), options })
  check(t, mount, { has: 'ro' })
  check(t, mountAt(mountinfo, '/data/below'), { has: 'rw' })
})

t.test('config.md#linux-mount-options: the last of contradicting options counts', skip, async t => {
  const { mount } = await mounted(t, tmpfs('ro', 'rw', 'suid', 'nosuid', 'noatime', 'strictatime', 'relatime'))
  t.match(mount.options, ['rw', 'nosuid', 'relatime'])
})

t.test('config.md#linux-mount-options: sync, dirsync and lazytime are flags of the file system', skip, async t => {
  const flags = ['sync', 'dirsync', 'lazytime'].map(option => ({ option }))
  const { at } = await mountedAll(
    t,
    each(flags, ({ option }) => tmpfs(option)),
  )
  for (const { option } of flags) t.ok(at(option).superblock.includes(option), String(at(option).superblock))
})

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
  const source = hostMount(t)
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

t.test('config.md#linux-mount-options: shared, private and unbindable', skip, async t => {
  const kinds = ['shared', 'rshared', 'private', 'rprivate', 'unbindable', 'runbindable'].map(option => ({ option }))
  const { at } = await mountedAll(
    t,
    each(kinds, ({ option }) => tmpfs(option)),
  )
  for (const option of ['shared', 'rshared']) t.match(at(option).propagation, [/^shared:/], option)
  for (const option of ['private', 'rprivate']) t.strictSame(at(option).propagation, [], option)
  for (const option of ['unbindable', 'runbindable']) t.strictSame(at(option).propagation, ['unbindable'], option)
})

for (const option of ['slave', 'rslave'] as const) {
  t.test(`config.md#linux-mount-options: ${option} receives what the host mounts`, skip, async t => {
    const source = hostMount(t)
    execFileSync('mount', ['--make-shared', source])
    const { mount } = await mounted(t, { destination: '/data', source, options: ['rbind', option] })
    t.match(mount.propagation, [/^master:/])
  })
}

t.test('config.md#linux-mount-options: rshared reaches the mounts below, shared does not', skip, async t => {
  const source = hostMount(t)
  execFileSync('mount', ['--make-rprivate', source])
  const below = async (option: string) => {
    const { mountinfo } = await mounted(t, { destination: '/data', source, options: ['rbind', option] })
    return mountAt(mountinfo, '/data/below').propagation
  }
  t.match(await below('rshared'), [/^shared:/])
  t.strictSame(await below('shared'), [])
  t.strictSame(await below('rprivate'), [])
})
