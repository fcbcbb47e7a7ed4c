import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { makeBundle, type TestConfig } from '../bundle.js'
import { missing } from '../needs.js'
import { createError, createSleeper, invalid } from './attempt.js'

const skip = { skip: missing('root', 'busybox') }

type Rlimits = NonNullable<TestConfig['process']['rlimits']>

const limiting =
  (...rlimits: Rlimits) =>
  (config: TestConfig): void => {
    config.process.rlimits = rlimits
  }

/** Names of the limits in the kernel's table, with values that a process without CAP_SYS_RESOURCE may set. */
const LIMITS: Readonly<Record<string, readonly [row: string, soft: number, hard: number]>> = {
  RLIMIT_CPU: ['Max cpu time', 100, 200],
  RLIMIT_FSIZE: ['Max file size', 1_000_000, 2_000_000],
  RLIMIT_DATA: ['Max data size', 50_000_000, 60_000_000],
  RLIMIT_STACK: ['Max stack size', 4_000_000, 5_000_000],
  RLIMIT_CORE: ['Max core file size', 0, 0],
  RLIMIT_RSS: ['Max resident set', 70_000_000, 80_000_000],
  RLIMIT_NPROC: ['Max processes', 1000, 2000],
  RLIMIT_NOFILE: ['Max open files', 100, 200],
  RLIMIT_MEMLOCK: ['Max locked memory', 1000, 2000],
  RLIMIT_AS: ['Max address space', 80_000_000, 90_000_000],
  RLIMIT_LOCKS: ['Max file locks', 10, 20],
  RLIMIT_SIGPENDING: ['Max pending signals', 30, 40],
  RLIMIT_MSGQUEUE: ['Max msgqueue size', 5000, 6000],
  RLIMIT_NICE: ['Max nice priority', 0, 0],
  RLIMIT_RTPRIO: ['Max realtime priority', 0, 0],
  RLIMIT_RTTIME: ['Max realtime timeout', 7000, 8000],
}

t.test('config.md#posix-process: every limit, as the kernel has it', skip, async t => {
  const entries = Object.entries(LIMITS)
  const { runtime, bundle, configure } = makeBundle(t)
  configure(config => {
    config.process.args = ['/bin/cat', '/proc/self/limits']
    config.process.rlimits = entries.map(([type, [, soft, hard]]) => ({ type: type as 'RLIMIT_CPU', soft, hard }))
  })
  const { stdout } = await runtime.run({ bundle })
  for (const [type, [row, soft, hard]] of entries) t.match(stdout, new RegExp(`^${row} +${soft} +${hard} `, 'm'), type)
})

t.test('config.md#posix-process: what is not listed is that of the caller', skip, async t => {
  const container = await createSleeper(makeBundle(t), limiting({ type: 'RLIMIT_NOFILE', soft: 50, hard: 60 }))
  const limitsOf = (pid: number | string) =>
    readFileSync(`/proc/${pid}/limits`, 'utf8')
      .split('\n')
      .filter(line => !line.includes('open files'))
  t.strictSame(limitsOf(container.pid), limitsOf('self'))
})

t.test('config.md#posix-process: the largest value is no limit', skip, async t => {
  const { bundle, configure, runtime, id } = makeBundle(t)
  configure(limiting({ type: 'RLIMIT_CPU', soft: 7, hard: 0 }))
  const path = `${bundle}/config.json`
  writeFileSync(path, readFileSync(path, 'utf8').replace('"hard":0', '"hard":18446744073709551615'))
  const container = await runtime.create({ id: id(), bundle, stdio: 'ignore' })
  t.match(readFileSync(`/proc/${container.pid}/limits`, 'utf8'), /^Max cpu time +7 +unlimited /m)
})

t.test('config.md#posix-process: the process has its limits from the first instruction on', skip, async t => {
  const { sh } = makeBundle(t)
  const { stdout } = await sh(
    'ulimit -n; ulimit -Hn; exec 100>/dev/null || echo',
    limiting({ type: 'RLIMIT_NOFILE', soft: 20, hard: 30 }),
  )
  t.match(stdout, /^20\n30\n/)
})

t.test('config.md#posix-process: limits too low for the runtime itself are not in its way', skip, async t => {
  for (const [type, soft] of [
    ['RLIMIT_NOFILE', 4],
    ['RLIMIT_NPROC', 1],
    ['RLIMIT_FSIZE', 0],
    ['RLIMIT_MEMLOCK', 0],
    ['RLIMIT_SIGPENDING', 0],
    ['RLIMIT_MSGQUEUE', 0],
    ['RLIMIT_CORE', 0],
  ] as const) {
    const { runtime, bundle, configure } = makeBundle(t)
    configure(config => {
      config.process.args = ['/bin/sh', '-c', 'exit 7']
      config.process.rlimits = [{ type, soft, hard: soft }]
    })
    t.match(await runtime.run({ bundle }), { exitCode: 7 }, type)
  }
})

t.test('config.md#posix-process: of a user other than root, whatever capabilities the runtime has', skip, async t => {
  const container = await createSleeper(makeBundle(t), config => {
    limiting({ type: 'RLIMIT_NOFILE', soft: 64, hard: 128 })(config)
    config.process.user = { uid: 1000, gid: 1001 }
  })
  t.match(readFileSync(`/proc/${container.pid}/limits`, 'utf8'), /^Max open files +64 +128 /m)
})

t.test('config.md#posix-process: a limit that nothing can be started under is an error of create', skip, async t => {
  const bundle = makeBundle(t)
  for (const soft of [0, 3]) {
    const error = await createError(bundle, limiting({ type: 'RLIMIT_NOFILE', soft, hard: 100 }))
    t.match(error, {
      name: 'ConfigError',
      code: 'ERR_CONFIG_UNSUPPORTED',
      issues: [{ path: '/process/rlimits/0/soft' }],
    })
  }
})

t.test('config.md#posix-process: a limit that execve can not do with is an error of start', skip, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  configure(limiting({ type: 'RLIMIT_AS', soft: 4096, hard: 4096 }))
  await using container = await runtime.create({ id: id(), bundle, stdio: 'ignore' })
  const error = await container.start().catch((error: unknown) => error)
  const { exitCode, signal } = await container.wait()
  // The kernel kills a process whose memory it can't lay out any more once execve(2) has gone past the point of no return.
  t.ok(error !== undefined || signal !== null, JSON.stringify({ exitCode, signal }))
})

t.test('config.md#posix-process: what is known to be wrong is an error that names it', skip, async t => {
  const bundle = makeBundle(t)
  const error = await createError(
    bundle,
    limiting(
      { type: 'RLIMIT_CPU', soft: 1, hard: 2 },
      { type: 'RLIMIT_NONSENSE' as 'RLIMIT_CPU', soft: 1, hard: 1 },
      { type: 'RLIMIT_CPU', soft: 1, hard: 2 },
      { type: 'RLIMIT_CORE', soft: 3, hard: 2 },
      { type: 'RLIMIT_DATA', soft: -1, hard: 1 },
    ),
  )
  const at = (index: number, field: string) => `/process/rlimits/${index}/${field}`
  t.match(error, invalid(at(1, 'type'), at(4, 'soft'), at(2, 'type'), at(3, 'soft')))
})

t.test('config.md#posix-process: a limit that may not be raised is an error that names it', skip, async t => {
  const error = await createError(makeBundle(t), limiting({ type: 'RLIMIT_NOFILE', soft: 10, hard: 4_000_000_000 }))
  t.match(error, { name: 'LaunchError', code: 'ERR_LAUNCH_OP', configPath: '/process/rlimits/0', errno: 'EPERM' })
})
