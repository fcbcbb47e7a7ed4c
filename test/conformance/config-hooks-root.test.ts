import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { missing } from '../needs.js'
import { lines, mountAt, until } from './attempt.js'
import { bundleWithLog, eachKind, KINDS, live } from './hooks.js'

const skip = { skip: missing('root', 'busybox') }
const filtering = { skip: missing('root', 'busybox', 'libseccomp') }

t.test('config.md#posix-platform-hooks: which root they see', skip, async t => {
  const bundle = bundleWithLog(t)
  const { configure, script, log, read, rootfs } = bundle
  writeFileSync(`${rootfs}/etc/mark`, '')
  configure(
    config =>
      (config.hooks = eachKind(kind => [
        script(`test -e /etc/mark && echo container > ${log}/${kind} || echo runtime > ${log}/${kind}`),
      ])),
  )
  await live(bundle)
  const roots = KINDS.map(kind => read(kind).trim())
  t.strictSame(roots, ['runtime', 'runtime', 'runtime', 'container', 'runtime', 'runtime'])
})

t.test('config.md#createcontainer-hooks: they find the root with its mounts where the bundle has it', skip, async t => {
  const bundle = bundleWithLog(t)
  const { configure, script, log, read, rootfs } = bundle
  configure(config => {
    config.hooks = {
      createRuntime: [script(`cat /proc/self/mountinfo > ${log}/outside`)],
      createContainer: [script(`cat /proc/self/mountinfo > ${log}/inside; touch ${rootfs}/tmp/made-by-hook`)],
      startContainer: [script(`ls /tmp/made-by-hook > ${log}/tmp`)],
    }
  })
  await live(bundle)
  t.equal(mountAt(read('inside'), rootfs).root.endsWith('/rootfs'), true)
  t.equal(mountAt(read('inside'), `${rootfs}/proc`).type, 'proc')
  t.equal(mountAt(read('inside'), `${rootfs}/tmp`).type, 'tmpfs')
  t.equal(read('tmp'), '/tmp/made-by-hook\n', 'it is the very root of the container')
  t.notMatch(read('outside'), rootfs, 'and nothing of it is seen on the host')
})

t.test('config.md#createcontainer-hooks: what they mount in the root is there', skip, async t => {
  const bundle = bundleWithLog(t)
  const { configure, script, log, read, rootfs } = bundle
  for (const rootfsPropagation of [undefined, 'shared', 'private', 'rslave'] as const) {
    configure(config => {
      if (rootfsPropagation !== undefined) config.linux.rootfsPropagation = rootfsPropagation
      const mount = script(`mount -t tmpfs by-hook ${rootfs}/data && touch ${rootfs}/data/x`)
      config.hooks = { createContainer: [mount], startContainer: [script(`cat /proc/self/mountinfo > ${log}/mounts`)] }
    })
    await live(bundle)
    t.equal(mountAt(read('mounts'), '/data').source, 'by-hook', String(rootfsPropagation))
    t.notMatch(readFileSync('/proc/self/mountinfo', 'utf8'), rootfs, 'and nowhere else')
  }
})

t.test('config.md#createcontainer-hooks: also if the root is not pivoted to', skip, async t => {
  const bundle = bundleWithLog(t)
  const { configure, script, log, read, rootfs, runtime, id } = bundle
  configure(config => {
    const show = script(`cat /proc/self/mountinfo > ${log}/mounts; ls / > ${log}/root`)
    config.hooks = { createContainer: [script(`mount -t tmpfs by-hook ${rootfs}/data`)], startContainer: [show] }
  })
  await using container = await runtime.create({ id: id(), bundle: bundle.bundle, stdio: 'ignore', noPivot: true })
  await container.start()
  t.equal(mountAt(read('mounts'), '/data').source, 'by-hook')
  t.strictSame(lines(read('root')), ['bin', 'data', 'dev', 'etc', 'proc', 'root', 'sys', 'tmp'])
})

