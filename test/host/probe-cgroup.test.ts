import { readFileSync } from 'node:fs'
import t from 'tap'
import { parseCgroupFacts, readCgroupFacts } from '../../lib/host/probe-cgroup.js'

const controllersOf = () => 'cpuset cpu io memory pids\n'
const parse = (mountinfo: string, cgroup: string) => parseCgroupFacts({ mountinfo, cgroup, controllersOf })

const ROOT = '20 1 8:1 / / rw - ext4 /dev/sda1 rw'
const SYS = '22 20 0:20 / /sys rw - sysfs sysfs rw'

t.test('A pure cgroup v2 host has one hierarchy with the controllers of its root.', async t => {
  const mountinfo = [ROOT, SYS, '30 22 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate'].join('\n')
  t.same(parse(mountinfo, '0::/user.slice/session-2.scope\n'), {
    mode: 'v2',
    hierarchies: [
      {
        version: 2,
        controllers: ['cpuset', 'cpu', 'io', 'memory', 'pids'],
        mountpoint: '/sys/fs/cgroup',
        root: '/',
        own: '/user.slice/session-2.scope',
      },
    ],
  })
})

t.test('A hybrid host has the v1 hierarchies, named and mounted together ones too, and the unified one.', async t => {
  const mountinfo = [
    ROOT,
    SYS,
    '30 22 0:25 / /sys/fs/cgroup rw - tmpfs tmpfs rw',
    '31 30 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw',
    '32 30 0:27 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd',
    '33 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct',
  ].join('\n')
  const facts = parse(mountinfo, '4:cpu,cpuacct:/a\n3:memory:/not-mounted\n1:name=systemd:/b:c\n0::/u\n')
  t.equal(facts.mode, 'hybrid')
  t.same(
    facts.hierarchies.map(({ version, controllers, mountpoint, own }) => [version, controllers, mountpoint, own]),
    [
      [1, ['cpu', 'cpuacct'], '/sys/fs/cgroup/cpu,cpuacct', '/a'],
      [1, ['name=systemd'], '/sys/fs/cgroup/systemd', '/b:c'],
      [2, ['cpuset', 'cpu', 'io', 'memory', 'pids'], '/sys/fs/cgroup/unified', '/u'],
    ],
  )
})

t.test('A host without the unified hierarchy is v1, one without any is none.', async t => {
  const v1 = `${ROOT}\n${SYS}\n30 22 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory`
  t.equal(parse(v1, '4:memory:/\n').mode, 'v1')
  t.same(parse(`${ROOT}\n${SYS}`, '0::/\n'), { mode: 'none', hierarchies: [] })
  t.same(parse(ROOT, ''), { mode: 'none', hierarchies: [] })
})

t.test('A mount that another one hides is not used.', async t => {
  const hidden = '30 22 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw'
  const above = '40 30 0:50 / /sys/fs/cgroup rw - tmpfs tmpfs rw'
  t.equal(parse([ROOT, SYS, hidden, above].join('\n'), '0::/\n').mode, 'none')
  const other = '41 20 0:26 / /mnt/cg rw - cgroup2 cgroup2 rw'
  t.equal(parse([ROOT, SYS, hidden, above, other].join('\n'), '0::/\n').hierarchies[0]?.mountpoint, '/mnt/cg')
})

t.test('A mount that was made before the root it lies on is still visible.', async t => {
  const mountinfo = ['60 1 8:1 / / rw - ext4 x rw', '30 60 0:26 / /cg rw - cgroup2 cgroup2 rw'].join('\n')
  t.equal(parse(mountinfo, '0::/\n').mode, 'v2')
})

t.test('Of several mounts of one hierarchy, the one that shows our own cgroup below /sys/fs/cgroup wins.', async t => {
  const mountinfo = [
    ROOT,
    SYS,
    '30 20 0:26 / /var/lib/x/cgroup rw - cgroup2 cgroup2 rw',
    '31 22 0:26 /other /sys/fs/cgroup rw - cgroup2 cgroup2 rw',
  ].join('\n')
  t.equal(parse(mountinfo, '0::/mine\n').hierarchies[0]?.mountpoint, '/var/lib/x/cgroup')
  t.equal(parse(mountinfo, '0::/other/mine\n').hierarchies[0]?.mountpoint, '/sys/fs/cgroup')
  t.equal(parse(mountinfo, '0::/other/mine\n').hierarchies[0]?.root, '/other')
})

t.test('Blanks in a mount point are decoded.', async t => {
  const mountinfo = `${ROOT}\n30 20 0:26 / /my\\040cgroups\\134x rw - cgroup2 cgroup2 rw`
  t.equal(parse(mountinfo, '0::/\n').hierarchies[0]?.mountpoint, '/my cgroups\\x')
})

t.test('The facts of this machine are those that procfs tells.', async t => {
  const facts = readCgroupFacts()
  const lines = readFileSync('/proc/self/cgroup', 'utf8').trim().split('\n')
  for (const { version, controllers, own } of facts.hierarchies) {
    const end = version === 2 ? `::${own}` : `:${controllers.join(',')}:${own}`
    t.ok(
      lines.some(line => line.endsWith(end)),
      end,
    )
  }
  t.equal(facts.mode === 'none', facts.hierarchies.length === 0)
})
