import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { readState } from '../../lib/config/state.js'
import { makeBundle, type TestConfig } from '../bundle.js'
import { missing } from '../needs.js'
import { lines, until } from './attempt.js'
import { type HookInput, KINDS, type Kind } from './hooks.js'

const skip = { skip: missing('root', 'busybox') }

/** A bundle with hooks of every kind that write their names to a list, and another one added. */
function bundleWithHooks(t: Parameters<typeof makeBundle>[0]) {
  const bundle = makeBundle(t)
  const log = `${bundle.directory}/log`
  mkdirSync(log)
  const script = (text: string): HookInput => ({
    path: '/bin/sh',
    args: ['sh', '-c', text],
    env: ['PATH=/bin:/usr/bin'],
  })
  const configure = (kind: Kind, hook: HookInput) =>
    bundle.configure(config => {
      config.process.args = ['/bin/sleep', '100']
      config.mounts.push({ destination: log, source: log, options: ['bind'] })
      const hooks = Object.fromEntries(
        KINDS.map(each => [
          each,
          [script(`cat > ${log}/state; cat ${log}/state > ${log}/${each}; echo ${each} >> ${log}/ran`)],
        ]),
      )
      hooks[kind]?.unshift(hook)
      config.hooks = hooks
    })
  const ran = (): string[] => (existsSync(`${log}/ran`) ? lines(readFileSync(`${log}/ran`, 'utf8')) : [])
  const create = () => bundle.runtime.create({ id: bundle.id(), bundle: bundle.bundle, stdio: 'ignore' })
  return { ...bundle, log, warnings: bundle.log, script, configure, ran, create }
}

type HookBundle = ReturnType<typeof bundleWithHooks>

const isAlive = (pid: number): boolean =>
  existsSync(`/proc/${pid}`) && !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
const pidIn = (path: string): number => Number(readFileSync(path, 'utf8'))

/** Nothing is left of the container: no state, and an id that can be used again. */
async function checkGone(t: Parameters<typeof makeBundle>[0], { runtime, id }: HookBundle) {
  t.strictSame(await runtime.list(), [], 'no container is left')
  await t.rejects(runtime.get(id()), { code: 'ERR_STATE_NOT_FOUND' })
}

for (const [index, kind] of (['prestart', 'createRuntime', 'createContainer'] as const).entries()) {
  t.test(
    `runtime.md#lifecycle: a ${kind} hook that fails is an error of create, which leaves nothing`,
    skip,
    async t => {
      const bundle = bundleWithHooks(t)
      const { configure, script, log, ran, create } = bundle
      const failing = script(`sed 's/.*"pid":\\([0-9]*\\).*/\\1/' > ${log}/pid; echo 'what went wrong' >&2; exit 3`)
      configure(kind, failing)
      const error = await create().catch((error: unknown) => error)
      t.match(error, {
        name: 'HookError',
        code: 'ERR_HOOK_EXIT',
        hook: kind,
        index: 0,
        exitCode: 3,
        signal: null,
        stderr: 'what went wrong\n',
        message: new RegExp(`${kind} hook #0: /bin/sh \\(/hooks/${kind}/0\\): exit status 3, stderr: what went wrong`),
      })
      t.strictSame(ran(), [...KINDS.slice(0, index), 'poststop'], 'no later hook runs, but poststop does')
      t.match(readState(readFileSync(`${log}/state`, 'utf8')), { status: 'stopped', pid: undefined })
      // A hook in the container is told the pid that the container sees.
      const pid =
        kind === 'createContainer' ? readState(readFileSync(`${log}/prestart`, 'utf8')).pid : pidIn(`${log}/pid`)
      t.ok(pid !== undefined && pid > 1 && !isAlive(pid), 'its process is gone')
      await checkGone(t, bundle)
    },
  )
}

