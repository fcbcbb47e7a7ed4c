import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { createRuntime, isTsrunError } from '../../lib/index.js'
import { makeBundle } from '../bundle.js'
import { missing } from '../needs.js'
import { until } from '../until.js'

const skip = { skip: missing('root', 'busybox') }

const openFds = () => readdirSync('/proc/self/fd').length
const children = () => readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim()

t.test('a container goes through create, start, wait and delete', skip, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => (config.process.args = ['/bin/sh', '-c', 'exit 7']))
  const container = await runtime.create({ id: id(), bundle, stdio: 'ignore' })
  t.equal((await container.state()).status, 'created')
  t.equal((await container.state()).pid, container.pid)
  await container.start()
  t.match(await container.wait(), { exitCode: 7, signal: null, oomKilled: false })
  t.strictSame(await container.state(), { ociVersion: '1.3.0', id: id(), status: 'stopped', bundle, annotations: {} })
  await container.delete()
  await t.rejects(container.state(), { code: 'ERR_STATE_NOT_FOUND' })
})

t.test('run collects output, feeds input and tells the exit code', skip, async t => {
  const { runtime, bundle, configure } = makeBundle(t)
  configure(config => (config.process.args = ['/bin/sh', '-c', 'cat; echo bad >&2; exit 3']))
  const result = await runtime.run({ bundle, input: 'hello' })
  t.match(result, { stdout: 'hello', stderr: 'bad\n', exitCode: 3, signal: null, timedOut: false })
})

t.test('a process that a signal ends is told by the signal', skip, async t => {
  const { sh } = makeBundle(t)
  t.match(await sh('kill -9 $$ & sleep 1; sh -c "kill -KILL \\$\\$"; exit 5'), { exitCode: 5 })
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => (config.process.args = ['/bin/sleep', '100']))
  const container = await runtime.create({ id: id(), bundle, stdio: 'ignore' })
  await container.start()
  await container.kill('SIGKILL')
  t.match(await container.wait(), { exitCode: null, signal: 'SIGKILL' })
})

t.test('what create makes does not run before start', skip, async t => {
  const { runtime, bundle, rootfs, configure, id } = makeBundle(t)
  configure(config => {
    config.root = { path: 'rootfs', readonly: false }
    config.process.args = ['/bin/touch', '/data/ran']
  })
  await using container = await runtime.create({ id: id(), bundle })
  await sleep(100)
  t.notOk(existsSync(`${rootfs}/data/ran`))
  await container.start()
  await container.wait()
  t.ok(existsSync(`${rootfs}/data/ran`))
})

t.test('an id can be used once at a time, and again after delete', skip, async t => {
  const { runtime, bundle, id } = makeBundle(t)
  const first = await runtime.create({ id: id(), bundle, stdio: 'ignore' })
  await t.rejects(runtime.create({ id: id(), bundle, stdio: 'ignore' }), { code: 'ERR_STATE_EXISTS' })
  t.equal((await first.state()).status, 'created', 'the first one is as it was')
  await first.delete({ force: true })
  const second = await runtime.create({ id: id(), bundle, stdio: 'ignore' })
  await second.delete()
})

t.test('of twenty creates of one id at once exactly one succeeds', skip, async t => {
  const { runtime, bundle, id } = makeBundle(t)
  const results = await Promise.allSettled(
    Array.from({ length: 20 }, () => runtime.create({ id: id(), bundle, stdio: 'ignore' })),
  )
  t.equal(results.filter(({ status }) => status === 'fulfilled').length, 1)
  for (const result of results) {
    if (result.status === 'rejected') t.match(result.reason, { code: 'ERR_STATE_EXISTS' })
  }
})

t.test('a missing program is an error of create that leaves nothing', skip, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => (config.process.args = ['nonsense']))
  const error = await runtime.create({ id: id(), bundle }).catch((error: unknown) => error)
  t.match(error, {
    name: 'LaunchError',
    code: 'ERR_LAUNCH_EXEC',
    configPath: '/process/args/0',
    errno: 'ENOENT',
    message: /exec: "nonsense": executable file not found in \$PATH/,
  })
  t.strictSame(await runtime.list(), [])
})

t.test('a program that may not be executed is told as such', skip, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => (config.process.args = ['/etc/passwd']))
  await t.rejects(runtime.create({ id: id(), bundle }), {
    code: 'ERR_LAUNCH_EXEC',
    errno: 'EACCES',
    message: /permission denied/,
  })
  configure(config => (config.process.args = ['/etc']))
  await t.rejects(runtime.create({ id: id(), bundle }), { code: 'ERR_LAUNCH_EXEC', message: /directory/ })
})

