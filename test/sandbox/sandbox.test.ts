/** Sandboxes over this machine's programs, as root. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Sandbox, type SandboxOptions } from '../../lib/sandbox/index.js'
import { makeRootfs } from '../bundle.js'
import { missing } from '../needs.js'
import { until } from '../until.js'
import { makeSandbox } from './make-sandbox.js'

const skip = { skip: missing('root', 'busybox', 'libseccomp') }

function folder(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'tsrun-sandbox-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}

t.test('a command runs, and the verdict says how it ended', skip, async t => {
  const box = await makeSandbox(t)
  t.same(box.isolation, { level: 'full', missing: [] })
  const { stdout, stderr, ...ok } = await box.commands.run(['sh', '-c', 'echo out; echo err >&2; cat'], { input: 'in' })
  t.same([stdout, stderr], ['out\nin', 'err\n'])
  t.match(ok, { verdict: 'ok', exitCode: 0, signal: null, timedOut: false, truncated: false, oomKilled: false })
  t.ok((ok.usage.wallMs ?? -1) >= 0 && (ok.usage.cpuMs ?? -1) >= 0 && (ok.usage.peakMemory ?? 0) > 0)
  t.match(await box.commands.run('exit 7'), { verdict: 'exit', exitCode: 7 })
  t.match(await box.commands.run('kill -SEGV $$'), { verdict: 'signal', signal: 'SIGSEGV', exitCode: null })
  t.match(await box.commands.run('yes', { outputLimit: '64k' }), { verdict: 'output', truncated: true })
  t.match(await box.commands.run('sleep 1000', { timeoutMs: 100 }), { verdict: 'timeout', timedOut: true })
  t.match(await box.commands.run(['/bin/busybox', 'yes'], { cpuMs: 500, onStdout: () => {}, outputLimit: Infinity }), {
    verdict: 'timeout',
    timedOut: true,
  })
  await t.rejects(box.commands.run(['/no/such']), { code: 'ERR_LAUNCH_EXEC' })
})

t.test('memory has a limit, which ends a command and not the sandbox', skip, async t => {
  const box = await makeSandbox(t, { limits: { memory: '64M', pids: 20 } })
  const result = await box.commands.run(['dd', 'if=/dev/zero', 'of=/dev/null', 'bs=512M', 'count=1'])
  t.match(result, { verdict: 'memory', oomKilled: true })
  t.match(await box.commands.run('echo on'), { verdict: 'ok', stdout: 'on\n' })
  const { stderr } = await box.commands.run('for i in $(seq 50); do sleep 100 & done; exit 0', { timeoutMs: 5000 })
  t.match(stderr, /fork/i, 'so do processes')
})

t.test('a time-out ends all that a command has started', skip, async t => {
  const box = await makeSandbox(t)
  const before = (await box.stats()).pids?.current
  await box.commands.run('setsid sleep 1000 & (sleep 1000 &); sleep 1000', { timeoutMs: 200 })
  await until(async () => (await box.stats()).pids?.current === before, 'nothing of it is left')
  t.equal((await box.stats()).pids?.current, before)
})

t.test('output comes as it is said, and characters are whole', skip, async t => {
  const box = await makeSandbox(t)
  const told: string[] = []
  const { stdout } = await box.commands.run(String.raw`printf '\303'; sleep 0.2; printf '\244.'`, {
    onStdout: text => told.push(text),
  })
  t.equal(stdout, 'ä.')
  t.equal(told.join(''), 'ä.')
  t.notOk(told.some(text => text.includes('\ufffd')))
})

t.test('nobody inside has privileges, devices or the network', skip, async t => {
  const box = await makeSandbox(t)
  const { stdout } = await box.commands.run('cat /proc/self/status; ls /sys/class 2>&1; ls /sys/fs/cgroup 2>&1')
  for (const line of ['CapEff:\t0000000000000000', 'CapBnd:\t0000000000000000', 'NoNewPrivs:\t1', 'Seccomp:\t2'])
    t.match(stdout, line)
  t.match(stdout, 'Uid:\t1000\t1000')
  for (const command of [
    'unshare -Ur true',
    'unshare -m true',
    'mount -t tmpfs x /tmp',
    'mknod /tmp/sda b 8 0',
    'touch /usr/x',
  ]) {
    t.not((await box.commands.run(command)).exitCode, 0, command)
  }
  const { stdout: devices } = await box.commands.run('cat /proc/net/dev | grep -c :; ls /dev')
  t.match(devices, /^1\n/)
  t.notMatch(devices, /sda|mem|kmsg/)
  t.not((await box.commands.run('echo 1 > /proc/sysrq-trigger; echo 1 > /proc/sys/kernel/panic')).exitCode, 0)
})

t.test('mounts: read-only, read and write, and overlays that leave the source alone', skip, async t => {
  const directory = folder(t)
  for (const name of ['ro', 'rw', 'over']) {
    mkdirSync(join(directory, name))
    writeFileSync(join(directory, name, 'file'), name)
  }
  const mount = (name: string, mode: 'ro' | 'rw' | 'overlay') => ({
    source: join(directory, name),
    target: `/${name}`,
    mode,
  })
  const box = await makeSandbox(t, { mounts: [mount('over', 'overlay'), mount('ro', 'ro'), mount('rw', 'rw')] })
  const { stdout, stderr } = await box.commands.run(
    'pwd; for d in ro rw over; do cat /$d/file; echo changed > /$d/file; echo new > /$d/new; done; rm /over/new; mkdir /over/dir; echo x > /over/dir/x; true',
  )
  t.equal(stdout, '/over\nrorwover')
  t.match(stderr, /Read-only/)
  const content = (name: string) => readFileSync(join(directory, name, 'file'), 'utf8')
  t.same([content('ro'), content('rw'), content('over')], ['ro', 'changed\n', 'over'])
  t.same(readdirSync(join(directory, 'over')), ['file'])
  const told = (await box.diff('/over')).map(({ change, path }) => `${change} ${path}`)
  t.same(told, ['added /over/dir', 'added /over/dir/x', 'modified /over/file'])
  t.same(await box.diff('/ro'), [])
})

t.test('what is written to the root is told, and what was made to mount on is not', skip, async t => {
  const box = await makeSandbox(t, { user: { uid: 0, gid: 0 } })
  t.same(await box.diff(), [])
  await box.commands.run('echo x > /home/sandbox/made; rm /etc/hosts; mkdir /deep /deep/er')
  const told = (await box.diff()).map(({ change, kind, path }) => `${change} ${kind} ${path}`)
  t.same(told, [
    'added directory /deep',
    'added directory /deep/er',
    'deleted file /etc/hosts',
    'added file /home/sandbox/made',
  ])
  t.same(
    (await box.diff('/deep/er')).map(({ path }) => path),
    ['/deep/er'],
  )
})

t.test('files go in and out, and links lead nowhere else', skip, async t => {
  const box = await makeSandbox(t, { cwd: '/home/sandbox' })
  await box.files.write('a/b/c.txt', 'text')
  t.equal(await box.files.read('/home/sandbox/a/b/c.txt'), 'text')
  t.equal(
    (await box.commands.run('cat a/b/c.txt; echo more >> a/b/c.txt; stat -c %u a/b/c.txt a/b')).stdout,
    'text1000\n1000\n',
  )
  t.equal(await box.files.read('a/b/c.txt'), 'textmore\n')
  t.match(await box.files.list('a'), [{ name: 'b', kind: 'directory', uid: 1000 }])
  t.match(await box.files.stat('a/b/c.txt'), { kind: 'file', size: 9 })
  await box.files.rename('a/b/c.txt', 'a/d')
  t.same([await box.files.exists('a/d'), await box.files.exists('a/b/c.txt')], [true, false])
  await t.rejects(box.files.remove('a'), { code: 'ERR_SYSTEM', errno: 'ENOTEMPTY' })
  await box.files.remove('a', { recursive: true })
  t.notOk(await box.files.exists('a'))
  await t.rejects(box.files.read('/usr/bin/env', { limit: 10 }), { code: 'ERR_SYSTEM', errno: 'EFBIG' })
})

t.test('a hostile tree gets nothing of the host, and nothing of the kernel', skip, async t => {
  const directory = folder(t)
  writeFileSync(join(directory, 'secret'), 'of the host')
  const box = await makeSandbox(t, { cwd: '/home/sandbox' })
  const out = '../'.repeat(20) + directory.slice(1)
  await box.commands.run(
    `ln -s ${directory} abs; ln -s ${out} rel; ln -s /proc/1/root root; ln -s /proc/1/oom_score_adj score; ln -s /proc/sys/kernel/panic panic; mkfifo fifo; ln -s loop loop; ln -s /dev/full full`,
  )
  for (const path of ['abs/secret', 'rel/secret', 'root/etc/passwd', `../../../..${directory}/secret`])
    await t.rejects(box.files.read(path), { code: 'ERR_SYSTEM', errno: /ENOENT|ELOOP|EPERM/ }, path)
  for (const path of ['score', 'panic', 'fifo', 'loop', 'full', '/proc/1/mem', '/proc/self/x'])
    await t.rejects(box.files.write(path, '1'), { code: 'ERR_SYSTEM', errno: /ENXIO|ELOOP|EPERM/ }, path)
  await box.files.write('abs/made', 'x').catch(() => {})
  t.same(readdirSync(directory), ['secret'])
  symlinkSync('secret', join(directory, 'link'))
  await t.rejects(box.files.remove('/'), { code: 'ERR_SYSTEM' })
  await box.files.remove('abs')
  t.ok(existsSync(join(directory, 'secret')), 'a link is removed, not what it leads to')
})

t.test('background commands, terminals, pause and events', skip, async t => {
  const box = await makeSandbox(t)
  await using server = await box.commands.start(['cat'])
  server.stdin?.end('echo')
  let text = ''
  for await (const chunk of server.stdout ?? []) text += String(chunk)
  t.equal(text, 'echo')
  t.equal((await server.wait()).exitCode, 0)
  await using shell = await box.commands.pty('stty size; tty', { rows: 33, columns: 101 })
  let screen = ''
  shell.terminal?.on('data', (chunk: Buffer) => {
    screen += chunk.toString()
  })
  await shell.wait()
  t.match(screen, /33 101\r\n\/dev\/pts\/0/)
  await box.pause()
  await t.rejects(box.commands.run('true'), { code: 'ERR_STATE_STATUS' })
  await box.resume()
  t.match(await box.commands.run('true'), { verdict: 'ok' })
})

t.test('a sandbox has a time-out of its own', skip, async t => {
  const box = await makeSandbox(t, { timeoutMs: 700 })
  t.match(await box.commands.run('sleep 1000'), { verdict: 'timeout', timedOut: true })
  await until(() => box.hasEnded)
  await t.rejects(box.commands.run('true'), { code: 'ERR_STATE_STATUS', message: /time-out/ })
  await t.rejects(box.files.read('/etc/passwd'), { code: 'ERR_STATE_STATUS' })
  await box.stop()
})

t.test('layers as a root are shared, and what is written stays in the sandbox', skip, async t => {
  const directory = folder(t)
  makeRootfs(join(directory, 'root'))
  const options: SandboxOptions = { rootfs: join(directory, 'root'), limits: { disk: '1M' }, user: { uid: 0, gid: 0 } }
  const [one, two] = [await makeSandbox(t, options), await makeSandbox(t, options)]
  await one.commands.run('echo one > /which')
  await two.commands.run('echo two > /which')
  t.same([await one.files.read('/which'), await two.files.read('/which')], ['one\n', 'two\n'])
  t.match(await one.commands.run('dd if=/dev/zero of=/big bs=1024 count=4000'), { verdict: 'exit', stderr: /No space/ })
  t.notOk(existsSync(join(directory, 'root/which')))
})

t.test('what is wrong with an option is told by its name', skip, async t => {
  const wrong: readonly [unknown, RegExp][] = [
    [{ imagine: 1 }, /imagine: must be one of/],
    [{ network: 'all' }, /network: must be "none", "host"/],
    [{ limits: { memory: 'much' } }, /limits\.memory/],
    [{ limits: { cpus: 0 } }, /limits\.cpus/],
    [{ mounts: [{ source: '/tmp', target: 'work' }] }, /mounts\[0\]\.target/],
    [{ mounts: [{ source: '/tmp', target: '/work', mode: 'copy' }] }, /mounts\[0\]\.mode/],
    [{ rootfs: '/srv', host: ['/usr'] }, /host: must be absent/],
    [{ timeoutMs: -1 }, /timeoutMs/],
    [{ minimum: 'some' }, /minimum/],
    [null, /options: must be an object/],
    [{ limits: null }, /limits: must be an object/],
    [{ profile: 5 }, /profile: must be an object/],
    [{ mounts: {} }, /mounts: must be an array/],
    [{ host: '/usr' }, /host: must be an array of paths/],
    [{ rootfs: [] }, /rootfs: must be a directory, or/],
    [{ envs: ['A=1'] }, /envs/],
    [{ cwd: 'work' }, /cwd: must be an absolute path/],
    [{ user: { uid: -1, gid: 0 } }, /user: must be \{ uid, gid \}/],
    [{ image: '' }, /image/],
    [{ images: {} }, /images/],
    [{ tracer: {} }, /tracer/],
    [{ signal: {} }, /signal: must be an AbortSignal/],
    [{ notify: 1 }, /notify/],
  ]
  for (const [options, message] of wrong)
    await t.rejects(
      Sandbox.create(options as SandboxOptions),
      { code: 'ERR_CONFIG_INVALID', message },
      JSON.stringify(options),
    )
  await t.rejects(Sandbox.create({ mounts: [{ source: '/no/such', target: '/x' }] }), {
    code: 'ERR_CONFIG_INVALID',
    message: /mounts\[0\]\.source.*\/no\/such \(ENOENT\)/,
  })
  const box = await makeSandbox(t)
  await t.rejects(box.commands.run('true', null as never), { code: 'ERR_CONFIG_INVALID', message: /options/ })
  await t.rejects(box.commands.run([]), { code: 'ERR_CONFIG_INVALID' })
  await t.rejects(box.commands.run('true', { timeout: 5 } as never), { code: 'ERR_CONFIG_INVALID', message: /timeout/ })
})

t.test('nothing is left of it', skip, async t => {
  const before = new Set(readdirSync('/run/tsrun-sandbox/boxes'))
  const box = await Sandbox.create({ mounts: [{ source: folder(t), target: '/work', mode: 'overlay' }] })
  await box.commands.run('mkdir closed; touch closed/file; chmod 0 closed; sleep 1000 &')
  await box.stop()
  await box.stop()
  t.notOk(readdirSync('/run/tsrun-sandbox/boxes').includes(box.id))
  t.notOk(readdirSync('/run/tsrun-sandbox/state').includes(box.id))
  t.notMatch(readFileSync('/proc/self/mountinfo', 'utf8'), box.id)
  t.ok(before.size >= 0)
})
