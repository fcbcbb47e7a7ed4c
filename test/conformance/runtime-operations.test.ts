import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { makeBundle } from '../bundle.js'
import { missing } from '../needs.js'
import { createError, createSleeper, invalid, unifiedOnly, until } from './attempt.js'

const skip = { skip: missing('root', 'busybox') }

t.test('runtime.md#state: a container that is being created says so, and has its pid', skip, async t => {
  const { runtime, bundle, configure, id, directory } = makeBundle(t)
  const go = join(directory, 'go')
  const wait = `for i in $(seq 3000); do test -e ${go} && exit; sleep 0.01; done; exit 1`
  configure(config => {
    config.process.args = ['/bin/sleep', '100']
    config.hooks = { createRuntime: [{ path: '/bin/sh', args: ['sh', '-c', wait], env: ['PATH=/bin:/usr/bin'] }] }
  })
  const creating = runtime.create({ id: id(), bundle, stdio: 'ignore' })
  await until(async () => (await runtime.list()).some(({ pid }) => pid > 0))
  const seen = await (await runtime.get(id())).state()
  t.match(seen, { ociVersion: '1.3.0', id: id(), status: 'creating', bundle })
  writeFileSync(go, '')
  const container = await creating
  t.equal(seen.pid, container.pid)
  t.match(await container.state(), { status: 'created', pid: container.pid })
})

t.test('runtime.md#query-state: of a container that is not there it is an error', skip, async t => {
  await t.rejects(makeBundle(t).runtime.get('no-such-container'), {
    code: 'ERR_STATE_NOT_FOUND',
    message: 'container "no-such-container" does not exist',
  })
})

t.test('config.md#specification-version: every 1.x is accepted, a newer one with a warning', skip, async t => {
  for (const ociVersion of ['1.0.0', '1.0.2-dev', '1.3.0', '1.99.0']) {
    const bundle = makeBundle(t)
    const { exitCode } = await bundle.sh('true', config => {
      config.ociVersion = ociVersion
    })
    t.equal(exitCode, 0, ociVersion)
    const warnings = bundle.log.filter(({ message }) => message.startsWith('/ociVersion'))
    t.equal(warnings.length, ociVersion === '1.99.0' ? 1 : 0)
  }
})

t.test('config.md#specification-version: what is no version, or another one, is an error', skip, async t => {
  const refused = (ociVersion: string) =>
    createError(makeBundle(t), config => {
      config.ociVersion = ociVersion
    })
  for (const version of ['1', 'v1.0.0', '1.0.0.0', '01.0.0']) {
    t.match(await refused(version), invalid('/ociVersion'), version)
  }
  for (const version of ['0.5.0', '1.0.0-rc5', '2.0.0']) {
    t.match(await refused(version), {
      ...invalid('/ociVersion'),
      code: 'ERR_CONFIG_UNSUPPORTED',
      message:
        /^\/ociVersion: is not supported by this release: must be a version from 1\.0\.0 to below 2\.0\.0, but is/,
    })
  }
})

t.test('runtime.md#delete: a cgroup that was there before is there afterwards', skip, async t => {
  const bundle = makeBundle(t)
  const place = join('/sys/fs/cgroup', unifiedOnly() ? '' : 'pids', bundle.id('before'))
  mkdirSync(place)
  t.teardown(() => rmdirSync(place))
  const container = await createSleeper(bundle, config => {
    config.linux.cgroupsPath = `/${bundle.id('before')}`
  })
  await container.delete()
  t.ok(existsSync(place), 'that one is not ours')
  const other = await createSleeper(bundle)
  const made = join('/sys/fs/cgroup', unifiedOnly() ? '' : 'pids', bundle.id('before').replace(/-before$/, ''))
  t.ok(existsSync(made))
  await other.delete()
  t.notOk(existsSync(made), 'and this one is')
})

t.test('config-linux.md#pids: a limit of 0 is 0: nothing can be started any more', skip, async t => {
  const { stdout, stderr } = await makeBundle(t).sh('echo begins; /bin/true; echo unreached', config => {
    config.linux.resources = { pids: { limit: 0 } }
  })
  t.equal(String(stdout), 'begins\n')
  t.match(String(stderr), "can't fork")
})

t.test('config-linux.md#seccomp: an errno with an action that has none is an error', skip, async t => {
  const refused = await createError(makeBundle(t), config => {
    config.linux.seccomp = {
      defaultAction: 'SCMP_ACT_ALLOW',
      defaultErrnoRet: 1,
      syscalls: [{ names: ['mkdir'], action: 'SCMP_ACT_KILL', errnoRet: 38 }],
    }
  })
  t.match(refused, {
    ...invalid('/linux/seccomp/defaultErrnoRet', '/linux/seccomp/syscalls/0/errnoRet'),
    message: /must be absent with SCMP_ACT_KILL, which carries no errno, but is 38/,
  })
})

t.test('config-linux.md#seccomp: an errno with an action that has one is what the program gets', skip, async t => {
  const { stderr } = await makeBundle(t).sh('mkdir /tmp/x', config => {
    const syscalls = [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 28 }]
    config.linux.seccomp = { defaultAction: 'SCMP_ACT_ALLOW', syscalls }
  })
  t.match(String(stderr), 'No space left on device')
})

t.test('runtime.md#kill: a container that is created ends by a signal, as one that runs', skip, async t => {
  const { runtime, bundle, id } = makeBundle(t)
  for (const [signal, exitCode] of [
    ['TERM', 143],
    ['HUP', 129],
    ['USR1', 138],
  ] as const) {
    const container = await runtime.create({ id: id(signal), bundle, stdio: 'ignore' })
    await container.kill('SIGWINCH')
    t.match(await container.state(), { status: 'created' }, 'what ends nobody ends nothing')
    await container.kill(signal)
    t.match(await container.wait(), { exitCode })
    t.match(await container.state(), { status: 'stopped' })
  }
})

t.test('runtime.md#kill: SIGKILL reaches what a container without a pid namespace has left', skip, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => {
    config.process.args = ['/bin/sh', '-c', 'sleep 100 & sleep 100 & wait']
    config.linux.namespaces = config.linux.namespaces?.filter(({ type }) => type !== 'pid') ?? []
  })
  const container = await runtime.create({ id: id(), bundle, stdio: 'ignore' })
  await container.start()
  const all = async () => (await container.processes()).length
  await until(async () => (await all()) === 3)
  process.kill(container.pid, 'SIGKILL')
  await container.wait()
  t.match(await container.state(), { status: 'stopped' })
  t.equal(await all(), 2)
  await t.rejects(container.kill('TERM'), { code: 'ERR_STATE_STATUS' }, 'other signals are for the init')
  await container.kill('KILL')
  t.equal(await all(), 0)
  await t.rejects(container.kill('KILL'), { code: 'ERR_STATE_STATUS' }, 'and then there is nothing left')
})
