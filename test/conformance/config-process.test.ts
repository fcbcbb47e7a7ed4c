import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { makeBundle, type TestConfig } from '../bundle.js'
import { missing } from '../needs.js'
import { createError, createSleeper, invalid, lines } from './attempt.js'

const skip = { skip: missing('root', 'busybox') }

const processWith =
  (fields: Partial<TestConfig['process']>) =>
  (config: TestConfig): void => {
    Object.assign(config.process, fields)
  }

/** As the program gets it: a shell would add to it. */
async function environmentOf(t: Parameters<typeof makeBundle>[0], fields: Partial<TestConfig['process']>) {
  const { runtime, bundle, configure } = makeBundle(t)
  configure(processWith({ ...fields, args: ['/bin/cat', '/proc/self/environ'] }))
  const { stdout } = await runtime.run({ bundle })
  return stdout.split('\0').slice(0, -1)
}

t.test('config.md#process: cwd is where the process starts', skip, async t => {
  const { sh } = makeBundle(t)
  t.match(await sh('pwd; readlink /proc/self/cwd', processWith({ cwd: '/etc' })), { stdout: '/etc\n/etc\n' })
})

t.test('config.md#process: a missing cwd is made, with mode 0755', skip, async t => {
  const { sh, rootfs } = makeBundle(t)
  const { stdout } = await sh("pwd; stat -c '%a %u' . ..", config => {
    config.root = { path: 'rootfs' }
    config.process.cwd = '/data/not/yet'
    config.process.user = { uid: 1000, gid: 1000 }
  })
  t.equal(stdout, '/data/not/yet\n755 0\n755 0\n')
  t.ok(existsSync(`${rootfs}/data/not/yet`))
  t.match(await sh('pwd', processWith({ cwd: '/tmp/a/b' })), { stdout: '/tmp/a/b\n' }, 'in a mount')
})

t.test('config.md#process: a cwd may be entered that only root, or only the user, may enter', skip, async t => {
  const { sh, rootfs } = makeBundle(t)
  mkdirSync(`${rootfs}/data/private`, { mode: 0o700 })
  const user = { uid: 1000, gid: 1000 }
  t.match(await sh('pwd', processWith({ cwd: '/data/private', user })), { exitCode: 0, stdout: '/data/private\n' })
})

t.test('config.md#process: a cwd that is a link is resolved in the root', skip, async t => {
  const { sh, rootfs } = makeBundle(t)
  symlinkSync('../../../../etc', `${rootfs}/data/link`)
  t.match(await sh('readlink /proc/self/cwd', processWith({ cwd: '/data/link' })), { stdout: '/etc\n' })
})

t.test('config.md#process: a cwd that is no directory, or not absolute, is an error', skip, async t => {
  const bundle = makeBundle(t)
  t.match(await createError(bundle, processWith({ cwd: 'data' })), invalid('/process/cwd'))
  t.match(await createError(bundle, processWith({ cwd: '/etc/passwd' })), {
    code: 'ERR_LAUNCH_OP',
    configPath: '/process/cwd',
    errno: 'ENOTDIR',
  })
})

t.test('config.md#process: a cwd that leads out of the container by a descriptor is refused', skip, async t => {
  const bundle = makeBundle(t)
  for (const fd of readdirSync('/proc/self/fd')) {
    const error = await createError(bundle, processWith({ cwd: `/proc/self/fd/${fd}` }))
    t.ok(error instanceof Error, fd)
  }
})

t.test('config.md#process: the environment is exactly that of the configuration, and HOME', skip, async t => {
  const env = ['PATH=/bin', 'B=2', 'A=1', 'EMPTY=', 'EQUALS=a=b', 'LINES=one\ntwo', 'ÜNI=ß', 'lower.dot-dash=ok']
  t.strictSame(await environmentOf(t, { env }), [...env, 'HOME=/root'])
})

t.test('config.md#process: of several values of a name the last one wins', skip, async t => {
  const env = ['A=1', 'PATH=/bin', 'A=2', 'HOME=', 'A=3']
  t.strictSame((await environmentOf(t, { env })).sort(), ['A=3', 'HOME=/root', 'PATH=/bin'])
})

