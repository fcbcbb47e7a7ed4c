import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { OP_CODES, type Op } from '../../lib/plan/ops.js'
import { missing } from '../needs.js'
import { buildLauncher, furnishedRoot, makeRoot, runProgram, shell } from './launch.js'
import { op } from './plans.js'

/** With what happens between the identity and execve. */
const started = (program: string, last: Op): Op[] => [
  ...furnishedRoot(),
  op('pivot_root'),
  ...runProgram([program]).slice(0, -2),
  op('home_env'),
  op('created'),
  op('await_start', { slot: 1 }),
  op('close_from', { first: 3 }),
  last,
]

t.test('the process that the init helper becomes', { skip: missing('root', 'cc', 'busybox') }, async t => {
  const launch = buildLauncher(t)

  t.test('gives the process its user, groups, capabilities, umask and directory', async t => {
    const root = makeRoot(t)
    const ops = [
      ...furnishedRoot(),
      op('pivot_root'),
      op('keyring', { name: 'tsrun-test' }),
      op('personality', { persona: 8 }),
      op('memory_policy', { mode: 0 }),
      op('umask', { mask: 0o77 }),
      op('stdio_owner', { uid: 1000 }),
      op('bounding_set', { keep: 0b11n }),
      op('groups', { gids: [5, 6, 7] }),
      op('gid', { gid: 1001 }),
      op('uid', { uid: 1000 }),
      op('capabilities', { effective: 0b1n, permitted: 0b11n, inheritable: 0b1n, ambient: 0b1n }),
      op('no_new_privs'),
      op('chdir', { path: '/tmp', optional: 1 }),
      op('chdir', { path: '/tmp' }),
      op('resolve_exec', { candidates: ['/missing/sh', '/etc', '/bin/sh'] }),
      op('close_from', { first: 3 }),
      op('execve', { args: ['sh', '-c', 'id; umask; pwd; cat /proc/self/personality /proc/self/status'], env: [] }),
    ]
    const { told, stdout } = launch({ ops, slots: [`tree:${root}`] })
    t.same(told, [])
    t.match(stdout, /^uid=1000 gid=1001 groups=5,6,7\n0077\n\/tmp\n00000008\n/)
    const expected = { CapInh: '1', CapPrm: '1', CapEff: '1', CapBnd: '3', CapAmb: '1', NoNewPrivs: '1' }
    for (const [name, value] of Object.entries(expected)) t.match(stdout, new RegExp(`^${name}:\\t0*${value}$`, 'm'))
  })

  t.test('leaves the umask of the caller if the plan has none', async t => {
    const root = makeRoot(t)
    const mask = process.umask()
    t.equal(launch({ ops: shell('umask'), slots: [`tree:${root}`] }).stdout, `0${mask.toString(8).padStart(3, '0')}\n`)
  })

  t.test('tells a directory out of the container for what it is', async t => {
    const root = makeRoot(t)
    // The descriptor of slot 1 is 3 (the plan) + 2 + 1.
    const leak = op('chdir', { path: '/proc/self/fd/6' })
    const ops = [
      ...shell('true').slice(0, -4),
      op('no_new_privs'),
      leak,
      ...runProgram(['/bin/sh']).slice(-3, -1),
      op('seccomp', { slot: 1 }),
    ]
    const last = runProgram(['/bin/sh']).slice(-1)
    const { told } = launch({ ops: [...ops, ...last], slots: [`tree:${root}`, 'dir:/tmp'] })
    t.same(told, [[3, ops.length - 4, 3, '/proc/self/fd/6']])
  })

  t.test('says why a program can not be executed', async t => {
    const root = makeRoot(t)
    writeFileSync(join(root, 'etc/text'), 'text')
    const attempt = (...candidates: string[]) => {
      const ops = [...furnishedRoot(), op('pivot_root'), ...runProgram(['/bin/sh'])]
      const index = ops.findIndex(({ op }) => op === 'resolve_exec')
      ops[index] = op('resolve_exec', { candidates })
      return launch({ ops, slots: [`tree:${root}`] }).told
    }
    const ENOENT = 2,
      EACCES = 13,
      EISDIR = 21,
      index = 15
    t.same(attempt('/bin/missing', '/missing/too'), [[2, index, 'execve', ENOENT, '/bin/missing']])
    t.same(attempt('/missing', '/etc'), [[2, index, 'execve', EISDIR, '/missing']])
    t.same(attempt('/etc', '/etc/text', '/missing'), [[2, index, 'execve', EACCES, '/etc']])
  })

  t.test('waits for start in little memory, and then tells whether execve worked', async t => {
    const root = makeRoot(t)
    writeFileSync(join(root, 'etc/passwd'), 'other:x:1000:1000::/home/other:/bin/sh\nme:x:0:0:root:/home/me:/bin/sh\n')
    const env = op('execve', { args: ['env'], env: ['HOME=', 'A=1'] })
    const good = launch({ ops: started('/bin/env', env), slots: [`tree:${root}`, 'listen'] })
    t.match(good.told, [[0, OP_CODES.created], /^private \d+$/, 'start'])
    t.equal(good.stdout, 'A=1\nHOME=/home/me\n')
    const memory = Number(/\d+/.exec(String(good.told[1]))?.[0])
    t.ok(memory > 0 && memory < 112, `${memory} KiB of private memory`)

    writeFileSync(join(root, 'bin/bad'), 'nonsense', { mode: 0o755 })
    const bad = launch({ ops: started('/bin/bad', op('execve', { args: ['bad'] })), slots: [`tree:${root}`, 'listen'] })
    const ENOEXEC = 8
    t.same(bad.told.slice(2), ['start', [2, 20, 'execve', ENOEXEC, '/bin/bad']])
    t.equal(bad.exit, 1)
  })

  t.test('takes HOME from the environment if it has one, and / if nobody knows', async t => {
    const root = makeRoot(t)
    const home = (env: readonly string[]) => {
      const execve = op('execve', { args: ['env'], env })
      return launch({ ops: started('/bin/env', execve), slots: [`tree:${root}`, 'listen'] }).stdout
    }
    t.equal(home(['HOME=/given']), 'HOME=/given\n')
    t.equal(home([]), 'HOME=/\n')
    writeFileSync(join(root, 'etc/passwd'), `${'x'.repeat(10_000)}:x:0:0::/long:/bin/sh\nme:x:0:0::/late:/bin/sh`)
    t.equal(home([]), 'HOME=/late\n', 'a line without end is none of an account')
  })
})