t.test('a missing mount source names the mount, the path and the errno', skip, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => config.mounts.push({ destination: '/data', source: '/nowhere/x', options: ['bind'] }))
  await t.rejects(runtime.create({ id: id(), bundle }), {
    code: 'ERR_LAUNCH_OP',
    configPath: '/mounts/4/source',
    errno: 'ENOENT',
    message: /\/mounts\/4\/source: .*"\/nowhere\/x".*ENOENT/,
  })
})

t.test('start needs a created container', skip, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => (config.process.args = ['/bin/sleep', '100']))
  const container = await runtime.create({ id: id(), bundle, stdio: 'ignore' })
  await container.start()
  await t.rejects(container.start(), { code: 'ERR_STATE_STATUS', message: /cannot start an already running container/ })
  await t.rejects(container.delete(), { code: 'ERR_STATE_STATUS', message: /that is not stopped: running/ })
  await container.kill('KILL')
  await container.wait()
  await t.rejects(container.start(), { code: 'ERR_STATE_STATUS', message: /cannot start a container that has stopped/ })
  await t.rejects(container.kill(), { code: 'ERR_STATE_STATUS', message: /container not running/ })
})

t.test('of two starts at once one wins and the program runs once', skip, async t => {
  const { runtime, bundle, rootfs, configure, id } = makeBundle(t)
  configure(config => {
    config.root = { path: 'rootfs', readonly: false }
    config.process.args = ['/bin/sh', '-c', 'echo ran >> /data/log; sleep 100']
  })
  const container = await runtime.create({ id: id(), bundle, stdio: 'ignore' })
  const results = await Promise.allSettled([container.start(), container.start()])
  t.strictSame(results.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
  await until(() => existsSync(`${rootfs}/data/log`) && readFileSync(`${rootfs}/data/log`, 'utf8') !== '')
  await sleep(100)
  t.equal(readFileSync(`${rootfs}/data/log`, 'utf8'), 'ran\n')
})

t.test('get and list find containers of another runtime object on the same directory', skip, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => (config.process.args = ['/bin/sh', '-c', 'sleep 0.2; exit 9']))
  await runtime.create({ id: id('a'), bundle, stdio: 'ignore' })
  const other = createRuntime({ root: runtime.root })
  t.strictSame(
    (await other.list()).map(container => container.id),
    [id('a')],
  )
  const found = await other.get(id('a'))
  await found.start()
  await found.wait()
  t.equal((await found.state()).status, 'stopped')
  await t.rejects(other.get(id('b')), { code: 'ERR_STATE_NOT_FOUND' })
})

t.test('delete with force is quiet about what is not there', skip, async t => {
  const { runtime, bundle, id } = makeBundle(t)
  const container = await runtime.create({ id: id(), bundle, stdio: 'ignore' })
  await container.delete()
  await container.delete({ force: true })
  await t.rejects(container.delete(), { code: 'ERR_STATE_NOT_FOUND' })
})

t.test('await using deletes a container that still runs', skip, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => (config.process.args = ['/bin/sleep', '100']))
  let pid = 0
  {
    await using container = await runtime.create({ id: id(), bundle, stdio: 'ignore' })
    await container.start()
    pid = container.pid
  }
  t.notOk(existsSync(`/proc/${pid}`))
  t.strictSame(await runtime.list(), [])
})

t.test('a timeout kills the whole tree', skip, async t => {
  const { runtime, bundle, configure } = makeBundle(t)
  configure(config => (config.process.args = ['/bin/sh', '-c', 'sleep 100 & sleep 100 & echo started; wait']))
  const result = await runtime.run({ bundle, timeout: 3000 })
  t.match(result, { timedOut: true, signal: 'SIGKILL', exitCode: null, stdout: 'started\n' })
})

t.test('an abort before, during and after create leaves nothing', skip, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => (config.process.args = ['/bin/sleep', '100']))
  await t.rejects(runtime.create({ id: id(), bundle, signal: AbortSignal.abort() }), { name: 'AbortError' })
  for (const delay of [0, 1, 2, 5, 10, 50]) {
    const controller = new AbortController()
    setTimeout(() => controller.abort(), delay)
    await t.rejects(runtime.run({ bundle, signal: controller.signal }), { name: 'AbortError' }, `after ${delay} ms`)
    t.strictSame(await runtime.list(), [])
  }
})