for (const [kind, before] of [
  ['startContainer', KINDS.slice(0, 3)],
  ['poststart', KINDS.slice(0, 4)],
] as const) {
  t.test(
    `runtime.md#lifecycle: a ${kind} hook that fails is an error of start, and the container is destroyed`,
    skip,
    async t => {
      const bundle = bundleWithHooks(t)
      const { configure, script, ran, create } = bundle
      configure(kind, script('exit 4'))
      const container = await create()
      await t.rejects(container.start(), {
        name: 'HookError',
        code: 'ERR_HOOK_EXIT',
        hook: kind,
        index: 0,
        exitCode: 4,
      })
      t.match(await container.wait(), { signal: 'SIGKILL' }, 'it is stopped')
      t.strictSame(ran(), [...before, 'poststop'])
      await checkGone(t, bundle)
    },
  )
}

t.test('runtime.md#lifecycle: the program has not run if a startContainer hook fails', skip, async t => {
  const bundle = bundleWithHooks(t)
  const { script, log, create } = bundle
  bundle.configure('startContainer', script('exit 1'))
  const path = `${bundle.bundle}/config.json`
  const config = JSON.parse(readFileSync(path, 'utf8')) as TestConfig
  config.process.args = ['/bin/touch', `${log}/program`]
  writeFileSync(path, JSON.stringify(config))
  const container = await create()
  await t.rejects(container.start(), { name: 'HookError' })
  await container.wait()
  t.notOk(existsSync(`${log}/program`))
})

