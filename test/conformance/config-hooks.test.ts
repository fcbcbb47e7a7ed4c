import { chmodSync, existsSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { readState } from '../../lib/config/state.js'
import { makeBundle } from '../bundle.js'
import { missing } from '../needs.js'
import { createError, invalid, lines, namespaceOf } from './attempt.js'
import { bundleWithLog, eachKind, type HookInput, KINDS, type Kind, live } from './hooks.js'

const skip = { skip: missing('root', 'busybox') }

t.test('config.md#posix-platform-hooks: all kinds, in the order of the lifecycle and of the list', skip, async t => {
  const bundle = bundleWithLog(t)
  const { configure, script, log, read, runtime, id } = bundle
  const append = (text: string) => script(`echo ${text} >> ${log}/order`)
  configure(config => (config.hooks = eachKind(kind => [append(`${kind}-0`), append(`${kind}-1`)])))
  const both = (...kinds: Kind[]) => kinds.flatMap(kind => [`${kind}-0`, `${kind}-1`])
  const container = await runtime.create({ id: id(), bundle: bundle.bundle, stdio: 'ignore' })
  t.strictSame(lines(read('order')), both('prestart', 'createRuntime', 'createContainer'), 'create')
  await container.start()
  t.strictSame(lines(read('order')).slice(6), both('startContainer', 'poststart'), 'start')
  await container.kill('KILL')
  await container.wait()
  t.equal(lines(read('order')).length, 10, 'kill')
  await container.delete()
  t.strictSame(lines(read('order')).slice(10), both('poststop'), 'delete')
})

t.test('config.md#posix-platform-hooks: a container that is deleted unstarted had no start hooks', skip, async t => {
  const bundle = bundleWithLog(t)
  const { configure, script, log, read, runtime, id } = bundle
  configure(config => (config.hooks = eachKind(kind => [script(`echo ${kind} >> ${log}/order`)])))
  const container = await runtime.create({ id: id(), bundle: bundle.bundle, stdio: 'ignore' })
  await container.delete()
  t.strictSame(lines(read('order')), ['prestart', 'createRuntime', 'createContainer', 'poststop'])
})

t.test('runtime.md#state: hooks get the state on standard input, as it is at that time', skip, async t => {
  const bundle = bundleWithLog(t)
  const { configure, script, log, read } = bundle
  const annotations = { 'org.example.one': '1', 'two "quoted"\n': 'zwei €' }
  configure(config => {
    config.annotations = annotations
    config.hooks = eachKind(kind => [script(`cat > ${log}/${kind}`)])
  })
  const container = await live(bundle)
  const statuses = ['creating', 'creating', 'creating', 'created', 'running', 'stopped']
  for (const [index, kind] of KINDS.entries()) {
    const { pid, ...rest } = readState(read(kind))
    t.strictSame(
      { ...rest, annotations: { ...rest.annotations } },
      {
        ociVersion: '1.3.0',
        id: container.id,
        status: statuses[index],
        bundle: bundle.bundle,
        annotations,
      },
    )
    const seen = kind === 'createContainer' || kind === 'startContainer' ? 1 : container.pid
    t.equal(pid, kind === 'poststop' ? undefined : seen, `${kind} has the pid as its namespace counts`)
  }
})

/** tap puts its own variables into every program that Node starts. */
const withoutTap = (environ: string): string[] =>
  environ.split('\0').filter(entry => !/^(?:_TAPJS_.*|NODE_OPTIONS=.*)?$/s.test(entry))

t.test('config.md#posix-platform-hooks: the environment is exactly that of the hook', skip, async t => {
  const bundle = bundleWithLog(t)
  const { configure, log, read } = bundle
  const copy = (name: string, env: string[]): HookInput => ({
    path: '/bin/dd',
    args: ['dd', 'if=/proc/self/environ', `of=${log}/${name}`],
    env,
  })
  const env = ['Z=last', 'EMPTY=', 'A=a=b c', 'ONE=1']
  configure(config => (config.hooks = eachKind(kind => [copy(kind, env), copy(`${kind}-none`, [])])))
  await live(bundle)
  for (const kind of KINDS) {
    t.strictSame(withoutTap(read(kind)), env, kind)
    t.strictSame(withoutTap(read(`${kind}-none`)), [], kind)
  }
})

t.test('config.md#posix-platform-hooks: the arguments are exactly those of the hook', skip, async t => {
  const bundle = bundleWithLog(t)
  const { configure, log, read } = bundle
  const args = (kind: Kind) => ['sh', '-c', `printf '[%s]' "$0" "$@" > ${log}/${kind}`, 'a b', '', '$x', '"']
  configure(config => (config.hooks = eachKind(kind => [{ path: '/bin/sh', args: args(kind), env: ['PATH=/bin'] }])))
  await live(bundle)
  for (const kind of KINDS) t.equal(read(kind), '[a b][][$x]["]', kind)
})

t.test('config.md#posix-platform-hooks: the first argument need not be the path', skip, async t => {
  const bundle = bundleWithLog(t)
  const { configure, log, read } = bundle
  const hook = {
    path: '/bin/sh',
    args: ['other name', '-c', `cat /proc/$$/cmdline > ${log}/x; true`],
    env: ['PATH=/bin'],
  }
  configure(config => (config.hooks = { createRuntime: [hook] }))
  await live(bundle)
  t.match(read('x'), /^other name\0-c\0/)
})

t.test('config.md#posix-platform-hooks: without args there is the path alone', skip, async t => {
  const bundle = bundleWithLog(t)
  const { configure, log, read, rootfs } = bundle
  const outside = `${bundle.directory}/outside`
  writeFileSync(outside, `#!/bin/sh\necho "$0 $#" > ${log}/outside\n`, { mode: 0o755 })
  writeFileSync(`${rootfs}/inside`, `#!/bin/sh\necho "$0 $#" > ${log}/inside\n`, { mode: 0o755 })
  configure(config => (config.hooks = { createRuntime: [{ path: outside }], startContainer: [{ path: '/inside' }] }))
  await live(bundle)
  t.equal(read('outside'), `${outside} 0\n`)
  t.equal(read('inside'), '/inside 0\n')
})

t.test('config.md#posix-platform-hooks: each kind runs in its namespaces', skip, async t => {
  const bundle = bundleWithLog(t)
  const { configure, script, log, read, runtime, id } = bundle
  const files = ['mnt', 'uts', 'ipc', 'net', 'pid', 'cgroup']
  configure(config => {
    config.linux.namespaces?.push({ type: 'cgroup' })
    config.hooks = eachKind(kind => [
      script(`cd /proc/self/ns; for f in ${files.join(' ')}; do readlink $f; done > ${log}/${kind}`),
    ])
  })
  const container = await runtime.create({ id: id(), bundle: bundle.bundle, stdio: 'ignore' })
  const [inside, outside] = ([container.pid, 'self'] as const).map(pid => files.map(file => namespaceOf(pid, file)))
  await container.start()
  await container.delete({ force: true })
  for (const kind of ['prestart', 'createRuntime', 'poststart', 'poststop'])
    t.strictSame(lines(read(kind)), outside, kind)
  for (const kind of ['createContainer', 'startContainer']) t.strictSame(lines(read(kind)), inside, kind)
})

t.test('config.md#posix-platform-hooks: and in a user namespace as its root', skip, async t => {
  const bundle = bundleWithLog(t)
  const { configure, script, log, read, runtime, id } = bundle
  chmodSync(log, 0o777)
  chmodSync(bundle.directory, 0o755)
  configure(config => {
    config.linux.namespaces?.push({ type: 'user' })
    config.linux.uidMappings = config.linux.gidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }]
    const show = (kind: Kind) =>
      script(`{ readlink /proc/self/ns/user; id -u; grep CapEff /proc/self/status; } > ${log}/${kind}`)
    config.hooks = {
      createRuntime: [show('createRuntime')],
      createContainer: [show('createContainer')],
      startContainer: [show('startContainer')],
    }
  })
  const container = await runtime.create({ id: id(), bundle: bundle.bundle, stdio: 'ignore' })
  const inside = namespaceOf(container.pid, 'user')
  await container.start()
  t.equal(lines(read('createRuntime'))[0], namespaceOf('self', 'user'))
  for (const kind of ['createContainer', 'startContainer']) {
    const [namespace, uid, capabilities] = lines(read(kind))
    t.strictSame([namespace, uid], [inside, '0'], kind)
    t.notMatch(capabilities, /:\t0+$/, 'with capabilities')
  }
})

