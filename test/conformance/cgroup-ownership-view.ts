/** Run by config-linux-cgroup-ownership.test.ts where the host's cgroups are mounted as version 2 only. */
import { execFileSync } from 'node:child_process'
import { chownSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import t, { type Test } from 'tap'
import { makeBundle, type TestConfig } from '../bundle.js'
import { createSleeper } from './attempt.js'

const ROOT = '/sys/fs/cgroup'
const LIST = '/sys/kernel/cgroup/delegate'
const ALWAYS = ['cgroup.procs', 'cgroup.subtree_control', 'cgroup.threads']
const [HOST, SIZE] = [100000, 65536]
const MAPPINGS = [{ containerID: 0, hostID: HOST, size: SIZE }]

const view = { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup' }
const SYSFS = { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['ro'] }

/** A process of that user, a cgroup namespace, and a writable view of the cgroup. */
const delegated =
  (uid: number) =>
  (config: TestConfig): void => {
    config.process.user = { uid, gid: uid }
    config.linux.namespaces?.push({ type: 'cgroup' })
    config.mounts.push(SYSFS, { ...view, options: ['rw'] })
  }

const mapped = (config: TestConfig): void => {
  config.linux.namespaces?.push({ type: 'user' })
  config.linux.uidMappings = MAPPINGS
  config.linux.gidMappings = MAPPINGS
}

/** Which entries of a created container's cgroup belong to whom; the directory itself is ".". */
async function ownersOf(t: Test, change: (config: TestConfig) => void): Promise<Map<string, number>> {
  const bundle = makeBundle(t)
  const path = `/${bundle.id('owned')}`
  await createSleeper(bundle, config => {
    config.linux.cgroupsPath = path
    change(config)
  })
  const names = readdirSync(`${ROOT}${path}`)
  return new Map(['.', ...names].map(name => [name, statSync(`${ROOT}${path}/${name}`).uid]))
}

const ownedBy = (owners: Map<string, number>, uid: number): string[] =>
  [...owners].flatMap(([name, owner]) => (owner === uid ? [name] : [])).sort()

/** What must have been given away: the directory, and of the files those that are there. */
const givenAway = (owners: Map<string, number>, files: readonly string[]): string[] =>
  ['.', ...files.filter(name => owners.has(name))].sort()

const listed = readFileSync(LIST, 'utf8').trim().split('\n')

t.test('config-linux.md#cgroup-ownership: the directory and the listed files belong to the process', async t => {
  const plain = await ownersOf(t, delegated(1234))
  t.same(ownedBy(plain, 1234), givenAway(plain, listed))
  t.same(ownedBy(plain, 0).length + ownedBy(plain, 1234).length, plain.size, 'all others are as they were')
  t.ok(ownedBy(plain, 0).includes('cgroup.max.depth'))
})

t.test('config-linux.md#cgroup-ownership: in a user namespace the owner is the id that it stands for', async t => {
  for (const uid of [0, 7]) {
    const owners = await ownersOf(t, config => {
      delegated(uid)(config)
      mapped(config)
    })
    t.same(ownedBy(owners, HOST + uid), givenAway(owners, listed), String(uid))
  }
})

t.test('config-linux.md#cgroup-ownership: the process can make cgroups, move to them, and no more', async t => {
  const { sh, rootfs } = makeBundle(t)
  chownSync(rootfs, HOST, HOST)
  for (const path of ['sys', 'proc', 'dev', 'tmp']) chownSync(`${rootfs}/${path}`, HOST, HOST)
  const command =
    'cd /sys/fs/cgroup && mkdir sub && echo 0 > sub/cgroup.procs && cat /proc/self/cgroup; echo 9 > cgroup.max.depth || echo refused'
  const { stdout } = await sh(command, config => {
    delegated(0)(config)
    mapped(config)
  })
  t.match(stdout, /^0::\/sub$/m)
  t.match(stdout, /^refused$/m)
})

const cases: Record<string, (config: TestConfig) => void> = {
  'is read-only': config => {
    delegated(1234)(config)
    config.mounts.splice(-1, 1, { ...view, options: ['ro'] })
  },
  'is read-only with all below it': config => {
    delegated(1234)(config)
    config.mounts.splice(-1, 1, { ...view, options: ['rro'] })
  },
  'is not there': config => {
    delegated(1234)(config)
    config.mounts.pop()
  },
  'is elsewhere': config => {
    delegated(1234)(config)
    config.mounts.splice(-1, 1, { ...view, destination: '/tmp' })
  },
  'has another source': config => {
    delegated(1234)(config)
    config.mounts.splice(-1, 1, { ...view, source: 'none' })
  },
  'is that of the host': config => {
    delegated(1234)(config)
    config.linux.namespaces?.pop()
  },
  'is that of a cgroup namespace that is joined': config => {
    delegated(1234)(config)
    config.linux.namespaces?.splice(-1, 1, { type: 'cgroup', path: '/proc/self/ns/cgroup' })
  },
}

for (const [what, change] of Object.entries(cases)) {
  t.test(`config-linux.md#cgroup-ownership: the owner stays if the view ${what}`, async t => {
    const owners = await ownersOf(t, change)
    t.same(ownedBy(owners, 1234), [])
    t.same(ownedBy(owners, 0).length, owners.size)
  })
}

t.test('config-linux.md#cgroup-ownership: a kernel that lists no files has three', async t => {
  execFileSync('mount', ['-t', 'tmpfs', 'none', '/sys/kernel/cgroup'])
  try {
    const owners = await ownersOf(t, delegated(1234))
    t.same(ownedBy(owners, 1234), givenAway(owners, ALWAYS))
  } finally {
    execFileSync('umount', ['/sys/kernel/cgroup'])
  }
})

t.test('config-linux.md#cgroup-ownership: what the container has made is removed with it', async t => {
  const bundle = makeBundle(t)
  const path = `/${bundle.id('below')}`
  const container = await createSleeper(bundle, config => {
    delegated(1234)(config)
    config.linux.cgroupsPath = path
  })
  mkdirSync(`${ROOT}${path}/a`)
  chownSync(`${ROOT}${path}/a`, 1234, 1234)
  await container.delete()
  t.throws(() => statSync(`${ROOT}${path}`), { code: 'ENOENT' })
})
