import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { makeBundle, type TestConfig } from '../bundle.js'
import { missing } from '../needs.js'
import { createError, createSleeper, invalid, lines, parseMounts } from './attempt.js'

const skip = { skip: missing('root', 'busybox', 'cgroup-v1') }

const hierarchies = parseMounts(readFileSync('/proc/self/mountinfo', 'utf8')).filter(({ type }) =>
  type.startsWith('cgroup'),
)
const points = hierarchies.map(({ point }) => point)

/** The cgroup of a process in each hierarchy that is mounted, by the name of the controllers. */
function cgroupsOf(pid: number | 'self'): Record<string, string> {
  const entries = lines(readFileSync(`/proc/${pid}/cgroup`, 'utf8')).map(line => {
    const [, controllers = '', path = ''] = /^[0-9]+:([^:]*):(.*)$/.exec(line) ?? []
    return [controllers, path] as const
  })
  return Object.fromEntries(entries)
}

const at =
  (cgroupsPath: string) =>
  (config: TestConfig): void => {
    config.linux.cgroupsPath = cgroupsPath
  }

t.test(
  'config-linux.md#cgroups-path: an absolute path is relative to the mount point, in every hierarchy',
  skip,
  async t => {
    const bundle = makeBundle(t)
    const path = `/${bundle.id('absolute')}/below`
    const container = await createSleeper(bundle, at(path))
    for (const [controllers, found] of Object.entries(cgroupsOf(container.pid))) t.equal(found, path, controllers)
    for (const point of points) t.ok(existsSync(`${point}${path}`), point)
    await container.delete()
    for (const point of points) t.notOk(existsSync(`${point}/${bundle.id('absolute')}`), point)
  },
)

t.test('config-linux.md#cgroups-path: a relative path starts in the cgroup of the runtime', skip, async t => {
  const bundle = makeBundle(t)
  const name = bundle.id('relative')
  const container = await createSleeper(bundle, at(`${name}/x`))
  const own = cgroupsOf('self')
  for (const [controllers, found] of Object.entries(cgroupsOf(container.pid))) {
    t.equal(found, `${own[controllers]?.replace(/\/$/, '')}/${name}/x`, controllers)
  }
})

t.test('config-linux.md#cgroups-path: without one it is named after the container', skip, async t => {
  const bundle = makeBundle(t)
  const container = await createSleeper(bundle, config => delete config.linux.cgroupsPath)
  for (const found of Object.values(cgroupsOf(container.pid))) t.match(found, new RegExp(`/${container.id}$`))
})

t.test(
  'config-linux.md#cgroups-path: the same value is the same place, and can be used one after the other',
  skip,
  async t => {
    const bundle = makeBundle(t)
    const path = `/${bundle.id('same')}`
    const seen: unknown[] = []
    for (const name of ['a', 'b']) {
      bundle.configure(config => {
        at(path)(config)
        config.process.args = ['/bin/sleep', '100']
      })
      const container = await bundle.runtime.create({ id: bundle.id(name), bundle: bundle.bundle, stdio: 'ignore' })
      seen.push(cgroupsOf(container.pid))
      await container.delete()
    }
    t.strictSame(seen[0], seen[1])
  },
)

t.test('config-linux.md#control-groups: one that is in use is an error, and is left as it is', skip, async t => {
  const bundle = makeBundle(t)
  const path = `/${bundle.id('busy')}`
  const first = await createSleeper(bundle, at(path))
  await first.start()
  bundle.configure(at(path))
  const error = await bundle.runtime
    .create({ id: bundle.id('second'), bundle: bundle.bundle })
    .catch((error: unknown) => error)
  t.match(error, { name: 'StateError', code: 'ERR_STATE_EXISTS', message: /not empty: 1 process/ })
  t.equal((await first.state()).status, 'running')
  t.strictSame(cgroupsOf(first.pid).pids, path)
})

t.test('config-linux.md#control-groups: one that is frozen is an error', skip, async t => {
  const bundle = makeBundle(t)
  const directory = `/sys/fs/cgroup/freezer/${bundle.id('frozen')}`
  mkdirSync(directory)
  t.teardown(() => rmdirSync(directory))
  writeFileSync(`${directory}/freezer.state`, 'FROZEN')
  const error = await createError(bundle, at(`/${bundle.id('frozen')}`))
  t.match(error, { name: 'StateError', code: 'ERR_STATE_EXISTS', message: /frozen/ })
  t.ok(existsSync(directory), 'and stays')
})

t.test('runtime.md#delete: what was there before create is there after delete', skip, async t => {
  const bundle = makeBundle(t)
  const name = bundle.id('mine')
  for (const point of points) mkdirSync(`${point}/${name}`)
  t.teardown(() => points.map(point => rmdirSync(`${point}/${name}`)))
  const container = await createSleeper(bundle, at(`/${name}/theirs`))
  for (const point of points) t.ok(existsSync(`${point}/${name}/theirs`))
  await container.delete()
  for (const point of points) {
    t.ok(existsSync(`${point}/${name}`), point)
    t.notOk(existsSync(`${point}/${name}/theirs`), point)
  }
})

t.test(
  'runtime.md#delete: the cgroups that the container made in its own go with it, and their processes',
  skip,
  async t => {
    const bundle = makeBundle(t)
    const path = `/${bundle.id('nested')}`
    const container = await createSleeper(bundle, at(path))
    const below = `/sys/fs/cgroup/pids${path}/a`
    mkdirSync(`${below}/b`, { recursive: true })
    await container.start()
    writeFileSync(`${below}/b/cgroup.procs`, String(container.pid))
    await container.delete({ force: true })
    t.notOk(existsSync(below))
    t.notOk(existsSync(`/proc/${container.pid}`))
  },
)

t.test('config-linux.md#control-groups: the limits are there before the process is', skip, async t => {
  const bundle = makeBundle(t)
  const { stdout } = await bundle.sh(
    'grep -c . /sys/fs/cgroup/pids/cgroup.procs; cat /sys/fs/cgroup/pids/pids.max',
    config => {
      config.linux.resources = { pids: { limit: 33 } }
      config.mounts.push({ destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['ro'] })
    },
  )
  t.match(stdout, /^[12]\n33\n$/)
})

t.test('config-linux.md#cgroups-path: paths that lead elsewhere are errors', skip, async t => {
  const bundle = makeBundle(t)
  for (const path of ['/../x', 'a/../../b', '/', '//', '..', `/${'x'.repeat(256)}`, '/a\nb']) {
    const error = await createError(bundle, at(path))
    t.match(error, invalid('/linux/cgroupsPath'), JSON.stringify(path))
  }
})

t.test('config-linux.md#cgroups-path: nothing is made if create is refused', skip, async t => {
  const bundle = makeBundle(t)
  const name = bundle.id('refused')
  const error = await createError(bundle, config => {
    at(`/${name}`)(config)
    config.linux.resources = {
      memory: { limit: 64 * 1024 * 1024 },
      blockIO: { throttleReadBpsDevice: [{ major: 4095, minor: 7, rate: 1 }] },
    }
  })
  t.match(error, {
    name: 'CgroupError',
    code: 'ERR_CGROUP_WRITE',
    configPath: '/linux/resources/blockIO/throttleReadBpsDevice/0',
  })
  for (const point of points) t.notOk(readdirSync(point).includes(name), point)
})
