/** A root that is made of layers, as root: several containers on the same directories. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t, { type Test } from 'tap'
import type { LayeredRoot, OciConfig } from '../../lib/index.js'
import { closeFd, closeFds } from '../../lib/sys/beneath.js'
import { cloneTree, newMount } from '../../lib/sys/mount.js'
import { makeOverlay } from '../../lib/sys/overlay.js'
import { baseConfig, makeBundle, type TestConfig } from '../bundle.js'
import { missing } from '../needs.js'
import { until } from '../until.js'

const skip = { skip: missing('root', 'busybox') }

/** The busybox root of a bundle below a layer that changes it. */
function makeLayers(t: Test) {
  const made = makeBundle(t)
  const top = join(made.directory, 'top')
  mkdirSync(join(top, 'etc'), { recursive: true })
  writeFileSync(join(top, 'etc/passwd'), 'root:x:0:0:of the top:/:/bin/sh\n')
  writeFileSync(join(top, 'only'), 'of the top')
  const layers = [made.rootfs, top]
  const config = (command: string, change: (config: TestConfig) => void = () => {}): OciConfig => {
    const { root: _none, ...document } = baseConfig()
    document.process.args = ['/bin/sh', '-c', command]
    document.linux.cgroupsPath = `/${made.id('group')}`
    change(document as TestConfig)
    return document as OciConfig
  }
  const run = (command: string, upper: LayeredRoot['upper'] = 'memory', change?: (config: TestConfig) => void) =>
    made.runtime.run({ config: config(command, change), rootfs: { layers, upper } })
  return { ...made, layers, config, run }
}

t.test(
  'the last layer that has a file is the one that counts, and what is written is seen by nobody else',
  skip,
  async t => {
    const { run, layers, directory } = makeLayers(t)
    const { stdout } = await run(
      'cat /only /etc/passwd; echo mine > /only; rm /etc/passwd; cat /only; ls /etc; ls /bin/sh',
    )
    t.match(stdout, /^of the toproot:x:0:0:of the top.*\nmine\n\/bin\/sh\n$/s)
    t.equal((await run('cat /only')).stdout, 'of the top')
    t.equal(readFileSync(join(directory, 'top/only'), 'utf8'), 'of the top')
    t.same(readdirSync(layers[1] ?? '').sort(), ['etc', 'only'])
  },
)

t.test('containers on the same layers do not see each other’s writes, and exec sees its own', skip, async t => {
  const { runtime, config, layers, id } = makeLayers(t)
  const containers = await Promise.all(
    ['a', 'b', 'c'].map(async name => {
      const change = (document: TestConfig): void => {
        document.linux.cgroupsPath = `/${id(name)}`
      }
      const root: LayeredRoot = { layers, upper: { memory: '4M' } }
      const container = await runtime.create({
        id: id(name),
        config: config(`echo ${name} > /w; sleep 1000`, change),
        rootfs: root,
      })
      await container.start()
      return container
    }),
  )
  for (const [index, container] of containers.entries()) {
    const { stdout } = await container.run({
      args: ['/bin/sh', '-c', 'for i in $(/bin/busybox seq 1000); do [ -s /w ] && break; sleep 0.01; done; cat /w'],
    })
    t.equal(stdout.trim(), 'abc'[index])
    t.match(readFileSync(`${container.upper}/w`, 'utf8'), stdout)
    t.same(container.layers, layers)
  }
  t.notMatch(
    readFileSync('/proc/self/mountinfo', 'utf8'),
    /overlay.*upperdir=u/,
    'nothing of it is mounted on the host',
  )
  const [first] = containers
  await first?.kill('SIGKILL')
  await first?.wait()
  t.same(readdirSync(first?.upper ?? ''), ['w'], 'what it wrote is there after its end')
  for (const container of containers) await container.delete({ force: true })
  t.equal(first?.upper, null)
})

t.test('memory has a limit', skip, async t => {
  const { run } = makeLayers(t)
  const { stderr, exitCode } = await run('dd if=/dev/zero of=/big bs=1024 count=4096', { memory: '1MiB' })
  t.not(exitCode, 0)
  t.match(stderr, /No space left on device/)
})

