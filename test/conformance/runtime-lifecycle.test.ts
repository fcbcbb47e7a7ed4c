import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { readState } from '../../lib/config/state.js'
import { createRuntime } from '../../lib/index.js'
import { leftovers, makeBundle, type TestConfig } from '../bundle.js'
import { missing } from '../needs.js'
import { AWAIT_SIGNALS } from '../until.js'
import { createError, createSleeper, invalid, parseMounts, until } from './attempt.js'

const skip = { skip: missing('root', 'busybox') }

const commandOf = (pid: number): string => readFileSync(`/proc/${pid}/comm`, 'utf8').trim()

t.test('runtime.md#state: the document at each status, valid by its own reader', skip, async t => {
  const { bundle, runtime, configure, id } = makeBundle(t)
  const annotations = { 'com.example.key': 'value', empty: '' }
  configure(config => {
    config.process.args = ['/bin/sleep', '100']
    config.annotations = annotations
  })
  const container = await runtime.create({ id: id(), bundle, stdio: 'ignore' })
  const { pid } = container
  const document = { ociVersion: '1.3.0', id: id(), bundle, annotations }
  const state = async () => JSON.parse(JSON.stringify(await container.state()))
  t.strictSame(await state(), { ...document, status: 'created', pid })
  t.match(readState(JSON.stringify(await state())), { status: 'created' })
  await container.start()
  t.strictSame(await state(), { ...document, status: 'running', pid })
  await container.kill('KILL')
  await container.wait()
  t.strictSame(await state(), { ...document, status: 'stopped' })
  t.match(readState(JSON.stringify(await state())), { status: 'stopped' })
  await container.delete()
  await t.rejects(container.state(), { name: 'StateError', code: 'ERR_STATE_NOT_FOUND' })
})

t.test('runtime.md#state: the version is that of the configuration, and the bundle is absolute', skip, async t => {
  const bundle = makeBundle(t)
  const cwd = process.cwd()
  t.teardown(() => process.chdir(cwd))
  bundle.configure(config => (config.ociVersion = '1.0.2'))
  process.chdir(bundle.directory)
  const container = await bundle.runtime.create({ id: bundle.id(), bundle: './bundle', stdio: 'ignore' })
  t.match(await container.state(), { ociVersion: '1.0.2', bundle: bundle.bundle })
})

t.test('runtime.md#create: everything is there but the program', skip, async t => {
  const bundle = makeBundle(t)
  const container = await createSleeper(bundle, config => {
    config.root = { path: 'rootfs' }
    config.process.args = ['/bin/touch', '/data/ran']
    config.hostname = 'made'
  })
  await sleep(50)
  const mounts = parseMounts(readFileSync(`/proc/${container.pid}/mountinfo`, 'utf8')).map(({ point }) => point)
  for (const point of ['/', '/proc', '/dev', '/dev/pts', '/tmp']) t.ok(mounts.includes(point), point)
  t.notOk(existsSync(`${bundle.rootfs}/data/ran`))
  t.equal(commandOf(container.pid), 'tsrun-init')
  await container.start()
  await container.wait()
  t.ok(existsSync(`${bundle.rootfs}/data/ran`))
})

t.test('runtime.md#create: what becomes of config.json afterwards is of no effect', skip, async t => {
  const bundle = makeBundle(t)
  const log = `${bundle.directory}/log`
  mkdirSync(log)
  const hooks = (name: string): NonNullable<TestConfig['hooks']> => {
    const hook = { path: '/bin/sh', args: ['sh', '-c', `echo > ${log}/${name}`], env: [] }
    return { poststart: [hook], poststop: [hook] }
  }
  const container = await createSleeper(bundle, config => {
    config.root = { path: 'rootfs' }
    config.process.args = ['/bin/touch', '/data/before']
    config.annotations = { when: 'before' }
    config.hooks = hooks('before')
  })
  bundle.configure(config => {
    config.process.args = ['/bin/touch', '/data/after']
    config.annotations = { when: 'after' }
    config.hooks = hooks('after')
  })
  await container.start()
  await container.wait()
  t.strictSame([existsSync(`${bundle.rootfs}/data/before`), existsSync(`${bundle.rootfs}/data/after`)], [true, false])
  t.match((await container.state()).annotations, { when: 'before' })
  rmSync(`${bundle.bundle}/config.json`)
  await container.delete()
  t.strictSame([existsSync(`${log}/before`), existsSync(`${log}/after`)], [true, false])
})

