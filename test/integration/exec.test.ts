import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { createCommandRuntime } from '../../lib/for-command.js'
import type { Container, ExecOptions, ExecProcess } from '../../lib/index.js'
import { makeBundle, type TestConfig } from '../bundle.js'
import { missing } from '../needs.js'
import { AWAIT_SIGNALS, until } from '../until.js'

const skip = { skip: missing('root', 'busybox') }

/** A running container, and what a command in it says. */
async function running(t: Test, change: (config: TestConfig) => void = () => {}) {
  const made = makeBundle(t)
  made.configure(config => {
    config.process.args = ['/bin/sleep', '1000']
    change(config)
  })
  const container = await made.runtime.create({ id: made.id(), bundle: made.bundle, stdio: 'ignore' })
  await container.start()
  const sh = (command: string, options: ExecOptions = {}) =>
    outputOf(container, { args: ['/bin/sh', '-c', command], ...options })
  return { ...made, container, sh }
}

async function outputOf(container: Container, options: ExecOptions) {
  const process = await container.exec(options)
  process.stdin?.end()
  const [stdout, stderr, status] = await Promise.all([read(process.stdout), read(process.stderr), process.wait()])
  return { stdout, stderr, ...status }
}

/** The kernel takes a process out of its cgroup only a moment after its end. */
async function isAlone(container: Container): Promise<boolean> {
  const deadline = performance.now() + 30_000
  for (;;) {
    const pids = await container.processes()
    if (pids.length === 1 && pids[0] === container.pid) return true
    if (performance.now() > deadline) return false
    await sleep(5)
  }
}

async function read(stream: ExecProcess['stdout']): Promise<string> {
  let text = ''
  for await (const chunk of stream ?? []) text += Buffer.from(chunk as Uint8Array).toString()
  return text
}

t.test('exec runs a program with streams and tells its status', skip, async t => {
  const { sh } = await running(t)
  t.match(await sh('echo out; echo err >&2; exit 3'), {
    stdout: 'out\n',
    stderr: 'err\n',
    exitCode: 3,
    signal: null,
  })
  t.match(await sh('kill -9 $$'), { exitCode: null, signal: 'SIGKILL' })
})

t.test('the process is in the container: its namespaces, its cgroups, its root', skip, async t => {
  const { container, sh } = await running(t)
  const process = await container.exec({ args: ['/bin/sleep', '100'], stdio: 'ignore' })
  for (const name of ['pid', 'net', 'ipc', 'uts', 'mnt']) {
    t.equal(readlinkSync(`/proc/${process.pid}/ns/${name}`), readlinkSync(`/proc/${container.pid}/ns/${name}`), name)
  }
  const cgroups = (pid: number) => readFileSync(`/proc/${pid}/cgroup`, 'utf8')
  t.equal(cgroups(process.pid), cgroups(container.pid))
  t.match(await sh('hostname; ls /bin/sh'), { stdout: 'box\n/bin/sh\n' })
  await process.kill()
})

t.test('what is left out is taken from the container', skip, async t => {
  const { sh } = await running(t, config => {
    config.process.env = ['PATH=/bin', 'FIRST=1', 'SECOND=2']
    config.process.cwd = '/tmp'
    config.process.user = { uid: 1000, gid: 1001, additionalGids: [7] }
    config.process.rlimits = [{ type: 'RLIMIT_NOFILE', soft: 77, hard: 78 }]
    config.process.oomScoreAdj = 321
  })
  const show = 'echo $FIRST $SECOND; pwd; id -u; id -g; id -G; ulimit -n; cat /proc/self/oom_score_adj'
  t.match(await sh(show), { stdout: '1 2\n/tmp\n1000\n1001\n1001 7\n77\n321\n' })
  const options = { env: ['SECOND=other'], cwd: '/bin', user: { uid: 5, additionalGids: [8] } }
  t.match(await sh(show, options), { stdout: '1 other\n/bin\n5\n1001\n1001 7 8\n77\n321\n' })
})

t.test('a whole process can be given, which says everything but for limits and labels', skip, async t => {
  const { container } = await running(t, config => config.process.env?.push('FIRST=1'))
  const process = { args: ['/bin/sh', '-c', 'echo [$FIRST]; pwd'], cwd: '/data', env: ['PATH=/bin'] }
  t.match(await outputOf(container, { process }), { stdout: '[]\n/data\n' })
  t.match(await outputOf(container, { process: JSON.stringify(process) }), { stdout: '[]\n/data\n' })
})