t.test('a directory keeps what is written, for one container at a time', skip, async t => {
  const { runtime, run, config, layers, directory, id } = makeLayers(t)
  const dir = join(directory, 'of/mine')
  await run('echo first > /kept', { dir })
  t.equal((await run('cat /kept', { dir })).stdout, 'first\n')
  t.equal(readFileSync(join(dir, 'upper/kept'), 'utf8'), 'first\n')
  const rootfs = { layers, upper: { dir } }
  const container = await runtime.create({ id: id('user'), config: config('sleep 1000'), rootfs })
  t.equal(container.upper, join(dir, 'upper'))
  t.equal((await runtime.get(id('user'))).upper, join(dir, 'upper'))
  const elsewhere = ({ linux }: TestConfig): void => {
    linux.cgroupsPath = `/${id('other')}`
  }
  await t.rejects(run('true', { dir }, elsewhere), {
    code: 'ERR_STATE_LOCKED',
    message: new RegExp(`in use by container "${id('user')}"`),
  })
  await container.delete({ force: true })
  t.equal((await run('cat /kept', { dir })).stdout, 'first\n')
})

t.test('of several that want the same directory at once one gets it', skip, async t => {
  const { runtime, config, layers, directory, id } = makeLayers(t)
  const rootfs = { layers, upper: { dir: join(directory, 'one') } }
  const results = await Promise.allSettled(
    ['a', 'b', 'c', 'd'].map(name => {
      const change = (document: TestConfig): void => {
        document.linux.cgroupsPath = `/${id(name)}`
      }
      return runtime.create({ id: id(name), config: config('sleep 1000', change), rootfs })
    }),
  )
  t.equal(results.filter(({ status }) => status === 'fulfilled').length, 1)
  for (const result of results) if (result.status === 'rejected') t.match(result.reason, { code: 'ERR_STATE_LOCKED' })
})

t.test('128 layers', skip, async t => {
  const { runtime, config, layers, directory } = makeLayers(t)
  const more = Array.from({ length: 126 }, (_, index) => join(directory, `layer,with:odd\\name ${index}`))
  for (const [index, path] of more.entries()) {
    mkdirSync(path)
    writeFileSync(join(path, `file${index}`), String(index))
    writeFileSync(join(path, 'common'), String(index))
  }
  const rootfs: LayeredRoot = { layers: [...layers, ...more], upper: 'memory' }
  const { stdout } = await runtime.run({ config: config('ls / | grep -c ^file; cat /common /file0'), rootfs })
  t.equal(stdout, '126\n1250')
})

t.test('a list of layers, as kernels before Linux 6.7 take them, gives the same root', skip, async t => {
  const { layers } = makeLayers(t)
  const trees = layers.map(path => cloneTree({ path, recursive: false, nofollow: false }))
  const upper = newMount('tmpfs', [])
  try {
    const overlay = await makeOverlay({ upper, layers: trees, userXattr: false, asList: true })
    t.equal(readFileSync(`/proc/self/fd/${overlay}/only`, 'utf8'), 'of the top')
    t.ok(existsSync(`/proc/self/fd/${overlay}/bin/sh`))
    closeFd(overlay)
  } finally {
    closeFds([upper, ...trees])
  }
})

t.test('in a user namespace the files have the owners that the layers give them', skip, async t => {
  const { run, directory } = makeLayers(t)
  const change = ({ linux }: TestConfig): void => {
    linux.namespaces?.push({ type: 'user' })
    linux.uidMappings = [{ containerID: 0, hostID: 200_000, size: 65_536 }]
    linux.gidMappings = [{ containerID: 0, hostID: 300_000, size: 65_536 }]
  }
  const command =
    'stat -c "%u %g" / /bin /only; echo x > /new; echo more >> /only; chown 5:6 /new; stat -c "%u %g" /new /only'
  const dir = join(directory, 'up')
  const { stdout, stderr } = await run(command, { dir }, change)
  t.equal(stdout, '0 0\n0 0\n0 0\n5 6\n0 0\n', stderr)
  const { uid, gid } = statSync(join(dir, 'upper/new'))
  t.same([uid, gid], [200_005, 300_006], 'what is written has the ids of the host')
  t.equal((await run('stat -c "%u %g" / /only', 'memory', change)).stdout, '0 0\n0 0\n')
})

t.test('the root can be read-only, and keeps the mode and owner that the last layer has', skip, async t => {
  const { run, directory } = makeLayers(t)
  const { exitCode, stderr } = await run('echo x > /new', 'memory', config => {
    config.root = { path: 'of no meaning', readonly: true }
  })
  t.not(exitCode, 0)
  t.match(stderr, /Read-only file system/)
  const { mode } = statSync(join(directory, 'top'))
  t.equal((await run('stat -c %a /')).stdout, `${(mode & 0o7777).toString(8)}\n`)
})

