/** Whatever a call is given, it is taken, or an error of tsrun's that says what is wrong. */
import { readdirSync } from 'node:fs'
import t, { type Test } from 'tap'
import { isTsrunError } from '../../lib/index.js'
import { doctor, Sandbox } from '../../lib/sandbox/index.js'
import { missing } from '../needs.js'

const skip = { skip: missing('root', 'libseccomp') }

const VALUES: readonly unknown[] = [
  ...[null, 0, -1.5, Number.NaN, 2n ** 70n, '', 'x\0y', 'nosuch', true, Symbol('s')],
  ...[[null], ['\0'], {}, { a: null }, () => {}],
]

const shown = (value: unknown): string =>
  typeof value === 'object' && value !== null ? `${value.constructor.name} ${JSON.stringify(value)}` : String(value)

type Call = (value: never) => unknown

/** Calls with each value, and tells those whose error is none of tsrun's. */
async function wrong(name: string, call: Call): Promise<string[]> {
  const found: string[] = []
  for (const value of VALUES) {
    try {
      const result = (await call(value as never)) as { [Symbol.asyncDispose]?(): Promise<void> } | undefined
      if (typeof result === 'object') await result?.[Symbol.asyncDispose]?.()
    } catch (error) {
      if (!isTsrunError(error)) found.push(`${name} ${shown(value)}: ${error}`)
    }
  }
  return found
}

/** The value as an option, and as all options. */
function each(name: string, options: readonly string[], call: (options: never) => unknown): Promise<string[]>[] {
  const own = options.map(option => wrong(`${name} ${option}`, (value: never) => call({ [option]: value } as never)))
  return [wrong(name, call), ...own]
}

const OF_START = ['cwd', 'envs', 'user', 'signal', 'nosuch']
const OF_RUN = ['input', 'onStdout', 'onStderr', 'timeoutMs', 'cpuMs', 'outputLimit', 'graceMs', ...OF_START]

async function report(t: Test, all: readonly Promise<string[]>[]): Promise<void> {
  t.same((await Promise.all(all)).flat(), [])
}

t.test('options of commands', skip, async t => {
  await using box = await Sandbox.create()
  const { commands } = box
  await report(t, [
    wrong('run', (value: never) => commands.run(value, { timeoutMs: 5000 })),
    ...each('run', OF_RUN, (options: never) => commands.run(['true'], options)),
  ])
  await report(t, [
    wrong('start', (value: never) => commands.start(value)),
    ...each('start', [...OF_START, 'ready', 'readyTimeoutMs'], (options: never) => commands.start(['true'], options)),
    ...each('ready', ['port', 'output', 'notify'], (ready: never) =>
      commands.start(['true'], { ready, readyTimeoutMs: 1000 }),
    ),
    ...each('pty', [...OF_START, 'rows', 'columns'], (options: never) => commands.pty(['true'], options)),
  ])
})

t.test('options of files, and of what becomes of a sandbox', skip, async t => {
  await using box = await Sandbox.create({ cwd: '/home/sandbox' })
  const { files } = box
  await files.write('there', 'x')
  const paths = ['read', 'readBytes', 'readStream', 'writeStream', 'list', 'stat', 'exists', 'mkdir', 'remove'] as const
  await report(t, [
    ...paths.map(name => wrong(name, (path: never) => (files[name] as Call)(path))),
    wrong('write', (data: never) => files.write('data', data)),
    wrong('write', (path: never) => files.write(path, 'data')),
    wrong('rename', (to: never) => files.rename('there', to)),
    wrong('rename', (from: never) => files.rename(from, 'x')),
    ...each('read', ['limit', 'nosuch'], (options: never) => files.read('/etc/passwd', options)),
    ...each('list', ['limit', 'signal', 'nosuch'], (options: never) => files.list('/', options)),
    ...each('remove', ['recursive', 'signal', 'nosuch'], (options: never) => files.remove('/x', options)),
    ...each('watch', ['signal', 'nosuch'], async (options: never) => {
      await files.watch('/etc', options).return()
    }),
    wrong('watch', async (path: never) => {
      await files.watch(path).return()
    }),
    wrong('diff', (path: never) => box.diff(path)),
    ...each('diff', ['signal', 'nosuch'], (options: never) => box.diff('/', options)),
    wrong('commit', (name: never) => box.commit(name)),
    ...each('commit', ['nosuch'], (options: never) => box.commit('x', options)),
    ...each('fork', ['signal', 'nosuch'], (options: never) => box.fork(options)),
    ...each('events', ['interval', 'signal', 'nosuch'], async (options: never) => {
      await box.events(options).return()
    }),
    ...each('doctor', ['signal', 'nosuch'], (options: never) => doctor(options)),
  ])
})