t.test('runtime.md#lifecycle: a poststop hook that fails is a warning, and the others run', skip, async t => {
  const bundle = bundleWithHooks(t)
  const { configure, script, ran, create } = bundle
  configure('poststop', script('echo sorry >&2; exit 5'))
  const container = await create()
  await container.delete()
  t.equal(ran().at(-1), 'poststop')
  t.match(bundle.warnings, [
    { level: 'warning', id: container.id, message: /poststop hook #0: .*exit status 5, stderr: sorry/ },
  ])
  await checkGone(t, bundle)
})

t.test('runtime.md#lifecycle: poststop hooks run once, also when delete is forced', skip, async t => {
  const bundle = bundleWithHooks(t)
  const { configure, script, ran, create } = bundle
  configure('poststart', script('true'))
  const container = await create()
  await container.start()
  await container.delete({ force: true })
  await container.delete({ force: true })
  t.equal(ran().filter(kind => kind === 'poststop').length, 1)
})

t.test(
  'runtime.md#lifecycle: a program that can not be executed any more leaves a stopped container, hooks or not',
  skip,
  async t => {
    const bundle = bundleWithHooks(t)
    const { configure, script, ran, create, rootfs } = bundle
    configure('poststart', script('true'))
    const container = await create()
    rmSync(`${rootfs}/bin/sleep`)
    await t.rejects(container.start(), { name: 'LaunchError', code: 'ERR_LAUNCH_EXEC', errno: 'ENOENT' })
    await container.wait()
    t.equal((await container.state()).status, 'stopped')
    t.notOk(ran().includes('poststart'))
    await container.delete()
    t.equal(ran().at(-1), 'poststop')
  },
)

for (const kind of ['createRuntime', 'createContainer', 'startContainer'] as const) {
  t.test(
    `config.md#posix-platform-hooks: a ${kind} hook that runs past its timeout is killed, with its children`,
    skip,
    async t => {
      const bundle = bundleWithHooks(t)
      const { configure, script, ran, create } = bundle
      configure(kind, { ...script('sleep 51 & sleep 52'), timeout: 1 })
      const started = performance.now()
      const error = await create()
        .then(container => container.start())
        .catch((error: unknown) => error)
      t.match(error, { name: 'HookError', code: 'ERR_HOOK_TIMEOUT', hook: kind, index: 0, message: /timeout of 1 s/ })
      const elapsed = performance.now() - started
      t.ok(elapsed >= 1000 && elapsed < 30_000, `after ${elapsed} ms`)
      t.strictSame(sleepers(), [])
      t.equal(ran().at(-1), 'poststop')
      await checkGone(t, bundle)
    },
  )
}

/** Processes of this test that still sleep. */
function sleepers(): string[] {
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim().split(' ').filter(Boolean)
  return children.filter(pid => isAlive(Number(pid)) && /^sleep\0?5/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8')))
}

t.test('config.md#posix-platform-hooks: one within its timeout is not disturbed', skip, async t => {
  const { configure, script, ran, create } = bundleWithHooks(t)
  configure('createRuntime', { ...script('sleep 0.1'), timeout: 60 })
  const container = await create()
  t.ok(ran().includes('createContainer'))
  await container.delete()
})

t.test('config.md#posix-platform-hooks: a program that is missing, or no program, is an error', skip, async t => {
  const bundle = bundleWithHooks(t)
  writeFileSync(`${bundle.directory}/data`, 'not executable', { mode: 0o644 })
  for (const kind of ['createRuntime', 'createContainer'] as const) {
    for (const [path, message] of [
      ['/nowhere/hook', /ENOENT|no such file/],
      [`${bundle.directory}/data`, /EACCES|permission denied/],
      [bundle.directory, /EACCES|is a directory/],
    ] as const) {
      bundle.configure(kind, { path })
      const error = await bundle.create().catch((error: unknown) => error)
      t.match(error, { name: 'HookError', code: 'ERR_HOOK_EXIT', hook: kind, index: 0, message }, `${kind} ${path}`)
      await checkGone(t, bundle)
    }
  }
  bundle.configure('startContainer', { path: `${bundle.directory}/data` })
  const container = await bundle.create()
  await t.rejects(container.start(), { name: 'HookError', hook: 'startContainer' }, 'its path is that in the container')
})

t.test('config.md#posix-platform-hooks: one that a signal ends has failed', skip, async t => {
  const bundle = bundleWithHooks(t)
  for (const kind of ['createRuntime', 'createContainer'] as const) {
    bundle.configure(kind, bundle.script('kill -TERM $$; sleep 1'))
    const error = await bundle.create().catch((error: unknown) => error)
    // A process number 1 of a pid namespace could ignore it; a hook is never that.
    t.match(error, { name: 'HookError', exitCode: null, signal: 'SIGTERM', message: /killed by SIGTERM/ }, kind)
  }
})

t.test('config.md#posix-platform-hooks: the last part of what a hook says on standard error is kept', skip, async t => {
  const bundle = bundleWithHooks(t)
  for (const kind of ['createRuntime', 'createContainer'] as const) {
    bundle.configure(kind, bundle.script('head -c 200000 /dev/zero | tr "\\0" x >&2; echo THE END >&2; exit 1'))
    const error = (await bundle.create().catch((error: unknown) => error)) as { stderr: string }
    t.ok(error.stderr.endsWith('xTHE END\n'), kind)
    t.ok(error.stderr.length > 60_000 && error.stderr.length <= 65_536, `${error.stderr.length} bytes`)
  }
})

for (const kind of ['createRuntime', 'createContainer'] as const) {
  t.test(
    `runtime.md#create: cancelled while a ${kind} hook runs, the hook is killed and nothing is left`,
    skip,
    async t => {
      const bundle = bundleWithHooks(t)
      const { configure, script, log, runtime, id } = bundle
      configure(kind, script(`echo > ${log}/begun; exec sleep 53`))
      const controller = new AbortController()
      const creating = runtime.create({ id: id(), bundle: bundle.bundle, stdio: 'ignore', signal: controller.signal })
      await Promise.all([
        t.rejects(creating, { name: 'AbortError' }),
        until(() => existsSync(`${log}/begun`)).then(() => controller.abort()),
      ])
      t.strictSame(sleepers(), [])
      await checkGone(t, bundle)
    },
  )
}
