/** `sandbox.spawn`, as code that was written for node:child_process uses it. */
import { type ChildProcess, spawn as nodeSpawn } from 'node:child_process'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { Sandbox } from '../../lib/sandbox/index.js'
import { missing } from '../needs.js'

const skip = { skip: missing('root', 'busybox', 'libseccomp') }

async function spawnIn(t: Test): Promise<typeof nodeSpawn> {
  const box = await Sandbox.create()
  t.teardown(() => box.stop())
  return box.spawn as unknown as typeof nodeSpawn
}

/** All that the events and streams of a child tell. */
async function told(child: ChildProcess) {
  const events: unknown[][] = []
  for (const name of ['spawn', 'exit', 'close']) child.on(name, (...values) => events.push([name, ...values]))
  child.on('error', (error: NodeJS.ErrnoException) => events.push(['error', error.code, error.syscall, error.name]))
  let [stdout, stderr] = ['', '']
  child.stdout?.on('data', (chunk: Buffer) => {
    stdout += chunk
  })
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk
  })
  await once(child, 'close').catch(() => once(child, 'close'))
  const { exitCode, signalCode, killed, spawnfile, spawnargs } = child
  return { events, stdout, stderr, exitCode, signalCode, killed, spawnfile, spawnargs, hasPid: child.pid !== undefined }
}

type Act = (spawn: typeof nodeSpawn) => ChildProcess

/** What a program does with a child, which Node's own tells the same of. */
const ACTS: Readonly<Record<string, Act>> = {
  'a status, and both outputs': spawn => spawn('sh', ['-c', 'echo out; echo err >&2; exit 3']),
  'input that is passed on': spawn => {
    const child = spawn('cat')
    child.stdin?.write('one ')
    child.stdin?.end('two')
    return child
  },
  'a command line of a shell': spawn => spawn('echo $((1 + 2)); exit 1', { shell: true }),
  'variables and a directory': spawn => spawn('sh', ['-c', 'echo $NAME; pwd'], { env: { NAME: 'value' }, cwd: '/usr' }),
  'a signal': spawn => {
    const child = spawn('sleep', ['1000'])
    child.once('spawn', () => child.kill())
    return child
  },
  'a time-out': spawn => spawn('sleep', ['1000'], { timeout: 100, killSignal: 'SIGINT' }),
  'streams that are not wanted': spawn => spawn('sh', ['-c', 'echo out; exit 2'], { stdio: 'ignore' }),
  'an abort': spawn => {
    const controller = new AbortController()
    const child = spawn('sleep', ['1000'], { signal: controller.signal })
    child.once('spawn', () => controller.abort())
    return child
  },
}

for (const [what, act] of Object.entries(ACTS)) {
  t.test(`${what}: as of Node`, skip, async t => {
    t.same(await told(act(await spawnIn(t))), await told(act(nodeSpawn)))
  })
}

t.test('a program that is not there is an error with the properties of Node’s', skip, async t => {
  const spawn = await spawnIn(t)
  const errors = await Promise.all(
    [spawn, nodeSpawn].map(async one => {
      const child = one('no-such-program', ['word'])
      const [error] = (await once(child, 'error')) as [NodeJS.ErrnoException & { spawnargs: string[] }]
      const { message, code, syscall, path, spawnargs } = error
      return { message, code, syscall, path, spawnargs, pid: child.pid }
    }),
  )
  t.same(errors[0], errors[1])
})

t.test('what nobody reads does not hold it back, and a killed one that has not begun ends', skip, async t => {
  const spawn = await spawnIn(t)
  const quiet = spawn('sh', ['-c', 'head -c 300000 /dev/zero; exit 0'])
  quiet.stdout?.once('readable', () => quiet.stdout?.resume())
  t.same(await once(quiet, 'close'), [0, null])
  const unread = spawn('echo', ['x'])
  t.same(await once(unread, 'close'), [0, null])
  const early = spawn('sleep', ['1000'])
  t.equal(early.kill(0), true, 'it lives')
  t.equal(early.killed, false)
  t.throws(() => early.kill('SIGNONE' as 'SIGTERM'), { code: 'ERR_CONFIG_INVALID' })
  t.equal(early.kill(15), true)
  t.same(await once(early, 'exit'), [null, 'SIGTERM'])
  t.equal(early.kill(), false)
})

t.test('large outputs are whole, and wait for who reads', skip, async t => {
  const spawn = await spawnIn(t)
  const child = spawn('head', ['-c', '20000000', '/dev/zero'])
  let size = 0
  for await (const chunk of child.stdout ?? []) size += (chunk as Buffer).length
  t.equal(size, 20_000_000)
})

t.test('what has no meaning here is an error', skip, async t => {
  const box = await Sandbox.create()
  t.teardown(() => box.stop())
  t.throws(() => box.spawn('true', [], { killSignal: 'SIGNONE' }), {
    code: 'ERR_CONFIG_INVALID',
    message: /killSignal/,
  })
  t.throws(() => box.spawn('true', null as never), { code: 'ERR_CONFIG_INVALID' })
  t.throws(() => box.spawn(''), { code: 'ERR_CONFIG_INVALID', message: /command/ })
  t.throws(() => box.spawn('true', { argv0: 'x' } as object), { code: 'ERR_CONFIG_INVALID', message: /argv0/ })
  t.throws(() => box.spawn('true', { stdio: ['pipe', 'pipe', 'pipe', 'ipc'] as never }), { code: 'ERR_CONFIG_INVALID' })
  t.throws(() => box.spawn('true', { stdio: 'ipc' as never }), { code: 'ERR_CONFIG_INVALID', message: /stdio\[0\]/ })
  t.throws(() => box.spawn('true', { uid: 3 }), { code: 'ERR_CONFIG_INVALID', message: /uid/ })
})
