/** Commands that are ready, files as streams, what happens to them, and what ends a command for its processor time. */
import t, { type Test } from 'tap'
import { type FileChange, Sandbox, type SandboxOptions } from '../../lib/sandbox/index.js'
import { missing } from '../needs.js'
import { STAY_BUSY } from '../until.js'

const skip = { skip: missing('root', 'busybox', 'libseccomp') }

async function make(t: Test, options: SandboxOptions = {}): Promise<Sandbox> {
  const box = await Sandbox.create({ cwd: '/home/sandbox', ...options })
  t.teardown(() => box.stop())
  return box
}

t.test('a command is handed out when it has said a word, which is still there to be read', skip, async t => {
  const box = await make(t)
  const command = 'printf "begin\\nlisten"; printf "ing\\nmore\\n"; sleep 1000'
  for (const output of ['listening', /^listening$/m]) {
    await using server = await box.commands.start(command, { ready: { output } })
    let text = ''
    for await (const chunk of server.stdout ?? []) {
      text += String(chunk)
      if (text.includes('more')) break
    }
    t.equal(text, 'begin\nlistening\nmore\n')
  }
})

t.test('or when somebody listens', { skip: missing('root', 'busybox', 'libseccomp', 'python3') }, async t => {
  const box = await make(t)
  const serve = ['python3', '-c', SERVE]
  await using server = await box.commands.start(serve, { ready: { port: 8123 } })
  t.ok(server.pid > 0)
  const client = 'import socket; print(socket.create_connection(("127.0.0.1", 8123)).recv(9).decode())'
  t.equal((await box.commands.run(['python3', '-c', client])).stdout, 'hello\n')
})

const SERVE = `
import socket, time
time.sleep(0.2)
s = socket.create_server(("0.0.0.0", 8123))
while True:
  s.accept()[0].send(b"hello")`

t.test('or when it says so to the socket of sd_notify', { skip: missing('root', 'libseccomp', 'python3') }, async t => {
  const box = await make(t, { notify: true })
  await using server = await box.commands.start(['python3', '-c', NOTIFY], { ready: { notify: true } })
  t.ok(server.pid > 0)
  t.same(
    (await box.diff('/run')).map(({ path }) => path),
    [],
  )
  const other = await make(t)
  await t.rejects(other.commands.start('true', { ready: { notify: true } }), { code: 'ERR_CONFIG_INVALID' })
})

const NOTIFY = `
import os, socket, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
for word in [b"STATUS=almost", b"READY=1"]:
  time.sleep(0.1)
  s.sendto(word, os.environ["NOTIFY_SOCKET"])
time.sleep(100)`

t.test('one that never is, is ended', skip, async t => {
  const box = await make(t)
  const none = (await box.stats()).pids?.current
  const ready = { port: 4321 }
  await t.rejects(box.commands.start('exit 4', { ready }), { message: /ended with 4 before it was ready/ })
  await t.rejects(box.commands.start('sleep 1000', { ready, readyTimeoutMs: 50 }), {
    message: /not ready within 50 ms/,
  })
  const gaveUp = new AbortController()
  const waiting = box.commands.start('sleep 1000', { ready: { output: 'x' }, signal: gaveUp.signal })
  gaveUp.abort(new Error('enough'))
  await t.rejects(waiting, { message: 'enough' })
  t.equal((await box.stats()).pids?.current, none)
  for (const wrong of [{}, { port: 0 }, { output: '' }, { port: 1, output: 'x' }, { notify: false }])
    await t.rejects(box.commands.start('true', { ready: wrong as never }), {
      code: 'ERR_CONFIG_INVALID',
      message: /ready/,
    })
})

t.test('files go in and out as streams', skip, async t => {
  const box = await make(t)
  async function* pieces() {
    for (let piece = 0; piece < 50; piece++) yield Buffer.alloc(100_000, piece)
    yield 'the end'
  }
  await box.files.write('deep/er/large', pieces())
  t.equal((await box.files.stat('deep/er/large')).size, 5_000_007)
  let size = 0
  for await (const chunk of await box.files.readStream('deep/er/large')) size += (chunk as Buffer).length
  t.equal(size, 5_000_007)
  async function* broken() {
    yield 'begun'
    throw new Error('the source is broken')
  }
  await t.rejects(box.files.write('half', broken()), { message: 'the source is broken' })
  t.equal(await box.files.read('half'), 'begun')
  await t.rejects(box.files.write('x', 5 as never), { code: 'ERR_CONFIG_INVALID', message: /data/ })
  await box.commands.run('ln -s /proc/1/oom_score_adj score; mkfifo fifo; ln -s /proc/self/root/etc/shadow out')
  for (const path of ['score', 'fifo', 'out', '.'])
    await t.rejects(box.files.readStream(path), { code: 'ERR_SYSTEM' }, path)
  for (const path of ['score', 'fifo', '.']) await t.rejects(box.files.writeStream(path), { code: 'ERR_SYSTEM' }, path)
})

t.test('what happens to files is told', skip, async t => {
  const box = await make(t)
  const over = new AbortController()
  const changes = box.files.watch('.', { signal: over.signal })
  const first = changes.next()
  await box.commands.run('echo x > made')
  t.same((await first).value, { type: 'appeared', path: '/home/sandbox/made' })
  await box.commands.run('mv made moved; rm moved; echo y > last')
  const seen: FileChange[] = []
  for await (const change of changes) {
    seen.push(change)
    if (change.path.endsWith('last')) break
  }
  t.match(
    seen.filter(({ type }) => type === 'gone').map(({ path }) => path),
    ['/home/sandbox/made', '/home/sandbox/moved'],
  )
  await box.files.write('one', 'x')
  const ofOne = box.files.watch('one', { signal: over.signal })
  const next = ofOne.next()
  await box.commands.run('echo more >> one')
  t.same((await next).value, { type: 'changed', path: '/home/sandbox/one' })
  const waiting = ofOne.next()
  over.abort(new Error('over'))
  await t.rejects(waiting, { message: 'over' })
  await t.rejects(box.files.watch('/none').next(), { code: 'ERR_SYSTEM', errno: 'ENOENT' })
  await t.rejects(box.files.watch('/proc').next(), { code: 'ERR_SYSTEM', errno: 'EPERM' })
})

t.test('processor time is that of all that a command has started', skip, async t => {
  const box = await make(t)
  const two = await box.commands.run(`echo begun; (${STAY_BUSY}) & (${STAY_BUSY}) & wait`, { cpuMs: 400 })
  t.match(two, { verdict: 'timeout', timedOut: true, stdout: 'begun\n', signal: 'SIGKILL' })
  t.ok((two.usage.cpuMs ?? 0) >= 400 && (two.usage.cpuMs ?? 0) < 3000, `${two.usage.cpuMs} ms`)
  t.match(await box.commands.run('exit 152', { cpuMs: 400 }), { verdict: 'exit', exitCode: 152, timedOut: false })
  t.match(await box.commands.run('sleep 0.5; echo idle', { cpuMs: 400 }), { verdict: 'ok', stdout: 'idle\n' })
  const signal = AbortSignal.timeout(100)
  await t.rejects(box.commands.run('sleep 1000', { cpuMs: 400, signal }), { name: 'TimeoutError' })
})
