import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { createRuntime } from '../../lib/index.js'
import { makeBundle, type TestBundle } from '../bundle.js'
import { compileProgram } from '../compile-program.js'
import { missing } from '../needs.js'

const skip = { skip: missing('root', 'busybox') }

/** Looks until it is so, for 10 s. */
async function until(isSo: () => boolean | Promise<boolean>): Promise<boolean> {
  for (let tries = 0; tries < 500; tries++) {
    if (await isSo()) return true
    await sleep(20)
  }
  return false
}

const script = ({ configure }: TestBundle, text: string) =>
  configure(config => (config.process.args = ['/bin/sh', '-c', text]))

t.test('init: the exit status of the program is that of the container', skip, async t => {
  const made = makeBundle(t)
  for (const code of [0, 7, 134, 255]) {
    script(made, `exit ${code}`)
    t.match(await made.runtime.run({ bundle: made.bundle, init: true }), { exitCode: code, signal: null })
  }
})

t.test('init: a program that calls abort() is told by SIGABRT', { skip: missing('root', 'busybox', 'cc') }, async t => {
  const made = makeBundle(t)
  compileProgram('#include <stdlib.h>\nint main(void) { abort(); }', join(made.rootfs, 'bin/aborts'))
  made.configure(config => (config.process.args = ['/bin/aborts']))
  t.match(await made.runtime.run({ bundle: made.bundle }), { signal: 'SIGSEGV' }, 'without one')
  t.match(await made.runtime.run({ bundle: made.bundle, init: true }), { exitCode: null, signal: 'SIGABRT' })
})

t.test('init: any signal that ends the program is told as such, to others who wait too', skip, async t => {
  const made = makeBundle(t)
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGKILL']) {
    script(made, `kill -${signal.slice(3)} $$; sleep 100`)
    const container = await made.runtime.create({ id: made.id(), bundle: made.bundle, stdio: 'ignore', init: true })
    const other = await createRuntime({ root: made.runtime.root }).get(made.id())
    await container.start()
    t.match(await container.wait(), { exitCode: null, signal })
    t.match(await other.wait(), { exitCode: null, signal })
    await container.delete()
  }
})

t.test('init: signals are passed on, and what ends without a parent is reaped', skip, async t => {
  const made = makeBundle(t)
  // The first shell's children end after it, one after the other.
  script(
    made,
    `trap 'echo got TERM; exit 3' TERM; sh -c 'for i in 1 2 3 4 5; do (sleep 0.01 &) ; done'; echo ready; for i in $(busybox seq 400); do sleep 0.05; done`,
  )
  const container = await made.runtime.create({
    id: made.id(),
    bundle: made.bundle,
    stdio: ['ignore', 'pipe', 'ignore'],
    init: true,
  })
  let said = ''
  container.stdout?.on('data', chunk => (said += chunk))
  await container.start()
  t.ok(await until(() => said.includes('ready')))
  const state = (pid: number) => /^State:\s+(\S)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  t.ok(await until(async () => (await container.processes()).length <= 3))
  for (const pid of await container.processes()) if (existsSync(`/proc/${pid}`)) t.not(state(pid), 'Z')
  await container.kill('TERM')
  t.match(await container.wait(), { exitCode: 3 })
  t.ok(await until(() => said.includes('got TERM')))
})

t.test('init: the first process is not to be looked into, and holds nothing but what it needs', skip, async t => {
  const made = makeBundle(t)
  made.configure(config => {
    config.process.args = [
      '/bin/sh',
      '-c',
      'cat /proc/1/environ; ls -l /proc/1/exe; readlink /proc/1/fd/0; echo pid $$',
    ]
    config.process.user = { uid: 1000, gid: 1000 }
    config.process.capabilities = {}
  })
  const { stdout, stderr } = await made.runtime.run({ bundle: made.bundle, init: true })
  t.match(stderr, /environ/)
  t.notMatch(stdout, /PATH=/)
  t.match(stdout, /pid 2\n/)
  script(made, 'sleep 100')
  const container = await made.runtime.create({ id: made.id(), bundle: made.bundle, init: true })
  await container.start()
  t.ok(await until(async () => (await container.processes()).length > 1))
  t.equal(readdirSync(`/proc/${container.pid}/fd`).length, 1, 'the descriptor of its signals')
  t.match(readlinkSync(`/proc/${container.pid}/exe`), /memfd:tsrun-init/)
})

t.test('init: a program that is not there, or a filter without what it needs, is an error', skip, async t => {
  const made = makeBundle(t)
  writeFileSync(join(made.rootfs, 'bin/broken'), '#!/no/such/interpreter\n', { mode: 0o755 })
  made.configure(config => (config.process.args = ['/bin/broken']))
  await t.rejects(made.runtime.run({ bundle: made.bundle, init: true }), { code: 'ERR_LAUNCH_EXEC' })
  made.configure(config => {
    config.linux.namespaces = config.linux.namespaces?.filter(({ type }) => type !== 'pid') ?? []
  })
  for (const option of [{ init: true }, { dieWithParent: true }])
    await t.rejects(made.runtime.run({ bundle: made.bundle, ...option }), {
      code: 'ERR_CONFIG_INVALID',
      issues: [{ path: '/linux/namespaces' }],
    })
})

t.test(
  'init: a filter that refuses what it needs is told before the program',
  { skip: missing('root', 'busybox', 'libseccomp') },
  async t => {
    const made = makeBundle(t)
    made.configure(config => {
      config.linux.seccomp = {
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: [{ names: ['wait4'], action: 'SCMP_ACT_ERRNO', errnoRet: 1 }],
      }
    })
    await t.rejects(made.runtime.run({ bundle: made.bundle, init: true }), {
      code: 'ERR_LAUNCH_OP',
      op: 'reap',
      syscall: 'wait4',
      errno: 'EPERM',
    })
  },
)

t.test('init: keys of the terminal reach the program', skip, async t => {
  const made = makeBundle(t)
  made.configure(config => {
    config.process.terminal = true
    config.process.args = [
      '/bin/sh',
      '-c',
      `trap 'echo interrupted; read line; exit 9' INT; echo ready; for i in $(busybox seq 400); do sleep 0.05; done`,
    ]
  })
  const container = await made.runtime.create({ id: made.id(), bundle: made.bundle, init: true })
  let said = ''
  container.terminal?.on('data', chunk => (said += chunk))
  await container.start()
  t.ok(await until(() => said.includes('ready')))
  container.terminal?.write('\x03')
  // What it has written is read before it ends: the end of a session hangs up its terminal, and drops what is still on its way.
  t.ok(await until(() => said.includes('interrupted')))
  container.terminal?.write('\n')
  t.match(await container.wait(), { exitCode: 9 })
  t.equal(said.match(/interrupted/g)?.length, 1)
})

t.test('all but init can be killed', skip, async t => {
  const made = makeBundle(t)
  script(made, `sleep 100 & sleep 100 & (trap '' TERM; sleep 100) & wait; echo alone; exec sleep 100`)
  const container = await made.runtime.create({
    id: made.id(),
    bundle: made.bundle,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  let said = ''
  container.stdout?.on('data', chunk => (said += chunk))
  await container.start()
  t.ok(await until(async () => (await container.processes()).length >= 4))
  await container.kill('KILL', { all: 'but-init' })
  t.ok(await until(() => said.includes('alone')))
  t.same(await container.processes(), [container.pid])
  t.equal((await container.state()).status, 'running')
})
