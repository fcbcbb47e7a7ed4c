/** What a process with CAP_SYS_PTRACE gets hold of if it stops the helper of an exec: no more than the program is going to have. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { seccompProfile } from '../../lib/config/seccomp-profile.js'
import { makeBundle, type TestConfig } from '../bundle.js'
import { compileProgram } from '../compile-program.js'
import { missing } from '../needs.js'
import { until } from '../until.js'

const skip = { skip: missing('root', 'busybox', 'cc'), timeout: 120_000 }

const CAP_SYS_PTRACE = 1n << 19n
const WANTED = 5
/** Some thirty seconds: how many of them are caught is a matter of processors. */
const MOST_EXECS = 5000

interface Options {
  readonly terminal?: boolean
  readonly change?: (config: TestConfig) => void
}

/** A container that traces, and what it has told, in lines. */
async function tracing(t: Test, args: readonly string[], change: (config: TestConfig) => void = () => {}) {
  const { runtime, bundle, rootfs, configure, id } = makeBundle(t)
  compileProgram(readFileSync(new URL('./seizer.c', import.meta.url), 'utf8'), join(rootfs, 'seizer'))
  configure(config => {
    const names = ['CAP_SYS_PTRACE', 'CAP_KILL']
    config.process.args = ['/seizer', ...args]
    config.process.capabilities = { bounding: names, permitted: names, effective: names }
    change(config)
  })
  const container = await runtime.create({ id: id(), bundle, stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  container.stdout?.setEncoding('utf8').on('data', (some: string) => {
    text += some
  })
  await container.start()
  await until(() => text.startsWith('ready\n'))
  return { container, lines: () => text.split('\n').slice(1, -1) }
}

async function seizedIn(t: Test, { terminal = false, change }: Options): Promise<readonly string[]> {
  const { container, lines } = await tracing(t, [], change)
  const process = {
    ...{ args: ['/bin/true'], cwd: '/', terminal, user: { uid: 1000, gid: 1001 }, noNewPrivileges: false },
    capabilities: { bounding: ['CAP_KILL'] },
  }
  for (let count = 0; count < MOST_EXECS && lines().length < WANTED; count++) {
    const added = await container.exec(terminal ? { process } : { process, stdio: 'ignore' })
    added.terminal?.resume()
    await added.wait()
  }
  await container.delete({ force: true })
  return lines()
}

const numbers = (line: string, field: string): readonly string[] =>
  new RegExp(`${field}:\\t([^;]*)`).exec(line)?.[1]?.split('\t') ?? []

const CASES: Readonly<Record<string, Options>> = {
  'without a filter': {},
  'with a terminal': { terminal: true },
  'with limits that are set from outside': {
    change: ({ process }) => {
      process.rlimits = [{ type: 'RLIMIT_NOFILE', soft: 100, hard: 100 }]
    },
  },
  'with a filter that takes privileges': {
    change: ({ process, linux }) => {
      process.noNewPrivileges = false
      const { syscalls = [], ...profile } = seccompProfile()
      const traces = { names: ['ptrace'], action: 'SCMP_ACT_ALLOW' }
      linux.seccomp = { ...profile, syscalls: [...syscalls, traces] } as NonNullable<typeof linux.seccomp>
    },
  },
}

for (const [name, options] of Object.entries(CASES)) {
  t.test(`the helper of an exec is what the program is going to be before it can be traced, ${name}`, skip, async t => {
    const lines = await seizedIn(t, options)
    t.ok(lines.length >= WANTED, `${lines.length} helpers were seized`)
    for (const line of lines) {
      t.same(numbers(line, 'Uid'), ['1000', '1000', '1000', '1000'], line)
      t.same(numbers(line, 'Gid'), ['1001', '1001', '1001', '1001'])
      for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb']) t.equal(BigInt(`0x${numbers(line, set)[0]}`), 0n, set)
      t.equal(BigInt(`0x${numbers(line, 'CapBnd')[0]}`) & CAP_SYS_PTRACE, 0n)
      const open = [...line.matchAll(/fd (\d+) ([^;]*)/g)].filter(([, number]) => Number(number) > 2)
      // The one to this process, that to the parent that gives way, and the program that is looked for.
      for (const [, , target = ''] of open) t.match(target, /^socket:|^\/bin\/|^\/etc\/passwd$/, line)
      t.ok(open.length <= 3, line)
    }
  })
}

t.test('a process that ends while the container traces it is not in the way of delete', skip, async t => {
  const { container, lines } = await tracing(t, ['keep'])
  const added = await container.exec({ args: ['/bin/sleep', '1000'], stdio: 'ignore' })
  await until(() => lines().includes('kept'))
  await added.kill('SIGKILL')
  t.match(await added.wait(), { signal: 'SIGKILL' })
  await container.delete({ force: true })
  t.equal((await container.wait()).signal, 'SIGKILL')
})