t.test('runtime.md#create: an id that is taken, or is none, is an error without effect', skip, async t => {
  const bundle = makeBundle(t)
  const container = await createSleeper(bundle)
  const again = () => bundle.runtime.create({ id: bundle.id(), bundle: bundle.bundle, stdio: 'ignore' })
  await t.rejects(again(), { name: 'StateError', code: 'ERR_STATE_EXISTS', id: container.id })
  t.match(await container.state(), { status: 'created', pid: container.pid })
  for (const id of ['', '.', '..', 'a/b', 'ü', ' ', 'a b', '.a', 'x'.repeat(256)]) {
    const error = await bundle.runtime.create({ id, bundle: bundle.bundle }).catch((error: unknown) => error)
    t.match(error, invalid('/id'), JSON.stringify(id))
  }
  t.equal((await bundle.runtime.list()).length, 1)
})

t.test('runtime.md#create: a bundle that is none is an error', skip, async t => {
  const { runtime, directory, id } = makeBundle(t)
  for (const bundle of ['/nowhere', directory]) {
    const error = await runtime.create({ id: id(), bundle }).catch((error: unknown) => error)
    t.match(error, { name: 'ConfigError', code: 'ERR_CONFIG_INVALID', message: /config\.json/ }, bundle)
  }
  t.strictSame(await runtime.list(), [])
})

t.test('runtime.md#start: resolves when the program is the process, and works once', skip, async t => {
  const container = await createSleeper(makeBundle(t))
  await container.start()
  t.equal(commandOf(container.pid), 'sleep')
  const error = await container.start().catch((error: unknown) => error)
  t.match(error, { name: 'StateError', code: 'ERR_STATE_STATUS', status: 'running', expected: 'created' })
  t.equal(commandOf(container.pid), 'sleep')
  t.equal((await container.state()).status, 'running')
})

t.test('runtime.md#start: of what is stopped or gone it is an error', skip, async t => {
  const bundle = makeBundle(t)
  const container = await createSleeper(bundle)
  await container.kill('KILL')
  await container.wait()
  t.equal((await container.state()).status, 'stopped', 'killed before it was started')
  await t.rejects(container.start(), { code: 'ERR_STATE_STATUS', status: 'stopped' })
  await container.delete()
  await t.rejects(container.start(), { code: 'ERR_STATE_NOT_FOUND' })
  await t.rejects(bundle.runtime.get('nobody'), { code: 'ERR_STATE_NOT_FOUND' })
})

t.test('runtime.md#kill: the signal that is named reaches the process', skip, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  const script = `trap "echo TERM" TERM; trap "echo USR1" USR1; trap "echo HUP; exit 3" HUP; echo ready; ${AWAIT_SIGNALS}`
  configure(config => (config.process.args = ['/bin/sh', '-c', script]))
  const container = await runtime.create({ id: id(), bundle })
  let output = ''
  container.stdout?.on('data', (chunk: Uint8Array) => (output += Buffer.from(chunk).toString()))
  await container.start()
  await until(() => output.includes('ready\n'))
  for (const [signal, name] of [
    [undefined, 'TERM'],
    ['USR1', 'USR1'],
    [15, 'TERM'],
    ['SIGHUP', 'HUP'],
  ] as const) {
    output = ''
    await container.kill(signal)
    await until(() => output === `${name}\n`)
  }
  t.match(await container.wait(), { exitCode: 3 })
})

t.test('runtime.md#kill: a created container can be killed', skip, async t => {
  const container = await createSleeper(makeBundle(t))
  await container.kill('KILL')
  t.match(await container.wait(), { signal: 'SIGKILL' })
  t.equal((await container.state()).status, 'stopped')
})

t.test('runtime.md#kill: of what does not run, and with what is no signal, it is an error', skip, async t => {
  const container = await createSleeper(makeBundle(t))
  for (const signal of ['SIGNONSENSE', '', -1, 65, 'KILL9']) {
    await t.rejects(container.kill(signal), { name: 'ConfigError', code: 'ERR_CONFIG_INVALID' }, JSON.stringify(signal))
  }
  t.equal((await container.state()).status, 'created')
  await container.kill('KILL')
  await container.wait()
  await t.rejects(container.kill('TERM'), { name: 'StateError', code: 'ERR_STATE_STATUS', status: 'stopped' })
  await container.delete()
  await t.rejects(container.kill('TERM'), { code: 'ERR_STATE_NOT_FOUND' })
})