t.test('config.md#prestart: a hook that enters the mount namespace of the pid can mount in the root', skip, async t => {
  const bundle = bundleWithLog(t)
  const { configure, script, log, read, rootfs } = bundle
  configure(config => {
    const enter = `pid=$(sed 's/.*"pid":\\([0-9]*\\).*/\\1/'); nsenter -t $pid -m mount -t tmpfs by-hook ${rootfs}/data`
    config.hooks = { prestart: [script(enter)], startContainer: [script(`cat /proc/self/mountinfo > ${log}/mounts`)] }
  })
  await live(bundle)
  t.equal(mountAt(read('mounts'), '/data').source, 'by-hook')
})

t.test(
  'config.md#posix-platform-hooks: in a user namespace whose root may not go to the bundle they run all the same',
  skip,
  async t => {
    const bundle = bundleWithLog(t)
    const { configure, script, log, read } = bundle
    chmodSync(log, 0o777)
    chmodSync(bundle.directory, 0o700)
    configure(config => {
      config.mounts = config.mounts.filter(({ source }) => source !== log)
      config.linux.namespaces?.push({ type: 'user' })
      config.linux.uidMappings = config.linux.gidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }]
      config.hooks = {
        createRuntime: [script(`echo ran > ${log}/createRuntime`)],
        createContainer: [script('test "$(id -u)" = 0')],
        startContainer: [script('test "$(id -u)" = 0')],
      }
    })
    await live(bundle)
    t.equal(read('createRuntime'), 'ran\n')
  },
)

t.test('config.md#startcontainer-hooks: what the image has there may do no more than the process', skip, async t => {
  const bundle = bundleWithLog(t)
  const { configure, script, log, read } = bundle
  chmodSync(log, 0o777)
  const show = (name: string) =>
    script(`id -u > ${log}/${name}; grep -E '^(Cap|NoNewPrivs)' /proc/self/status >> ${log}/${name}`)
  configure(config => {
    config.process.user = { uid: 1000, gid: 1000 }
    config.process.args = ['/bin/sh', '-c', `${show('process').args?.[2]}; sleep 100`]
    config.hooks = { startContainer: [show('hook')] }
  })
  const container = await bundle.runtime.create({ id: bundle.id(), bundle: bundle.bundle, stdio: 'ignore' })
  await container.start()
  await until(async () => existsSync(`${log}/process`) && read('process').includes('NoNewPrivs'))
  t.match(read('hook'), /^1000\nCapInh/)
  t.equal(read('hook'), read('process'))
})

for (const noNewPrivileges of [true, false]) {
  const how = noNewPrivileges ? 'with noNewPrivileges' : 'without noNewPrivileges'

  t.test(`config.md#startcontainer-hooks: they run under the filter, ${how}`, filtering, async t => {
    const { configure, script, bundle, runtime, id, log } = bundleWithLog(t)
    configure(config => {
      config.process.noNewPrivileges = noNewPrivileges
      config.linux.seccomp = {
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO' }],
      }
      config.hooks = {
        createContainer: [script(`mkdir ${log}/before`)],
        startContainer: [script(`mkdir ${log}/after`)],
      }
    })
    const container = await runtime.create({ id: id(), bundle, stdio: 'ignore' })
    await t.rejects(container.start(), { name: 'HookError', hook: 'startContainer', stderr: /Operation not permitted/ })
    t.strictSame(readdirSync(log), ['before'])
  })
}

t.test('config.md#posix-platform-hooks: where they begin', skip, async t => {
  const bundle = bundleWithLog(t)
  const { configure, script, log, read, rootfs } = bundle
  configure(config => {
    config.process.cwd = '/data'
    config.hooks = eachKind(kind => [script(`pwd > ${log}/${kind}`)])
  })
  await live(bundle)
  const inBundle = `${bundle.bundle}\n`
  t.strictSame(
    KINDS.map(kind => read(kind)),
    [inBundle, inBundle, `${rootfs}\n`, '/data\n', inBundle, inBundle],
  )
})

t.test('config.md#poststop: it runs also if the bundle is gone', skip, async t => {
  const { configure, script, log, read, runtime, bundle, id } = bundleWithLog(t)
  configure(config => (config.hooks = { poststop: [script(`pwd > ${log}/poststop`)] }))
  const container = await runtime.create({ id: id(), bundle, stdio: 'ignore' })
  await container.start()
  await container.kill('KILL')
  await container.wait()
  rmSync(bundle, { recursive: true })
  await container.delete()
  t.equal(read('poststop'), '/\n')
})