t.test('output beyond the limit ends the container', skip, async t => {
  const { runtime, bundle, configure } = makeBundle(t)
  configure(config => (config.process.args = ['/bin/yes']))
  const result = await runtime.run({ bundle, outputLimit: 10_000 })
  t.match(result, { outputTruncated: true, signal: 'SIGKILL' })
  t.equal(result.stdout.length, 10_000)
})

t.test('pipes are streams with back-pressure', skip, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => (config.process.args = ['/bin/sh', '-c', 'head -c 300000 /dev/zero; echo done >&2']))
  await using container = await runtime.create({ id: id(), bundle })
  await container.start()
  await sleep(200)
  t.equal((await container.state()).status, 'running', 'it waits for a reader')
  let bytes = 0
  for await (const chunk of container.stdout ?? []) bytes += (chunk as Uint8Array).length
  t.equal(bytes, 300_000)
  t.match(await container.wait(), { exitCode: 0 })
})

t.test('a terminal is one stream, with a size', skip, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => {
    config.process.terminal = true
    config.process.consoleSize = { height: 11, width: 22 }
    config.process.args = ['/bin/sh', '-c', 'tty; stty size; read line; stty size; echo "got $line"']
  })
  await using container = await runtime.create({ id: id(), bundle })
  t.strictSame([container.stdin, container.stdout, container.stderr], [null, null, null])
  await container.start()
  let output = ''
  container.terminal?.on('data', (chunk: Uint8Array) => (output += Buffer.from(chunk).toString()))
  await until(() => output.includes('11 22'))
  container.terminal?.resize({ rows: 33, columns: 44 })
  container.terminal?.write('word\n')
  t.match(await container.wait(), { exitCode: 0 })
  await until(() => output.includes('got word'))
  t.match(output, /\/dev\/(pts\/0|console)[\s\S]*11 22[\s\S]*33 44[\s\S]*got word/)
})

t.test('fifty containers at once', skip, async t => {
  const { runtime, bundle, configure } = makeBundle(t)
  configure(config => {
    config.process.args = ['/bin/sh', '-c', 'exit 4']
    delete config.linux.cgroupsPath
  })
  const results = await Promise.all(Array.from({ length: 50 }, () => runtime.run({ bundle })))
  t.ok(results.every(({ exitCode }) => exitCode === 4))
})

t.test('a hundred cycles leave no descriptor and no child', skip, async t => {
  const { runtime, bundle, id } = makeBundle(t)
  const cycle = async () => {
    const container = await runtime.create({ id: id(), bundle, stdio: 'ignore' })
    await container.start()
    await container.wait()
    await container.delete()
  }
  await cycle()
  const [fds, zombies] = [openFds(), children()]
  for (let i = 0; i < 100; i++) await cycle()
  t.ok(openFds() <= fds, 'no descriptor is left')
  t.equal(children(), zombies)
})

t.test('a thousand waits at once hold nothing', skip, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => (config.process.args = ['/bin/sleep', '100']))
  const container = await runtime.create({ id: id(), bundle, stdio: 'ignore' })
  await container.start()
  const waits = Array.from({ length: 1000 }, () => container.wait())
  const started = performance.now()
  await readdirLater()
  t.ok(performance.now() - started < 30_000, 'the thread pool is free')
  await container.kill('KILL')
  t.ok((await Promise.all(waits)).every(({ signal }) => signal === 'SIGKILL'))
})

async function readdirLater(): Promise<void> {
  const { readdir } = await import('node:fs/promises')
  await Promise.all(Array.from({ length: 8 }, () => readdir('/proc')))
}

t.test('plan says what create would do, and hides the environment', skip, async t => {
  const { runtime, bundle, configure } = makeBundle(t)
  configure(config => config.process.env?.push('SECRET=hunter2'))
  const plan = await runtime.plan(bundle)
  t.match(plan.toString(), /pivot_root[\s\S]*execve/)
  t.notMatch(plan.toString() + JSON.stringify(plan), 'hunter2')
  t.match((await runtime.plan(bundle, { showEnv: true })).toString(), 'hunter2')
  t.strictSame(await runtime.list(), [])
})

t.test('ids that are paths are refused before anything is made', skip, async t => {
  const { runtime, bundle } = makeBundle(t)
  for (const id of ['', '.', '..', '../x', 'a/b', 'a\0b', '.hidden', 'x'.repeat(1025)]) {
    const error = await runtime.create({ id, bundle }).catch((error: unknown) => error)
    t.ok(isTsrunError(error) && error.code === 'ERR_CONFIG_INVALID', JSON.stringify(id))
  }
})
