import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { CLONE, MS } from '../../lib/plan/flags.js'
import { OP_CODES, type Op, RESOLVE } from '../../lib/plan/ops.js'
import { missing } from '../needs.js'
import {
  buildLauncher,
  furnishedRoot,
  makeRoot,
  NAMESPACES,
  runProgram,
  shell,
  shellWith,
  temporaryFolder,
} from './launch.js'
import { op } from './plans.js'

t.test('the init helper', { skip: missing('root', 'cc', 'busybox') }, async t => {
  const launch = buildLauncher(t)

  t.test('runs a program in a root of its own, with its hostname and without any other descriptor', async t => {
    const root = makeRoot(t)
    const script = 'hostname; ls /; ls /proc/self/fd; readlink /proc/1/exe; echo $$'
    const ops = shell(script, [
      op('hostname', { name: 'box' }),
      op('domainname', { name: 'example' }),
      op('loopback_up'),
    ])
    const { told, stdout, exit } = launch({ ops, slots: [`tree:${root}`] })
    t.same(told, [], 'nothing is reported')
    t.equal(exit, 0)
    // The 3 is the directory that ls reads.
    t.same(stdout.split('\n').slice(0, -1), [
      'box',
      'bin',
      'dev',
      'etc',
      'proc',
      'sys',
      'tmp',
      '0',
      '1',
      '2',
      '3',
      '/bin/busybox',
      '1',
    ])
  })

  t.test('joins a cgroup, goes on in a second clone, and becomes the first process of a new namespace', async t => {
    const root = makeRoot(t)
    const tasks = join(temporaryFolder(t), 'tasks')
    writeFileSync(tasks, '')
    const [first, ...rest] = shell('echo $$').map(withSlot(1))
    const ops = [
      op('cgroup_join', { slot: 0 }),
      ...(first ? [first] : []),
      op('unshare', { flags: CLONE.NEWPID }),
      op('clone'),
      ...rest,
    ]
    const flags = NAMESPACES & ~CLONE.NEWPID
    const { told, stdout } = launch({ ops, slots: [`file:${tasks}`, `tree:${root}`], flags })
    t.match(told, [[1, Number]])
    t.equal(told.length, 1)
    t.equal(stdout, '1\n')
    t.equal(readFileSync(tasks, 'utf8'), '0')
  })

  t.test('works in a user namespace as well', { skip: missing('user-namespaces') }, async t => {
    const root = makeRoot(t)
    writeFileSync(join(root, 'etc/secret'), 'secret')
    mkdirSync(join(root, 'secrets'))
    const ops = [
      op('map'),
      op('become_root'),
      ...furnishedRoot().slice(0, -1),
      op('attach', { slot: 1, path: '/dev/null' }),
      op('pivot_root'),
      op('sysctl', { key: 'kernel/shmmax', value: '12345678' }),
      op('mask_path', { path: '/etc/secret' }),
      op('mask_path', { path: '/secrets' }),
      op('readonly_path', { path: '/proc/sys' }),
      ...runProgram([
        '/bin/sh',
        '-c',
        'id; cat /proc/sys/kernel/shmmax; cat /etc/secret; echo 1 > /proc/sys/kernel/shmmax',
      ]),
    ]
    const { told, stdout } = launch({
      ops,
      slots: [`tree:${root}`, 'tree:/dev/null'],
      flags: NAMESPACES | CLONE.NEWUSER,
    })
    t.match(told, [[0, OP_CODES.map], /shmmax: Read-only/])
    t.equal(stdout, 'uid=0 gid=0\n12345678\n')
  })

  t.test(
    'copies what the runtime has opened itself, and nothing else',
    { skip: missing('user-namespaces') },
    async t => {
      const [root, host] = [makeRoot(t), temporaryFolder(t)]
      writeFileSync(join(host, 'file'), 'of the host')
      const attached = (source: string) =>
        op('attach_checked', { slot: 1, source, recursive: 1, path: '/volume', set: 1n })
      const opsWith = (source: string, volume: string): Op[] => {
        const start = [
          op('map'),
          op('become_root'),
          op('not_dumpable'),
          op('setsid'),
          op('propagation', { flags: MS.SLAVE | MS.REC }),
        ]
        const mounts = [op('root_checked', { slot: 0, source }), attached(volume), op('pivot_root')]
        return [...start, ...mounts, ...runProgram(['/bin/sh', '-c', 'cat /volume/file; echo x > /volume/file'])]
      }
      const slots = [`dir:${root}`, `dir:${host}`]
      const flags = NAMESPACES | CLONE.NEWUSER
      const copied = launch({ ops: opsWith(root, host), slots, flags })
      t.equal(copied.stdout, 'of the host')
      t.match(copied.told, [[0, OP_CODES.map], /Read-only file system/])
      t.match(launch({ ops: opsWith(host, host), slots, flags }).told, [[0], [3, 5, 4, host]])
      t.match(launch({ ops: opsWith(root, '/tmp'), slots, flags }).told, [[0], [3, 6, 4, '/tmp']])
      t.match(launch({ ops: opsWith(root, `${host}/none`), slots, flags }).told, [
        [0],
        [2, 6, 'openat', 2, `${host}/none`],
      ])
    },
  )

  t.test(
    'writes to a procfs of its own, or to the one of the container once it is checked',
    { skip: missing('user-namespaces') },
    async t => {
      const root = makeRoot(t)
      const sysctl = op('sysctl', { key: 'kernel/shmmax', value: '12345' })
      const script = 'cat /proc/sys/kernel/shmmax'
      const hidden = op('mount_fs', { type: 'tmpfs', path: '/proc', resolve: RESOLVE.ON_PROCFS })
      const own = launch({ ops: shellWith([hidden], 'true', [sysctl]), slots: [`tree:${root}`] })
      t.same(own.told, [], 'a tmpfs on /proc is of no consequence')
      // In a user namespace without a pid namespace the kernel gives us none.
      const flags = (NAMESPACES & ~CLONE.NEWPID) | CLONE.NEWUSER
      const inUser = (mounts: readonly Op[], slots: readonly string[]) => {
        const ops = [op('map'), op('become_root'), ...furnishedRoot().slice(0, 4), ...mounts, op('pivot_root'), sysctl]
        return launch({
          ops: [...ops, ...runProgram(['/bin/sh', '-c', script])],
          slots: [`tree:${root}`, ...slots],
          flags,
        })
      }
      t.equal(inUser([op('attach', { slot: 1, path: '/proc' })], ['rtree:/proc']).stdout, '12345\n')
      t.match(inUser([hidden], []).told, [
        [0, OP_CODES.map],
        [3, 7, 2, '/proc'],
      ])
      t.match(inUser([op('attach', { slot: 1, path: '/proc' })], ['tree:/proc/sys']).told, [
        [0, 4],
        [3, 7, 2, '/proc'],
      ])
    },
  )

  t.test('can do without pivot_root, and without a mount namespace', async t => {
    const root = makeRoot(t)
    const script = 'ls /; cd ..; ls -d /bin'
    const moved = shell(script).map(found => (found.op === 'pivot_root' ? op('move_root') : found))
    const listing = 'bin\ndev\netc\nproc\nsys\ntmp\n/bin\n'
    t.equal(launch({ ops: moved, slots: [`tree:${root}`] }).stdout, listing)
    const ops = [
      op('not_dumpable'),
      op('setsid'),
      op('root_dir', { slot: 0 }),
      op('chroot'),
      ...runProgram(['/bin/sh', '-c', script]),
    ]
    t.equal(launch({ ops, slots: [`dir:${root}`], flags: 0 }).stdout, listing)
    const joined = [
      op('not_dumpable'),
      op('setsid'),
      op('join_root', { slot: 0 }),
      ...runProgram(['/bin/sh', '-c', script]),
    ]
    t.equal(launch({ ops: joined, slots: [`dir:${root}`], flags: 0 }).stdout, listing)
  })

  t.test('refuses a plan before it does anything', async t => {
    const root = makeRoot(t)
    const ops = shell('true').filter(({ op }) => op !== 'pivot_root')
    const { told, exit } = launch({ ops, slots: [`tree:${root}`] })
    t.match(told, [[4, 8, 'needs a switched root before it']])
    t.equal(exit, 1)
  })

  t.test('refuses a plan that came with more or fewer slots than it says', async t => {
    const root = makeRoot(t)
    for (const slots of [[], [`tree:${root}`, `dir:${root}`]]) {
      const { told, exit } = launch({ ops: shell('true'), slots, slotCount: 1 })
      t.match(told, [[4, 0, 'the slots received are not those of the plan']])
      t.equal(exit, 1)
    }
  })

  t.test('tells when a namespace is refused', async t => {
    const around = `unshare -Umr sh -c 'echo 0 > /proc/sys/user/max_net_namespaces; exec "$@"' sh "$@"`
    const { told, exit } = launch({ ops: shell('true'), slots: [`dir:${makeRoot(t)}`], around })
    t.same(told, [[6, 2, constants.errno.ENOSPC]])
    t.equal(exit, 1)
  })

  t.test('dies with the runtime as long as it is not created', async t => {
    const root = makeRoot(t)
    const ops = [...furnishedRoot(), op('prepare'), op('pivot_root'), ...runProgram(['/bin/sh'])]
    const { told, exit: pid } = launch({ ops, slots: ['abandon', `tree:${root}`] })
    t.same(told, [[0, OP_CODES.prepare]])
    await gone(pid)
    t.pass('it is gone')
  })
})

function withSlot(slot: number): (found: Op) => Op {
  return found => (found.op === 'root' ? op('root', { slot }) : found)
}

/** Resolves when the process is dead; whoever inherited it may not have reaped it yet. */
async function gone(pid: number): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    const state = processState(pid)
    if (state === undefined || state === 'Z') return
    await new Promise(resolve => setTimeout(resolve, 10))
  }
  process.kill(pid, 'SIGKILL')
  throw new Error(`process ${pid} is still there`)
}

function processState(pid: number): string | undefined {
  try {
    return /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1]
  } catch {
    return undefined
  }
}
