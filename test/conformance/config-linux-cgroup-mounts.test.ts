import { readFileSync } from 'node:fs'
import t from 'tap'
import { makeBundle, type TestConfig } from '../bundle.js'
import { missing } from '../needs.js'
import { lines, mountAt, parseMounts } from './attempt.js'

const skip = { skip: missing('root', 'busybox', 'cgroup-v1') }

const hierarchies = parseMounts(readFileSync('/proc/self/mountinfo', 'utf8')).filter(({ type }) => type === 'cgroup')
const nameOf = (point: string): string => point.slice(point.lastIndexOf('/') + 1)

const withCgroups =
  (...options: readonly string[]) =>
  (config: TestConfig): void => {
    config.mounts.push(
      { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
      { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: [...options] },
    )
  }

const withNamespace =
  (change: (config: TestConfig) => void) =>
  (config: TestConfig): void => {
    change(config)
    config.linux.namespaces?.push({ type: 'cgroup' })
  }

for (const [how, wrap] of [
  ['by its part of the tree', (change: (config: TestConfig) => void) => change],
  ['by its cgroup namespace', withNamespace],
] as const) {
  t.test(`config.md#mounts: type cgroup shows each v1 hierarchy ${how}`, skip, async t => {
    const { sh } = makeBundle(t)
    const command = 'cat /proc/self/mountinfo; for d in /sys/fs/cgroup/*/; do grep -x $$ $d/cgroup.procs; done'
    const { stdout } = await sh(command, wrap(withCgroups('nosuid', 'noexec', 'nodev', 'ro')))
    for (const { point } of hierarchies) {
      const mount = mountAt(stdout, `/sys/fs/cgroup/${nameOf(point)}`)
      t.match(mount, { type: 'cgroup' }, point)
      t.match([...mount.options].sort(), ['nodev', 'noexec', 'nosuid', 'relatime', 'ro'], point)
    }
    t.equal(stdout.match(/^1$/gm)?.length, hierarchies.length, 'the process is where it sees itself')
  })

  t.test(
    `config.md#mounts: type cgroup with ro can't be written ${how}, and neither can a new name be made`,
    skip,
    async t => {
      const { sh } = makeBundle(t)
      const command =
        'for d in /sys/fs/cgroup /sys/fs/cgroup/*/; do mkdir $d/new 2>/dev/null && echo $d; done; echo 9 > /sys/fs/cgroup/pids/pids.max'
      const { stdout, stderr } = await sh(command, wrap(withCgroups('ro')))
      t.equal(stdout, '')
      t.match(stderr, /read-only/i)
    },
  )

  t.test(`config.md#mounts: type cgroup without ro can be written ${how}`, skip, async t => {
    const { sh } = makeBundle(t)
    const command =
      'cd /sys/fs/cgroup/pids; mkdir below; echo 5 > below/pids.max; echo 0 > below/cgroup.procs; cat /proc/self/cgroup; echo 0 > cgroup.procs; busybox rmdir below'
    const { stdout, stderr, exitCode } = await sh(command, wrap(withCgroups('nosuid')))
    t.equal(stderr, '')
    t.equal(exitCode, 0)
    t.match(stdout, /pids:\/(.*\/)?below$/m)
  })
}

t.test('config.md#mounts: of controllers that share a hierarchy each has its name', skip, async t => {
  const { sh } = makeBundle(t)
  const { stdout } = await sh('ls /sys/fs/cgroup', withCgroups('ro'))
  const controllers = readFileSync('/proc/self/cgroup', 'utf8').matchAll(/^[0-9]+:([^:=]+):/gm)
  for (const [, names = ''] of controllers) {
    for (const name of names.split(',')) t.ok(lines(stdout).includes(name), name)
  }
})

t.test('config.md#mounts: nothing of other cgroups is seen', skip, async t => {
  const { sh } = makeBundle(t)
  for (const change of [withCgroups('ro'), withNamespace(withCgroups('ro'))]) {
    const { stdout } = await sh('cd /sys/fs/cgroup; ls -d */*/ 2>/dev/null; cat pids/pids.max', change)
    t.equal(stdout, 'max\n')
  }
})