t.test(
  'config.md#posix-platform-hooks: one that does not read its input, or writes much, is no trouble',
  skip,
  async t => {
    const bundle = bundleWithLog(t)
    const { configure, script, log, read } = bundle
    configure(config => {
      config.annotations = { large: 'x'.repeat(300_000) }
      const noisy = script(
        `exec 0<&-; head -c 500000 /dev/zero; head -c 500000 /dev/zero >&2; echo done >> ${log}/done`,
      )
      config.hooks = eachKind(() => [noisy])
    })
    await live(bundle)
    t.equal(lines(read('done')).length, 6)
  },
)

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}

t.test('config.md#posix-platform-hooks: one that leaves a process behind does not hold up anything', skip, async t => {
  const bundle = bundleWithLog(t)
  const { configure, script, log, read } = bundle
  const leave = (name: string) => script(`sleep 60 & echo $! >> ${log}/${name}; touch ${log}/x`)
  configure(config => (config.hooks = { createRuntime: [leave('left')], createContainer: [leave('in-container')] }))
  t.teardown(() => {
    if (existsSync(`${log}/left`)) end(Number(read('left')))
  })
  const started = performance.now()
  await live(bundle)
  t.ok(performance.now() - started < 30_000)
  t.ok(existsSync(`${log}/x`))
})

t.test('config.md#posix-platform-hooks: what is known to be wrong is an error, all at once', skip, async t => {
  const error = await createError(makeBundle(t), config => {
    config.hooks = {
      prestart: [{ path: 'relative' }],
      createRuntime: [{ path: '/bin/true', timeout: 0 }],
      poststop: [{ path: '/bin/true' }, { path: '/bin/true', env: ['novalue'], timeout: -1 }],
    }
  })
  const paths = [
    '/hooks/prestart/0/path',
    '/hooks/createRuntime/0/timeout',
    '/hooks/poststop/1/env/0',
    '/hooks/poststop/1/timeout',
  ]
  t.match(error, invalid(...paths))
})
