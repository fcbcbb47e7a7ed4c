/** Words of runc that suites of tests and people look for. */
import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { makeBundle, type TestConfig } from '../bundle.js'
import { commandOn, execute, RUNNER, TSRUN } from '../command.js'
import { missing } from '../needs.js'

const skip = { skip: missing('root', 'busybox') }

/** What `run` writes to standard error. */
function errorsOf(
  box: ReturnType<typeof makeBundle>,
  change: (config: TestConfig) => void,
  ...globals: string[]
): string {
  box.configure(change)
  return execute(RUNNER, [TSRUN, '--root', box.runtime.root, ...globals, 'run', box.id()], {
    cwd: box.bundle,
  }).stderr
}

t.test('each ambient capability that can not be raised is a warning', skip, async t => {
  const stderr = errorsOf(makeBundle(t), config => {
    config.process.capabilities = { ...config.process.capabilities, ambient: ['CAP_CHOWN', 'CAP_KILL'] }
  })
  for (const name of ['CAP_CHOWN', 'CAP_KILL']) {
    t.match(stderr, `level=warning msg="/process/capabilities/ambient: can't raise ambient capability ${name}: `)
  }
})

const policies = [
  [{ mode: 'INTERLEAVE', nodes: '0' }, 'invalid memory policy mode'],
  [{ nodes: '0-7' }, 'invalid memory policy mode'],
  [{ mode: 'MPOL_PREFERRED', nodes: '0', flags: ['MPOL_F_RELATIVE_NODES', 'badflag'] }, 'invalid memory policy flag'],
  [{ mode: 'MPOL_BIND', nodes: '0-9876543210' }, 'invalid memory policy node'],
] as const

for (const [policy, words] of policies) {
  t.test(`memory policy ${JSON.stringify(policy)}: ${words}`, skip, async t => {
    const stderr = errorsOf(makeBundle(t), config => {
      config.linux.memoryPolicy = policy as unknown as NonNullable<TestConfig['linux']['memoryPolicy']>
    })
    t.match(stderr.split('\n')[0], words)
  })
}

t.test('limits of version 2 on version 1', { skip: missing('root', 'busybox', 'cgroup-v1') }, async t => {
  const stderr = errorsOf(makeBundle(t), config => {
    config.linux.resources = { unified: { 'memory.min': '131072' } }
  })
  t.match(stderr, /invalid configuration: unified resource \\"memory.min\\" can't be set/)
})

const profiles = [
  [undefined, 0],
  [[], 0],
  [['SECCOMP_FILTER_FLAG_TSYNC'], 0],
  [['SECCOMP_FILTER_FLAG_LOG', 'SECCOMP_FILTER_FLAG_SPEC_ALLOW'], 6],
] as const

for (const [flags, number] of profiles) {
  t.test(
    `the flags of a filter: ${flags ?? 'none given'}`,
    { skip: missing('root', 'busybox', 'libseccomp') },
    async t => {
      const stderr = errorsOf(
        makeBundle(t),
        config => {
          config.linux.seccomp = { defaultAction: 'SCMP_ACT_ALLOW', ...(flags && { flags: [...flags] }) }
        },
        '--debug',
      )
      t.match(stderr, `"seccomp filter flags: ${number}"`)
      t.match(stderr, /runc exeseal: using \/proc\/self\/exe clone/)
      t.match(stderr, /nsexec started[\s\S]*child process in init\(\)/)
    },
  )
}

t.test('exec tells its steps, and the CPUs that it begins on', skip, async t => {
  const box = makeBundle(t)
  box.configure(config => {
    config.process.args = ['/bin/sleep', '100']
    config.process.execCPUAffinity = { initial: '0' }
  })
  const [run, id] = [commandOn(box), box.id()]
  t.equal(run(['run', '-d', id]).status, 0)
  const { status, stderr } = run(['--debug', 'exec', id, 'true'])
  t.equal(status, 0)
  const steps = [
    'nsexec container setup',
    'nsexec: affinity: 0x1"',
    'child process in init()',
    'setns_init: about to exec',
  ]
  const places = steps.map(step => stderr.indexOf(step))
  t.ok(!places.includes(-1), stderr)
  t.same(
    places.toSorted((a, b) => a - b),
    places,
    'in this order',
  )
})

t.test('called by the name of runc it says so', async t => {
  const runc = join(t.testdir(), 'runc')
  symlinkSync(TSRUN, runc)
  const asked = (...words: string[]) => execute(RUNNER, [runc, ...words])
  const version = asked('--version').stdout.split('\n')
  t.match(version, [/^runc version \d+\.\d+\.\d+/, /^commit: ./, /^spec: \d+\.\d+\.\d+/])
  for (const flag of ['-h', '--help']) {
    const { status, stdout } = asked(flag)
    t.equal(status, 0)
    t.match(stdout.split('\n').slice(0, 2), ['NAME:', '   runc - Open Container Initiative runtime'])
    t.notMatch(stdout, 'VERSION')
  }
  for (const name of [
    'delete',
    'events',
    'exec',
    'kill',
    'list',
    'pause',
    'resume',
    'run',
    'spec',
    'start',
    'state',
    'update',
  ]) {
    const { status, stdout } = asked(name, '-h')
    t.match({ status, line: stdout.split('\n')[1] }, { status: 0, line: `runc ${name}` })
  }
  t.match(asked('foo', '-h'), { status: 3, stderr: /No help topic for 'foo'/ })
  t.match(execute(RUNNER, [TSRUN, '-h']).stdout, '   tsrun - Open Container')
})