t.test('privileges are those of the container, and capabilities that are added are not inheritable', skip, async t => {
  const { sh } = await running(t)
  const show = 'grep -E "Cap|NoNew" /proc/self/status'
  const before = (await sh(show)).stdout
  t.match(before, /CapInh:\t0+\n[\s\S]*NoNewPrivs:\t1/)
  const NET_ADMIN = 1n << 12n
  const after = (await sh(show, { capabilities: ['CAP_NET_ADMIN'] })).stdout
  const set = (text: string, name: string) => BigInt(`0x${new RegExp(`${name}:\\t(.*)`).exec(text)?.[1]}`)
  for (const name of ['CapPrm', 'CapEff', 'CapBnd']) t.equal(set(after, name), set(before, name) | NET_ADMIN, name)
  t.equal(set(after, 'CapInh'), 0n)
  t.equal(set(after, 'CapAmb'), 0n)
})

t.test(
  'the filter of the container holds for the process too',
  { skip: missing('root', 'busybox', 'libseccomp') },
  async t => {
    for (const noNewPrivileges of [true, false]) {
      const { sh } = await running(t, config => {
        config.process.noNewPrivileges = noNewPrivileges
        config.linux.seccomp = {
          defaultAction: 'SCMP_ACT_ALLOW',
          syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 28 }],
        }
      })
      t.match(await sh('mkdir /tmp/x'), { stderr: /No space left/, exitCode: 1 })
    }
  },
)

t.test('the process has no descriptor but its streams and what is passed', skip, async t => {
  const { sh } = await running(t)
  t.match(await sh('exec ls /proc/self/fd'), { stdout: /^0\n1\n2\n3\n$/ }, '3 is the directory that it reads')
  const fd = openSync('/proc/version', 'r')
  t.match(await sh('head -c 5 <&3', { extraFds: [fd] }), { stdout: 'Linux' })
  closeSync(fd)
})

t.test('a program that is not there is an error, not a status', skip, async t => {
  const { container } = await running(t)
  await t.rejects(container.exec({ args: ['nonsense'] }), {
    code: 'ERR_LAUNCH_EXEC',
    configPath: '/process/args/0',
    message: /exec: "nonsense": executable file not found in \$PATH/,
  })
  await t.rejects(container.exec({ args: ['/bin'] }), { code: 'ERR_LAUNCH_EXEC', message: /is a directory/ })
  await t.rejects(container.exec({ args: ['/bin/true'], cwd: '/no' }), { code: 'ERR_LAUNCH_OP', errno: 'ENOENT' })
  t.ok(await isAlone(container))
})

t.test('what can not be is told by its field', skip, async t => {
  const { container } = await running(t)
  const wrong: [ExecOptions, string][] = [
    [{}, '/process/args'],
    [{ args: [] }, '/process/args'],
    [{ args: ['true'], cwd: 'relative' }, '/process/cwd'],
    [{ args: ['true'], env: ['novalue'] }, '/process/env/0'],
    [{ args: ['true'], user: { uid: -1 } }, '/process/user/uid'],
    [{ args: ['true'], user: { uid: 0xffffffff } }, '/process/user/uid'],
    [{ args: ['true'], user: { uid: '1000' as unknown as number } }, '/process/user/uid'],
  ]
  for (const [options, path] of wrong) {
    await t.rejects(container.exec(options), { code: 'ERR_CONFIG_INVALID', issues: [{ path }] }, path)
  }
})

t.test('exec works in a created container, and in none that has ended', skip, async t => {
  const { runtime, bundle, id } = makeBundle(t)
  const container = await runtime.create({ id: id(), bundle, stdio: 'ignore' })
  t.match(await outputOf(container, { args: ['/bin/echo', 'early'] }), { stdout: 'early\n', exitCode: 0 })
  await container.start()
  await container.wait()
  await t.rejects(container.exec({ args: ['/bin/true'] }), {
    code: 'ERR_STATE_STATUS',
    message: 'cannot exec in a stopped container',
  })
})

t.test('to kill the process ends all that it has started, also what has left its session', skip, async t => {
  const { container } = await running(t)
  const command =
    'sleep 100 & (setsid sh -c "sleep 100 & setsid sleep 100 & wait" &) ; (sh -c "setsid sleep 100 &") ; sleep 100'
  const process = await container.exec({ args: ['/bin/sh', '-c', command], stdio: 'ignore' })
  await until(async () => (await container.processes()).length >= 7)
  t.equal(await process.kill(), true)
  t.match(await process.wait(), { signal: 'SIGKILL' })
  t.ok(await isAlone(container))
  t.equal(await process.kill(), false, 'there is nothing left to kill')
})

t.test('an abort ends the tree; one that comes early is thrown', skip, async t => {
  const { container } = await running(t)
  const controller = new AbortController()
  const args = ['/bin/sh', '-c', 'setsid sleep 100 & sleep 100']
  const process = await container.exec({ args, stdio: 'ignore', signal: controller.signal })
  await until(async () => (await container.processes()).length >= 3)
  controller.abort()
  t.match(await process.wait(), { signal: 'SIGKILL' })
  t.ok(await isAlone(container))
  await t.rejects(container.exec({ args, signal: controller.signal }), { name: 'AbortError' })
  const early = new AbortController()
  const launching = container.exec({ args, stdio: 'ignore', signal: early.signal })
  early.abort()
  await t.rejects(launching, { name: 'AbortError' })
  t.ok(await isAlone(container))
})

