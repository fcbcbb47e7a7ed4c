/** The options of mount(8), held against mount(8) itself. */
import { execFileSync } from 'node:child_process'
import t, { type Test } from 'tap'
import { makeBundle } from '../bundle.js'
import { missing } from '../needs.js'
import { mountAt } from './attempt.js'

const skip = { skip: missing('root', 'busybox') }

/** What the kernel tells of a tmpfs that mount(8) mounts with this option, in a mount namespace of its own. */
function byMount(option: string) {
  const script = 'mount -t tmpfs -o "$0" none /mnt && cat /proc/self/mountinfo'
  const text = execFileSync('unshare', ['-m', 'sh', '-c', script, option], { encoding: 'utf8' })
  return flagsOf(text, '/mnt')
}

async function byTsrun(t: Test, option: string) {
  const { stdout } = await makeBundle(t).sh('cat /proc/self/mountinfo', config => {
    config.mounts.push({ destination: '/data', type: 'tmpfs', source: 'tmpfs', options: [option] })
  })
  return flagsOf(stdout, '/data')
}

const FLAGS_OF_SYSTEM = ['sync', 'dirsync', 'lazytime', 'mand', 'ro']

/** The flags of the mount and of its file system; sizes and the like are the file system's own business. */
function flagsOf(mountinfo: string, point: string) {
  const { options, superblock } = mountAt(mountinfo, point)
  return { mount: [...options].sort(), system: superblock.filter(option => FLAGS_OF_SYSTEM.includes(option)).sort() }
}

t.test('config.md#linux-mount-options: norelatime is what mount(8) makes of it', skip, async t => {
  t.same(await byTsrun(t, 'norelatime'), byMount('norelatime'))
})

// In the order of the specification. That ro is one of the file system as well is up to who mounts it.
const OPTIONS =
  'async atime defaults dev diratime dirsync exec iversion lazytime loud noatime nodev nodiratime noexec noiversion nolazytime norelatime nostrictatime nosuid relatime rw silent strictatime suid sync'

t.test('config.md#linux-mount-options: each that mount(8) has means what it means there', skip, async t => {
  for (const option of OPTIONS.split(' ')) t.same(await byTsrun(t, option), byMount(option), option)
})

t.test(
  'config.md#linux-mount-options: on a bind the flags of a file system change nothing, with a warning',
  skip,
  async t => {
    const flags = ['sync', 'dirsync', 'lazytime']
    const { sh, log, directory } = makeBundle(t)
    const { stdout } = await sh('cat /proc/self/mountinfo', config => {
      config.mounts.push({ destination: '/data', type: 'none', source: directory, options: ['bind', ...flags] })
    })
    t.same(flagsOf(stdout, '/data').system, [])
    t.match(log, [
      { level: 'warning', message: /^\/mounts\/4\/options: sync, dirsync, lazytime: without effect on a bind/ },
    ])
  },
)