t.test('config.md#process: without an environment there is only HOME', skip, async t => {
  t.strictSame(await environmentOf(t, { env: [] }), ['HOME=/root'])
})

t.test('config.md#process: HOME is that of the user in the container, else "/", unless it is given', skip, async t => {
  const { sh } = makeBundle(t)
  const home = async (fields: Partial<TestConfig['process']>) => (await sh('echo $HOME', processWith(fields))).stdout
  t.equal(await home({}), '/root\n')
  t.equal(await home({ user: { uid: 1000, gid: 5 } }), '/home/user\n')
  t.equal(await home({ user: { uid: 77, gid: 77 } }), '/\n')
  t.equal(await home({ env: ['PATH=/bin', 'HOME=/given'] }), '/given\n')
})

t.test('config.md#process: a name is looked up in the PATH of the container', skip, async t => {
  const bundle = makeBundle(t)
  const { runtime, configure, rootfs } = bundle
  writeFileSync(`${rootfs}/data/tool`, '#!/bin/sh\necho "data $0 $*"\n', { mode: 0o755 })
  writeFileSync(`${rootfs}/etc/tool`, 'not executable', { mode: 0o644 })
  const run = (path: string | null, ...args: string[]) => {
    configure(processWith({ args, env: path === null ? [] : [`PATH=${path}`] }))
    return runtime.run({ bundle: bundle.bundle })
  }
  t.match(await run('/nowhere:/etc:/data:/bin', 'tool', 'x', 'y z'), { stdout: 'data /data/tool x y z\n' })
  t.match(await run('', '/data/tool'), { stdout: /^data/ }, 'a path needs no PATH')
  t.match(await createError(bundle, processWith({ args: ['tool'], env: ['PATH=/bin'] })), { errno: 'ENOENT' })
  t.match(await createError(bundle, processWith({ args: ['tool'], env: ['PATH=/etc'] })), { errno: 'EACCES' })
  t.match(await createError(bundle, processWith({ args: ['sh'], env: [] })), {
    code: 'ERR_LAUNCH_EXEC',
    configPath: '/process/args/0',
    message: /executable file not found in \$PATH/,
  })
})

t.test('config.md#process: a relative program is relative to cwd, and so is an empty part of PATH', skip, async t => {
  const bundle = makeBundle(t)
  const { runtime, configure, rootfs } = bundle
  mkdirSync(`${rootfs}/data/sub`)
  writeFileSync(`${rootfs}/data/sub/tool`, '#!/bin/sh\necho ran\n', { mode: 0o755 })
  for (const [program, path] of [
    ['sub/tool', '/bin'],
    ['./sub/tool', '/bin'],
    ['tool', '/bin:'],
  ] as const) {
    const cwd = program === 'tool' ? '/data/sub' : '/data'
    configure(processWith({ args: [program], env: [`PATH=${path}`], cwd }))
    t.match(await runtime.run({ bundle: bundle.bundle }), { stdout: 'ran\n' }, program)
  }
})

t.test('config.md#process: the arguments arrive as they are', skip, async t => {
  const { runtime, bundle, configure } = makeBundle(t)
  const args = ['/bin/cat', '/proc/self/cmdline', '-', '']
  configure(processWith({ args }))
  t.match(await runtime.run({ bundle }), { stdout: '/bin/cat\0/proc/self/cmdline\0-\0\0' })
})

t.test('config.md#process: args, env and cwd of the wrong kind are errors, all at once', skip, async t => {
  const bundle = makeBundle(t)
  const error = await createError(bundle, config => {
    Object.assign(config.process, { cwd: 7, args: [], env: ['A=1', 'novalue', '=x'], terminal: 'yes' })
  })
  t.match(error, invalid('/process/terminal', '/process/cwd', '/process/env/1', '/process/env/2', '/process/args'))
  t.match(await createError(bundle, processWith({ args: [''] })), { code: 'ERR_LAUNCH_EXEC' })
  t.match(await createError(bundle, processWith({ args: ['a\0b'] })), invalid('/process/args/0'))
  t.match(await createError(bundle, processWith({ env: ['A=\0'] })), invalid('/process/env/0'))
})

