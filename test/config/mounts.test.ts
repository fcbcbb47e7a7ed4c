import t from 'tap'
import type { Mount, OciMount } from '../../lib/config/config.js'
import { MOUNT_OPTIONS, optionMeaning } from '../../lib/config/mount-options.js'
import { readConfig } from '../../lib/config/read.js'

function read(mount: Partial<OciMount>): Mount & { warnings: readonly string[] } {
  const { config, warnings } = readConfig({
    ociVersion: '1.3.0',
    root: { path: 'rootfs' },
    mounts: [{ destination: '/m', ...mount }],
    linux: { namespaces: [{ type: 'mount' }] },
  })
  const [first] = config.mounts
  if (first === undefined) throw new Error('the mount is gone')
  return { ...first, warnings }
}
const bind = (...options: string[]) => read({ source: '/s', options: ['bind', ...options] })
const tmpfs = (...options: string[]) => read({ type: 'tmpfs', options })

const [RDONLY, NOSUID, NODEV, NOEXEC, ATIME, NOATIME, STRICTATIME, NODIRATIME] = [
  1n,
  2n,
  4n,
  8n,
  0x70n,
  0x10n,
  0x20n,
  0x80n,
]

t.test('bind or rbind makes a bind mount, whatever the type', async t => {
  t.match(read({ type: 'none', source: 'a', options: ['bind'] }), {
    kind: 'bind',
    type: '',
    source: 'a',
    recursive: false,
  })
  t.match(read({ source: '/a', options: ['rbind'] }), { kind: 'bind', recursive: true })
  t.match(read({ type: 'tmpfs', source: '/a', options: ['ro', 'rbind', 'bind'] }), { kind: 'bind', recursive: true })
  t.match(read({ type: 'bind', source: '/a' }), { kind: 'bind', recursive: false })
})

t.test('other mounts are of their file system, cgroups and remounts apart', async t => {
  t.match(read({ type: 'proc', source: 'p' }), { kind: 'filesystem', type: 'proc', source: 'p' })
  t.match(read({ type: 'proc' }), { kind: 'filesystem', source: 'proc' })
  t.match(read({ type: 'cgroup' }), { kind: 'cgroup', type: 'cgroup' })
  t.match(read({ type: 'cgroup2' }), { kind: 'cgroup', type: 'cgroup2' })
  t.match(read({ options: ['remount', 'bind', 'ro'] }), { kind: 'remount', type: '', source: '', set: RDONLY })
})

t.test('a destination is an absolute path without empty parts', async t => {
  t.equal(read({ destination: '//a/./b//', type: 'tmpfs' }).destination, '/a/b')
  const relative = read({ destination: 'a/../b', type: 'tmpfs' })
  t.equal(relative.destination, '/a/../b')
  t.match(relative.warnings, [/^\/mounts\/0\/destination: /])
})

t.test('attributes are set and cleared, and the last option wins', async t => {
  t.match(bind('ro', 'nosuid', 'nodev', 'noexec'), { set: RDONLY | NOSUID | NODEV | NOEXEC, clear: 0n })
  t.match(bind('rw', 'suid', 'dev', 'exec'), { set: 0n, clear: RDONLY | NOSUID | NODEV | NOEXEC })
  t.match(bind('ro', 'rw'), { set: 0n, clear: RDONLY })
  t.match(bind('rw', 'ro'), { set: RDONLY, clear: 0n })
  t.match(bind('nosymfollow'), { set: 0x200000n })
  t.match(bind('nodiratime', 'diratime'), { set: 0n, clear: 0n }, 'the access times stay')
})

t.test('recursive options go to the whole tree, and not to the mount alone', async t => {
  t.match(bind('rro', 'rnosuid', 'rexec'), { set: 0n, clear: 0n, recSet: RDONLY | NOSUID, recClear: NOEXEC })
  t.match(bind('ro', 'rrw'), { set: RDONLY, clear: 0n, recSet: 0n, recClear: RDONLY })
})

t.test(
  'a mode of access times that is named is the whole of them, and one that is switched off says nothing',
  async t => {
    const TIMES = ATIME | NODIRATIME
    t.match(bind(), { set: 0n, clear: 0n })
    t.match(bind('noatime'), { set: NOATIME, clear: TIMES })
    t.match(bind('strictatime'), { set: STRICTATIME, clear: TIMES })
    t.match(bind('relatime'), { set: 0n, clear: TIMES })
    t.match(bind('nodiratime'), { set: NODIRATIME, clear: ATIME })
    t.match(bind('noatime', 'strictatime'), { set: STRICTATIME, clear: TIMES })
    t.match(bind('noatime', 'atime'), { set: 0n, clear: 0n })
    t.match(bind('strictatime', 'atime'), { set: STRICTATIME, clear: TIMES })
    t.match(bind('strictatime', 'nostrictatime'), { set: 0n, clear: 0n })
    t.match(bind('relatime', 'norelatime'), { set: 0n, clear: 0n })
    t.match(bind('rnoatime', 'rnodiratime'), { set: 0n, clear: 0n, recSet: NOATIME | NODIRATIME, recClear: ATIME })
    t.match(tmpfs('noatime', 'atime'), { set: 0n, clear: ATIME }, 'a new file system has none before')
  },
)