t.test('any other signal goes to the process alone', skip, async t => {
  const { container } = await running(t)
  const process = await container.exec({
    args: ['/bin/sh', '-c', `trap "exit 9" USR1; echo ready; ${AWAIT_SIGNALS}`],
  })
  await new Promise(resolve => process.stdout?.once('data', resolve))
  t.equal(await process.kill('USR1'), true)
  t.match(await process.wait(), { exitCode: 9 })
  await t.rejects(process.kill('NONSENSE'), { code: 'ERR_CONFIG_INVALID' })
})

t.test('a terminal is one stream, with a size, and the controlling one', skip, async t => {
  const { container } = await running(t)
  const process = await container.exec({
    args: ['/bin/sh', '-c', 'tty; read line; stty size; echo "got $line" >/dev/tty'],
    terminal: true,
  })
  t.strictSame([process.stdin, process.stdout, process.stderr], [null, null, null])
  let output = ''
  process.terminal?.on('data', (chunk: Uint8Array) => (output += Buffer.from(chunk).toString()))
  await until(() => output.includes('/dev/pts/0'))
  process.terminal?.resize({ rows: 33, columns: 44 })
  process.terminal?.write('word\n')
  t.match(await process.wait(), { exitCode: 0 })
  await until(() => output.includes('got word'))
  t.match(output, /33 44[\s\S]*got word/)
})

t.test("a cgroup below the container's can be joined", { skip: missing('root', 'busybox', 'cgroup-v1') }, async t => {
  const { container, sh } = await running(t)
  const lines = readFileSync(`/proc/${container.pid}/cgroup`, 'utf8')
    .trim()
    .split('\n')
    .map(line => line.split(':'))
  const own = lines.find(([, names]) => names === 'pids')?.[2] ?? ''
  mkdirSync(`/sys/fs/cgroup/pids${own}/below`)
  t.match(await sh('cat /proc/self/cgroup', { cgroup: { pids: 'below' } }), { stdout: `:pids:${own}/below\n` })
  await t.rejects(container.exec({ args: ['true'], cgroup: { pids: 'none' } }), { code: 'ERR_HOST_CGROUP' })
  await t.rejects(container.exec({ args: ['true'], cgroup: { pids: '../x' } }), { code: 'ERR_CONFIG_INVALID' })
  await t.rejects(container.exec({ args: ['true'], cgroup: { nonsense: 'below' } }), { code: 'ERR_CONFIG_INVALID' })
})

t.test(
  'exec joins the user namespace of a container',
  { skip: missing('root', 'busybox', 'user-namespaces') },
  async t => {
    const { container, sh } = await running(t, config => {
      config.linux.namespaces?.push({ type: 'user' })
      config.linux.uidMappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }]
      config.linux.gidMappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }]
    })
    t.match(await sh('id -u; cat /proc/self/uid_map'), { stdout: /^0\n +0 +100000 +65536\n$/ })
    const process = await container.exec({ args: ['/bin/sleep', '100'], user: { uid: 5 }, stdio: 'ignore' })
    t.match(readFileSync(`/proc/${process.pid}/status`, 'utf8'), /Uid:\t100005\t/)
    await process.kill()
  },
)

t.test('thirty at once, and a hundred in a row that leave nothing', skip, async t => {
  const { container, sh } = await running(t)
  const results = await Promise.all(Array.from({ length: 30 }, (_, index) => sh(`exit ${index}`)))
  t.strictSame(
    results.map(({ exitCode }) => exitCode),
    Array.from({ length: 30 }, (_, index) => index),
  )
  const open = () => readdirSync('/proc/self/fd').length
  const once = async () => (await container.exec({ args: ['/bin/true'], stdio: 'ignore' })).wait()
  await once()
  const before = open()
  for (let round = 0; round < 100; round++) await once()
  t.ok(open() <= before, 'no descriptor is left')
  t.equal(readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim().split(' ').length, 1, 'the init')
})

t.test('a program that outlives its caller does not begin before the caller ends', skip, async t => {
  const { runtime, container } = await running(t)
  const ofCommand = await createCommandRuntime({ root: runtime.root }).get(container.id)
  const process = await ofCommand.exec({
    args: ['/bin/sh', '-c', 'exit 3'],
    stdio: 'ignore',
    detached: true,
    outlivesCaller: true,
  })
  const deadline = performance.now() + 1000
  const state = () => /^State:\t(\S)/m.exec(readFileSync(`/proc/${process.pid}/status`, 'utf8'))?.[1]
  while (state() !== 't' && performance.now() < deadline) await sleep(5)
  await sleep(50)
  t.equal(state(), 't', 'stopped at its first instruction')
  await process.kill()
  t.match(await process.wait(), { signal: 'SIGKILL' })
})