t.test('hooks find the root where the record says', skip, async t => {
  const { runtime, run, directory } = makeLayers(t)
  const seen = join(directory, 'seen')
  const script = `cat ${runtime.root}/*/root/only > ${seen}`
  await run('true', 'memory', config => {
    config.hooks = { createContainer: [{ path: '/bin/sh', args: ['sh', '-c', script] }] }
  })
  t.equal(readFileSync(seen, 'utf8'), 'of the top')
})

t.test('a bundle keeps all but its root.path', skip, async t => {
  const { runtime, bundle, configure, layers } = makeLayers(t)
  configure(config => {
    config.root = { path: 'nothing', readonly: false }
    config.process.args = ['/bin/sh', '-c', 'cat /only']
  })
  const result = await runtime.run({ bundle, rootfs: { layers, upper: 'memory' } })
  t.equal(result.stdout, 'of the top')
  const plan = await runtime.plan({ bundle, rootfs: { layers, upper: { dir: '/no/such' } } })
  t.match(String(plan), /overlay of 2 layers topmost=.* upper="?\/no\/such/)
  t.notOk(existsSync('/no/such'), 'a dry run makes nothing')
})

t.test('what is wrong with the option is told by its name', skip, async t => {
  const { runtime, config, layers, directory } = makeLayers(t)
  const attempt = (rootfs: unknown) => runtime.run({ config: config('true'), rootfs: rootfs as LayeredRoot })
  const wrong: readonly [unknown, RegExp][] = [
    [{ layers: [], upper: 'memory' }, /rootfs\.layers: must be an array/],
    [{ layers: [...layers, join(directory, 'missing')], upper: 'memory' }, /rootfs\.layers\[2\]: must be an existing/],
    [{ layers: ['/'], upper: 'memory' }, /rootfs\.layers\[0\]/],
    [{ layers: [join(directory, 'top/only')], upper: 'memory' }, /rootfs\.layers\[0\]/],
    [{ layers }, /rootfs\.upper: must be/],
    [{ layers, upper: 'disk' }, /rootfs\.upper: must be/],
    [{ layers, upper: { memory: 'much' } }, /rootfs\.upper\.memory: must be/],
    [{ layers, upper: { memory: 0 } }, /rootfs\.upper\.memory: must be/],
    [{ layers, upper: { dir: '' } }, /rootfs\.upper\.dir: must be/],
    [{ layers, upper: { dir: join(directory, 'top/only/x') } }, /rootfs\.upper\.dir: must be/],
    [{ layers, upper: { dir: directory, memory: 1 } }, /rootfs\.upper\.memory/],
    [{ layers, upper: 'memory', lower: 1 }, /rootfs\.lower/],
    [['/srv'], /rootfs: must be a path/],
  ]
  for (const [rootfs, message] of wrong)
    await t.rejects(attempt(rootfs), { code: 'ERR_CONFIG_INVALID', message }, JSON.stringify(rootfs))
})

t.test('nothing stays open, also if create fails or is given up', skip, async t => {
  const { runtime, run, config, layers } = makeLayers(t)
  const openFds = (): number => readdirSync('/proc/self/fd').length
  await run('true')
  let before = 0
  await until(() => {
    const now = openFds()
    const isStill = now === before
    before = now
    return isStill
  })
  const rootfs: LayeredRoot = { layers, upper: 'memory' }
  for (let count = 0; count < 3; count++) {
    await run('true')
    await t.rejects(runtime.run({ config: config('true'), rootfs, args: ['/no/such'] }))
    const aborter = new AbortController()
    const given = runtime.run({ config: config('true'), rootfs, signal: aborter.signal })
    setImmediate(() => aborter.abort(new Error('enough')))
    await t.rejects(given, { message: 'enough' })
  }
  await until(() => openFds() <= before, 'every descriptor is closed')
  t.ok(openFds() <= before)
})

t.test('what a maker that was killed has left is swept', skip, async t => {
  const { runtime, config, layers, directory, id } = makeLayers(t)
  const input = {
    id: id('left'),
    config: config('sleep 1000'),
    rootfs: { layers, upper: { dir: join(directory, 'up') } },
  }
  const program = `import { createRuntime } from '${resolve('dist/index.js')}'
    const container = await createRuntime({ root: '${runtime.root}' }).create(${JSON.stringify(input)})
    await container.start()
    process.kill(process.pid, 'SIGKILL')`
  const { signal } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { stdio: 'inherit' })
  t.equal(signal, 'SIGKILL')
  await t.rejects(runtime.run({ ...input, id: id('next') }), { code: /ERR_STATE_LOCKED|ERR_STATE_EXISTS/ })
  t.same(await runtime.sweep(), [id('left')])
  t.equal((await runtime.run({ ...input, id: id('next'), args: ['/bin/true'] })).exitCode, 0)
})