t.test('a bind mount with any attribute has no others, and one with none keeps all', async t => {
  const all = RDONLY | NOSUID | NODEV | NOEXEC | 0x200000n
  t.match(bind('ro'), { set: RDONLY, clear: 0n, implied: all & ~RDONLY })
  t.match(bind('rw', 'nosuid'), { set: NOSUID, clear: RDONLY, implied: all & ~RDONLY & ~NOSUID })
  for (const option of ['sync', 'silent', 'norelatime', 'atime']) t.equal(bind(option).implied, all, option)
  for (const option of ['defaults', 'rprivate', 'rro', '']) t.equal(bind(option).implied, 0n, option)
  t.equal(tmpfs('ro').implied, 0n)
})

t.test('propagation is the number of mount(2)', async t => {
  t.equal(bind().propagation, 0)
  t.equal(bind('rprivate').propagation, 0x44000)
  t.equal(bind('shared', 'shared').propagation, 0x100000)
  t.equal(tmpfs('runbindable').propagation, 0x24000)
})

t.test("flags of the superblock are kept apart from the file system's options", async t => {
  t.match(tmpfs('sync', 'mode=755', 'dirsync'), { superblock: ['sync', 'dirsync'], data: ['mode=755'], warnings: [] })
  t.match(bind('sync').warnings, [/^\/mounts\/0\/options: sync: without effect/])
  t.match(tmpfs('iversion').warnings, [/^\/mounts\/0\/options\/0: iversion/])
  t.same(tmpfs('defaults', 'silent', 'loud', 'norelatime', 'noiversion').warnings, [])
})

t.test('options of the file system are split as mount(2) would split them', async t => {
  t.same(tmpfs('mode=755,size=1k', 'huge=never').data, ['mode=755', 'size=1k', 'huge=never'])
  t.same(tmpfs('context="u:o:t:s0:c1,c2",size=1k').data, ['context=u:o:t:s0:c1,c2', 'size=1k'])
  t.same(tmpfs(String.raw`lowerdir=/a\,b:/c,ro`).data, [String.raw`lowerdir=/a\,b:/c`, 'ro'])
})

t.test('the ids of a mount are mapped if an option or mappings say so', async t => {
  const mappings = [{ containerID: 0, hostID: 1000, size: 1 }]
  const both = { uidMappings: mappings, gidMappings: mappings }
  t.equal(bind().idmap, null)
  t.same(read({ source: '/s', options: ['bind'], ...both }).idmap, { recursive: false, ...both })
  t.same(read({ source: '/s', options: ['rbind', 'ridmap'], ...both }).idmap, { recursive: true, ...both })
  t.same(read({ type: 'tmpfs', options: ['idmap'], ...both }).idmap, { recursive: false, ...both })
})

t.test('only a tmpfs copies what it hides', async t => {
  t.equal(tmpfs('tmpcopyup').copyUp, true)
  t.same(tmpfs('tmpcopyup', 'size=1k').data, ['size=1k'])
  t.equal(tmpfs().copyUp, false)
})

t.test('every option that the specification asks for is known', async t => {
  const must = `async atime bind defaults dev diratime dirsync exec iversion lazytime loud noatime nodev nodiratime
    noexec noiversion nolazytime norelatime nostrictatime nosuid private rbind relatime remount ro rprivate rshared
    rslave runbindable rw shared silent slave strictatime suid sync unbindable`
  const should = `nosymfollow symfollow ratime rdev rdiratime rexec rnoatime rnodev rnodiratime rnoexec rnorelatime
    rnostrictatime rnosuid rnosymfollow rrelatime rro rrw rstrictatime rsuid rsymfollow mand nomand idmap ridmap tmpcopyup`
  for (const option of `${must} ${should}`.split(/\s+/)) t.ok(optionMeaning(option), option)
  t.same(MOUNT_OPTIONS, [...MOUNT_OPTIONS].sort())
  t.equal(new Set(MOUNT_OPTIONS).size, MOUNT_OPTIONS.length)
})