t.test('options of spawn', skip, async t => {
  await using box = await Sandbox.create()
  const NAMES = [
    'cwd',
    'env',
    'stdio',
    'shell',
    'uid',
    'gid',
    'timeout',
    'killSignal',
    'signal',
    'windowsHide',
    'nosuch',
  ]
  const ended = (child: ReturnType<Sandbox['spawn']>): Promise<unknown> =>
    new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
    })
  const notNode = (error: unknown): void => {
    if (typeof error !== 'object' || !/^E[A-Z]+$|ABORT_ERR/.test(String(Reflect.get(error as object, 'code'))))
      throw error
  }
  await report(t, [
    wrong('command', (command: never) => ended(box.spawn(command)).catch(notNode)),
    wrong('args', (args: never) => ended(box.spawn('true', args)).catch(notNode)),
    ...each('spawn', NAMES, (options: never) => ended(box.spawn('true', ['x'], options)).catch(notNode)),
    wrong('kill', (signal: never) => {
      const child = box.spawn('true')
      child.on('error', () => {})
      child.kill(signal)
    }),
  ])
})

const OF_SANDBOX = [
  ...['image', 'images', 'rootfs', 'host', 'mounts', 'network', 'limits', 'timeoutMs', 'envs', 'cwd', 'user'],
  ...['dieWithParent', 'profile', 'tracer', 'notify', 'minimum', 'signal', 'nosuch'],
]

t.test('options of a sandbox, and of a pool', skip, async t => {
  await (await Sandbox.create()).stop()
  const before = readdirSync('/run/tsrun-sandbox/boxes')
  const within = (option: string, names: readonly string[]) =>
    each(option, names, (value: never) => Sandbox.create({ [option]: value }))
  await report(
    t,
    each(
      'create',
      OF_SANDBOX.filter(name => name !== 'image'),
      (options: never) => Sandbox.create(options),
    ),
  )
  await report(t, [
    ...within('limits', ['memory', 'cpus', 'pids', 'disk', 'nosuch']),
    ...within('user', ['uid', 'gid']),
    ...within('profile', ['capabilities', 'seccomp', 'systemCalls', 'sockets', 'noNewPrivileges', 'pids', 'memory']),
    ...within('profile', ['disk', 'openFiles', 'nosuch']),
    ...within('network', ['allow', 'deny', 'onConnect', 'publish', 'gateway', 'cni', 'name', 'nosuch']),
    ...each('mounts[0]', ['source', 'volume', 'target', 'mode'], (mount: never) =>
      Sandbox.create({ mounts: [{ source: '/usr', target: '/x', ...(mount as object) }] }),
    ),
    ...each('pool', ['size', 'maximum', 'nosuch'], (options: never) =>
      Sandbox.pool({ size: 1, ...(options as object) }),
    ),
  ])
  await using pool = await Sandbox.pool({ size: 1 })
  await report(t, [
    ...each('take', ['signal', 'nosuch'], (options: never) => pool.take(options)),
    wrong('use', (act: never) => pool.use(act)),
  ])
  const left = readdirSync('/run/tsrun-sandbox/boxes').filter(name => !before.includes(name))
  t.ok(left.length <= 2, 'nothing of them is left, but what the pool has')
})
