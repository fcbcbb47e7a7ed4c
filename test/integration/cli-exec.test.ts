import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { makeBundle, type TestBundle } from '../bundle.js'
import { commandOn, execute, type Outcome, RUNNER, type Surroundings, TSRUN } from '../command.js'
import { missing } from '../needs.js'
import { until } from '../until.js'

const skip = { skip: missing('root', 'busybox', 'runc') }

type Run = (args: readonly string[], surroundings?: Surroundings) => Outcome

/** A container of tsrun and one of runc, from the same bundle, and the two commands. */
function both(t: Test): { test: TestBundle; id: string; commands: Readonly<Record<'tsrun' | 'runc', Run>> } {
  const test = makeBundle(t)
  test.configure(config => {
    config.process.args = ['/bin/sleep', '1000']
    config.ociVersion = '1.0.2'
    delete config.linux.cgroupsPath
  })
  const root = join(test.directory, 'runc')
  const runc: Run = (args, surroundings) => execute('runc', ['--root', root, ...args], surroundings)
  const commands = { tsrun: commandOn(test), runc }
  t.teardown(() => {
    runc(['delete', '--force', `${test.id()}-runc`])
  })
  t.equal(commands.tsrun(['run', '-d', '--bundle', test.bundle, `${test.id()}-tsrun`]).status, 0)
  t.equal(runc(['run', '-d', '--bundle', test.bundle, `${test.id()}-runc`]).status, 0)
  return { test, id: test.id(), commands }
}

/** What both say, without what is about the one or the other. */
function compare(t: Test, { id, commands }: ReturnType<typeof both>, words: readonly string[], input = ''): Outcome {
  const run = (name: 'tsrun' | 'runc') =>
    commands[name](
      words.map(word => (word === 'ID' ? `${id}-${name}` : word)),
      { input },
    )
  const [ours, theirs] = [run('tsrun'), run('runc')]
  t.equal(ours.status, theirs.status, `${words.join(' ')}: the status`)
  t.equal(ours.stdout, theirs.stdout, `${words.join(' ')}: the output`)
  return ours
}

t.test('exec does what it does with runc', skip, async t => {
  const pair = both(t)
  const sh = (command: string, ...flags: string[]) => compare(t, pair, ['exec', ...flags, 'ID', 'sh', '-c', command])
  t.match(sh('echo $0 $PATH; exit 7'), { status: 7 })
  t.match(sh('kill -9 $$'), { status: 137 })
  sh('echo $A $B; pwd', '-e', 'A=1', '-e', 'B=x y', '--cwd', '/bin')
  sh('id -u; id -g; id -G', '--user', '1000:1001', '-g', '7', '-g', '8')
  sh('id -u; id -g', '-u', '5')
  sh('grep -E "Cap(Prm|Eff|Bnd|Inh)|NoNew" /proc/self/status', '--cap', 'CAP_NET_ADMIN', '--no-new-privs')
  t.match(compare(t, pair, ['exec', 'ID', 'cat'], 'from stdin'), { stdout: 'from stdin' })
})

t.test('exec fails as it does with runc', skip, async t => {
  const pair = both(t)
  const fails = (words: readonly string[], stderr: RegExp, status = 255) =>
    t.match(compare(t, pair, words), { status, stderr })
  fails(['exec', 'ID', 'nonsense'], /exec failed: .*exec: .*nonsense.*: executable file not found in \$PATH/s)
  fails(['exec', '--cwd', '/no', 'ID', 'true'], /exec failed: .*no such file or directory/)
  fails(['exec', 'ID'], /exec failed: process args cannot be empty/)
  fails(['exec', 'other', 'true'], /exec failed: container does not exist/)
  t.match(pair.commands.tsrun(['exec', '--user', '0x0', `${pair.id}-tsrun`, 'true']), {
    status: 255,
    stderr: /invalid user/,
  })
  t.match(pair.commands.tsrun(['exec']), { status: 1, stderr: /exec.* requires a minimum of 1 argument/ })
  compare(t, pair, ['kill', 'ID', 'KILL'])
  for (const name of ['tsrun', 'runc'] as const) {
    await until(() => JSON.parse(pair.commands[name](['state', `${pair.id}-${name}`]).stdout).status === 'stopped')
  }
  fails(['exec', 'ID', 'true'], /exec failed: cannot exec in a stopped container/)
  fails(['pause', 'ID'], /container not running/, 1)
  fails(['update', '--pids-limit', '5', 'ID'], /container not running/, 1)
  fails(['events', '--stats', 'ID'], /is not running/, 1)
})