t.test('runtime.md#kill: without a pid namespace SIGKILL ends all of the container', skip, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => {
    config.linux.namespaces = config.linux.namespaces?.filter(({ type }) => type !== 'pid') ?? []
    config.process.args = ['/bin/sh', '-c', 'sleep 100 & sleep 100 & echo $!; wait']
  })
  const container = await runtime.create({ id: id(), bundle })
  let output = ''
  container.stdout?.on('data', (chunk: Uint8Array) => (output += Buffer.from(chunk).toString()))
  await container.start()
  await until(() => output.endsWith('\n'))
  await container.kill('KILL')
  await container.wait()
  await until(() => !existsSync(`/proc/${output.trim()}`))
  await container.delete()
})

t.test('runtime.md#delete: of what runs it is an error without effect', skip, async t => {
  const container = await createSleeper(makeBundle(t))
  await container.start()
  await t.rejects(container.delete(), {
    name: 'StateError',
    code: 'ERR_STATE_STATUS',
    status: 'running',
    expected: 'stopped',
  })
  t.equal(commandOf(container.pid), 'sleep')
  t.equal((await container.state()).status, 'running')
})

t.test('runtime.md#delete: undoes what create has done, and only that', skip, async t => {
  const bundle = makeBundle(t)
  writeFileSync(`${bundle.rootfs}/data/kept`, '')
  const before = readFileSync('/proc/self/mountinfo', 'utf8')
  const container = await createSleeper(bundle)
  await container.start()
  const { pid } = container
  await container.kill('KILL')
  await container.wait()
  await container.delete()
  t.notOk(existsSync(`/proc/${pid}`))
  t.notOk(existsSync(`${bundle.runtime.root}/${container.id}`))
  t.equal(readFileSync('/proc/self/mountinfo', 'utf8'), before)
  t.strictSame(leftovers(bundle.id('').slice(0, -1)), [])
  t.ok(existsSync(`${bundle.rootfs}/data/kept`))
  t.ok(existsSync(`${bundle.bundle}/config.json`))
  const again = await createSleeper(bundle)
  t.equal(again.id, container.id, 'the id can be used again')
  await t.rejects(container.start(), { code: 'ERR_STATE_NOT_FOUND' }, 'the old handle does not mean the new one')
})

t.test('runtime.md#errors: a create that fails leaves everything as it was', skip, async t => {
  const bundle = makeBundle(t)
  const before = readFileSync('/proc/self/mountinfo', 'utf8')
  const children = () =>
    readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8')
      .split(' ')
      .filter(pid => pid !== '')
  const earlier = new Set(children())
  for (const change of [
    (config: TestConfig) => (config.process.args = ['/nowhere']),
    (config: TestConfig) => config.mounts.push({ destination: '/data', type: 'nonsense', source: 'x' }),
    (config: TestConfig) => (config.linux.namespaces = [{ type: 'mount' }, { type: 'network', path: '/nowhere' }]),
    (config: TestConfig) => (config.hooks = { createContainer: [{ path: '/bin/false' }] }),
    (config: TestConfig) => (config.linux.sysctl = { 'net.ipv4.ip_forward': 'x' }),
    (config: TestConfig) => (config.process.user = { uid: 0, gid: 0, umask: 512 }),
  ]) {
    const error = await createError(bundle, config => {
      if (change.length > 0) delete config.hostname
      change(config)
    })
    t.ok(error instanceof Error, String(error))
    t.equal(readFileSync('/proc/self/mountinfo', 'utf8'), before)
    t.same(
      children().filter(pid => !earlier.has(pid)),
      [],
    )
    t.strictSame(leftovers(bundle.id('').slice(0, -1)), [])
    t.notOk(existsSync(`${bundle.runtime.root}/${bundle.id('refused')}`))
  }
})

t.test('runtime.md#scope-of-a-container: another runtime on the same directory can do the rest', skip, async t => {
  const bundle = makeBundle(t)
  const container = await createSleeper(bundle)
  const other = createRuntime({ root: bundle.runtime.root })
  const same = await other.get(container.id)
  await same.start()
  t.equal((await container.state()).status, 'running')
  await same.kill('KILL')
  t.match(await container.wait(), { signal: 'SIGKILL' })
  await same.delete()
  t.strictSame(await bundle.runtime.list(), [])
})