t.test('config.md#process: noNewPrivileges', skip, async t => {
  const { sh } = makeBundle(t)
  for (const noNewPrivileges of [true, false]) {
    const { stdout } = await sh('grep NoNewPrivs /proc/self/status', processWith({ noNewPrivileges }))
    t.equal(stdout, `NoNewPrivs:\t${noNewPrivileges ? 1 : 0}\n`)
  }
  const { stdout } = await sh('grep NoNewPrivs /proc/self/status', config => delete config.process.noNewPrivileges)
  t.equal(stdout, 'NoNewPrivs:\t0\n')
})

t.test('config.md#linux-process: oomScoreAdj is set if it is given, and left alone if not', skip, async t => {
  const { sh } = makeBundle(t)
  const show = 'cat /proc/self/oom_score_adj'
  t.match(await sh(show, processWith({ oomScoreAdj: 123 })), { stdout: '123\n' })
  t.match(await sh(show, processWith({ oomScoreAdj: 1000, user: { uid: 1000, gid: 1 } })), { stdout: '1000\n' })
  t.match(await sh(show), { stdout: readFileSync('/proc/self/oom_score_adj', 'utf8') })
  const error = await createError(makeBundle(t), processWith({ oomScoreAdj: 1001 }))
  t.match(error, invalid('/process/oomScoreAdj'))
})

t.test('config.md#process: a label that the kernel has no module for is an error', skip, async t => {
  const bundle = makeBundle(t)
  const hasSelinux = existsSync('/sys/fs/selinux/enforce')
  const hasAppArmor = existsSync('/sys/kernel/security/apparmor')
  const fault = { name: 'HostError', code: 'ERR_HOST_KERNEL' }
  const labelled = await createError(bundle, processWith({ selinuxLabel: 'system_u:system_r:svirt_lxc_net_t:s0' }))
  t.match(labelled, hasSelinux ? undefined : { ...fault, needs: /SELinux.*\/process\/selinuxLabel/ })
  const profiled = await createError(bundle, processWith({ apparmorProfile: 'nonsense' }))
  t.match(profiled, hasAppArmor ? { configPath: '/process/apparmorProfile' } : { ...fault, needs: /AppArmor/ })
})

t.test('config.md#process: it may be left out, and then there is nothing to start', skip, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(config => Object.assign(config, { process: undefined }))
  const container = await runtime.create({ id: id(), bundle, stdio: 'ignore' })
  t.equal((await container.state()).status, 'created')
  await t.rejects(container.start(), invalid('/process'))
  t.equal((await container.state()).status, 'created', 'nothing has changed')
})

t.test('config.md#process: no descriptor but those of the standard streams', skip, async t => {
  const { sh } = makeBundle(t)
  const { stdout } = await sh('ls /proc/self/fd')
  t.strictSame(lines(stdout), ['0', '1', '2', '3'], '3 is that of ls itself')
  const container = await createSleeper(makeBundle(t))
  await container.start()
  t.strictSame(readdirSync(`/proc/${container.pid}/fd`), ['0', '1', '2'])
})

t.test('config.md#process: the descriptors that the caller wants to hand on', skip, async t => {
  const { runtime, bundle, configure, directory } = makeBundle(t)
  const { openSync, closeSync } = await import('node:fs')
  writeFileSync(`${directory}/extra`, 'from the host')
  const fd = openSync(`${directory}/extra`, 'r')
  t.teardown(() => closeSync(fd))
  configure(processWith({ args: ['/bin/sh', '-c', 'cat <&3; echo; ls /proc/self/fd'] }))
  const { stdout } = await runtime.run({ bundle, extraFds: [fd] })
  t.equal(stdout, 'from the host\n0\n1\n2\n3\n4\n')
  t.equal(statSync(`${directory}/extra`).size, 13)
})