t.test('a detached exec of a process document leaves a pid file and a process', skip, async t => {
  const pair = both(t)
  const file = join(pair.test.directory, 'process.json')
  writeFileSync(
    file,
    JSON.stringify({ args: ['/bin/sleep', '77'], cwd: '/', env: ['PATH=/bin'], user: { uid: 5, gid: 6 } }),
  )
  for (const name of ['tsrun', 'runc'] as const) {
    const pidFile = join(pair.test.directory, `${name}.pid`)
    const id = `${pair.id}-${name}`
    t.match(pair.commands[name](['exec', '--process', file, '--detach', '--pid-file', pidFile, id]), { status: 0 })
    const pid = readFileSync(pidFile, 'utf8')
    t.match(pid, /^[0-9]+$/)
    // runc returns before its process has exec'd.
    await until(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8') === '/bin/sleep\u000077\u0000')
    t.ok(JSON.parse(pair.commands[name](['ps', '--format', 'json', id]).stdout).includes(Number(pid)))
    const table = pair.commands[name](['ps', id]).stdout
    for (const line of [/^UID +PID/, /sleep 1000\n/, /sleep 77\n/]) t.match(table, line)
    t.equal(table.trimEnd().split('\n').length, 3)
  }
})

t.test('pause and resume, with the words that callers look for', skip, async t => {
  const pair = both(t)
  t.match(compare(t, pair, ['resume', 'ID']), { status: 1, stderr: /container not paused/ })
  compare(t, pair, ['pause', 'ID'])
  t.match(compare(t, pair, ['exec', 'ID', 'true']), {
    status: 255,
    stderr: /exec failed: cannot exec in a paused container \(use --ignore-paused to override\)/,
  })
  compare(t, pair, ['resume', 'ID'])
  compare(t, pair, ['exec', 'ID', 'echo', 'back'])
})

t.test('update writes what runc writes', { skip: missing('root', 'busybox', 'runc', 'cgroup-v1') }, async t => {
  const pair = both(t)
  const values = (name: string) =>
    ['memory/ID/memory.limit_in_bytes', 'cpu/ID/cpu.shares', 'cpu/ID/cpu.cfs_quota_us', 'pids/ID/pids.max'].map(file =>
      readFileSync(`/sys/fs/cgroup/${file.replace('ID', cgroupOf(pair, name, file))}`, 'utf8'),
    )
  const agree = (words: readonly string[], input = '') => {
    t.match(compare(t, pair, words, input), { status: 0 })
    t.strictSame(values('tsrun'), values('runc'), words.join(' '))
  }
  agree(['update', '--memory', '64m', '--cpu-share', '333', '--pids-limit', '44', 'ID'])
  agree(['update', '--cpu-quota', '30000', '--memory', '1.5g', 'ID'])
  agree(['update', '--resources=-', 'ID'], '{"memory":{"limit":50331648},"cpu":{"shares":200}}')
  agree(['update', '--memory', '-1', 'ID'])
  t.match(compare(t, pair, ['update', '--memory', 'much', 'ID']), { status: 1, stderr: /invalid value for memory/ })
})

/** The path of a container's cgroup in the hierarchy of a file. */
function cgroupOf({ id, commands }: ReturnType<typeof both>, name: string, file: string): string {
  const { pid } = JSON.parse(commands[name as 'runc'](['state', `${id}-${name}`]).stdout) as { pid: number }
  const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8')
    .split('\n')
    .map(line => line.split(':'))
  return (lines.find(([, names]) => names === file.split('/')[0])?.[2] ?? '').slice(1)
}

t.test(
  'events have the shape that those of runc have',
  { skip: missing('root', 'busybox', 'runc', 'cgroup-v1') },
  async t => {
    const { id, commands } = both(t)
    const shape = (value: unknown): unknown =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.fromEntries(
            Object.entries(value)
              .filter(([key]) => key !== 'psi')
              .map(([key, inner]) => [key, shape(inner)]),
          )
        : Array.isArray(value)
          ? 'array'
          : typeof value
    const stats = (name: 'tsrun' | 'runc') => {
      const { status, stdout } = commands[name](['events', '--stats', `${id}-${name}`])
      t.equal(status, 0)
      t.match(stdout, /^\{"type":"stats","id":"[^"]*","data":\{.*\}\}\n$/)
      t.match(stdout, '"limit":9223372036854771712', 'all digits of no limit')
      const { cpu, memory, hugetlb, blkio, ...rest } = JSON.parse(stdout).data as Record<
        string,
        Record<string, unknown>
      >
      // Beside version 1, runc does not see what version 2 counts.
      t.type(hugetlb, 'object')
      // What is in it depends on whether a page had to be read from the disk.
      t.type(blkio, 'object')
      // What is 0 at the moment is left out: only what is there in any case can be compared.
      return shape({ ...rest, cpu: Object.keys(cpu ?? {}), memory: { ...memory, cache: 0 } })
    }
    t.strictSame(keysOf(stats('tsrun')), keysOf(stats('runc')))
    t.match(commands.tsrun(['events', '--interval', '0s', `${id}-tsrun`]), {
      status: 1,
      stderr: /duration interval must be greater than 0/,
    })
  },
)

const keysOf = (value: unknown): unknown =>
  typeof value === 'object' && value !== null
    ? Object.fromEntries(
        Object.entries(value)
          .map(([k, v]) => [k, k === 'raw' || k === 'usage' || k === 'kernel' || k === 'swap' ? 'object' : keysOf(v)])
          .sort(),
      )
    : value

t.test('an exec with a terminal passes it through', skip, async t => {
  const { id, test } = both(t)
  const line = `${RUNNER} ${TSRUN} --root ${test.runtime.root} exec -t ${id}-tsrun sh -c 'tty; exit 5'`
  const { status, stdout } = spawnSync('script', ['-qec', line, '/dev/null'], { encoding: 'utf8', input: '' })
  t.match(stdout, /\/dev\/pts\/0\r+\n/)
  t.equal(status, 5)
})

t.test('a detached exec is held by ptrace for the shim of containerd, and for nobody else', skip, async t => {
  const box = makeBundle(t)
  box.configure(config => (config.process.args = ['/bin/sleep', '100']))
  const [run, id] = [commandOn(box), box.id()]
  t.equal(run(['run', '-d', id]).status, 0)
  const words = [RUNNER, TSRUN, '--root', box.runtime.root, '--debug', 'exec', '--detach', id, 'true']
  const calledBy = (name: string): string => {
    const caller = join(box.directory, name)
    // The kernel calls a process by the name of its script. The second command keeps the shell from becoming the first one.
    writeFileSync(caller, '#!/bin/sh\n"$@"\nexit $?\n', { mode: 0o755 })
    const { status, stderr } = execute(caller, words)
    t.equal(status, 0, stderr)
    return stderr
  }
  t.match(calledBy('containerd-shim-runc-v2'), 'begins when this process has ended')
  t.notMatch(calledBy('conmon'), /begins when|may begin early/)
})
