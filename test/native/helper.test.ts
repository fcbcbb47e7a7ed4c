import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { endianness } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { CLONE, MOUNT_ATTR, MS } from '../../lib/plan/flags.js'
import { OP_CODES, type Op } from '../../lib/plan/ops.js'
import { missing } from '../needs.js'
import { buildLauncher, furnishedRoot, makeRoot, NAMESPACES, runProgram, shell, temporaryFolder } from './launch.js'
import { op } from './plans.js'

const RDONLY = BigInt(MOUNT_ATTR.RDONLY)

/** As `shell`, with more ops among the mounts. */
const shellWith = (mounts: readonly Op[], script: string, inside: readonly Op[] = []): Op[] => [
  ...furnishedRoot(),
  ...mounts,
  op('pivot_root'),
  ...inside,
  ...runProgram(['/bin/sh', '-c', script]),
]

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

  t.test('leaves no mount on the host, even where the root and a volume are on shared mounts', async t => {
    const root = makeRoot(t)
    const mounts = [op('mkdir', { path: '/data', mode: 0o755 }), op('attach', { slot: 1, path: '/data' })]
    const nested = op('mount_fs', { type: 'tmpfs', path: '/data/tmp' })
    const { stdout } = launch({
      ops: shellWith([...mounts, nested], 'true'),
      slots: [`tree:${root}`, `tree:${root}`],
      around: `mount --bind ${root} ${root} && mount --make-shared ${root} && "$@"; grep ${root} /proc/self/mountinfo`,
    })
    t.match(stdout, new RegExp(` ${root} \\S+ shared:`), 'the mount is shared')
    t.equal(stdout.trim().split('\n').length, 1, 'nothing was mounted on it')
  })

  t.test('masks files and directories, makes paths read-only, and tolerates missing ones', async t => {
    const root = makeRoot(t)
    for (const folder of ['secrets', 'more', 'locked']) mkdirSync(join(root, folder))
    for (const file of ['secrets/a', 'more/a', 'etc/secret']) writeFileSync(join(root, file), 'secret')
    const paths = ['/etc/secret', '/secrets', '/more', '/missing', '/secrets', '/etc/secret']
    const ops = shell(
      'cat /etc/secret /secrets/* /more/* 2>&1; echo x > /locked/a; echo y > /secrets/b; echo z > /tmp/a && cat /tmp/a',
      [
        ...paths.map(path => op('mask_path', { path })),
        op('readonly_path', { path: '/locked' }),
        op('readonly_path', { path: '/missing' }),
      ],
    )
    const { told, stdout } = launch({ ops, slots: [`tree:${root}`] })
    t.match(told, [/locked\/a: Read-only/, /secrets\/b: Read-only/])
    t.same(stdout.split('\n').slice(0, 2), [
      "cat: can't open '/secrets/*': No such file or directory",
      "cat: can't open '/more/*': No such file or directory",
    ])
    t.match(stdout, /^z$/m)
  })

  t.test('refuses to mask with a /dev/null that is another device', async t => {
    const root = makeRoot(t)
    const zero = op('mknod', { path: '/dev/zero', mode: 0o020666, major: 1, minor: 5 })
    writeFileSync(join(root, 'etc/secret'), 'secret')
    const ops = furnishedRoot().slice(0, -1)
    const fake = op('mknod', { path: '/dev/null', mode: 0o020666, major: 1, minor: 5 })
    const rest = [zero, fake, op('pivot_root'), op('mask_path', { path: '/etc/secret' }), ...runProgram(['/bin/sh'])]
    const index = ops.length + 3
    t.same(launch({ ops: [...ops, ...rest], slots: [`tree:${root}`] }).told, [[3, index, 1, '/dev/null']])
    const link = op('symlink', { target: 'zero', path: '/dev/null' })
    const linked = [zero, link, ...rest.slice(2)]
    t.same(launch({ ops: [...ops, ...linked], slots: [`tree:${root}`] }).told, [[3, index, 1, '/dev/null']])
  })

  t.test('makes mount points through links, dangling or not, and never outside of the root', async t => {
    const root = makeRoot(t)
    const host = temporaryFolder(t)
    writeFileSync(join(host, 'file'), 'of the host')
    symlinkSync('/run/some/where', join(root, 'etc/absolute'))
    symlinkSync('../../../../../../new', join(root, 'etc/upwards'))
    symlinkSync(host, join(root, 'etc/outside'))
    const { told, stdout } = launch({
      ops: shellWith(
        [
          op('attach', { slot: 1, path: '/etc/absolute', set: RDONLY }),
          op('attach', { slot: 2, path: '/etc/upwards/and/down/' }),
          op('mkdir', { path: '/etc/outside/made', mode: 0o755 }),
        ],
        `cat /etc/absolute; cat /run/some/where; ls /new/and/down; ls ${host}; echo x > /etc/absolute`,
      ),
      slots: [`tree:${root}`, `tree:${host}/file`, `tree:${host}`],
    })
    t.equal(stdout, 'of the hostof the hostfile\nmade\n')
    t.match(told, [/Read-only/])
    t.same(readdirSync(host), ['file'], 'nothing was made on the host')
  })

  t.test('takes a link where /proc or /sys is mounted for an attack', async t => {
    const root = makeRoot(t)
    symlinkSync('/tmp', join(root, 'link'))
    const mount = op('mount_fs', { type: 'proc', path: '/link', resolve: 1 })
    t.same(launch({ ops: shellWith([mount], 'true'), slots: [`tree:${root}`] }).told, [[3, 7, 1, '/link']])
  })

  t.test('makes folders, links and nodes with their modes and owners, and keeps nodes that are there', async t => {
    const root = makeRoot(t)
    const full = (uid: number, mode: number) =>
      op('mknod', { path: '/dev/full', mode: 0o020000 | mode, major: 1, minor: 7, uid, gid: 4 })
    const link = (target: string) => op('symlink', { target, path: '/dev/fd' })
    const mounts = [
      op('mkdir', { path: '/dev/a/b', mode: 0o1777, uid: 5, gid: 6 }),
      op('mkdir', { path: '/etc', mode: 0o700, uid: 5, gid: 6 }),
      link('elsewhere'),
      link('/proc/self/fd'),
      link('/proc/self/fd'),
      op('mknod', { path: '/dev/fifo', mode: 0o010640 }),
      full(3, 0o666),
      full(7, 0o600),
    ]
    const { told, stdout } = launch({
      ops: shellWith(mounts, "cd /dev; stat -c '%n %A %u:%g %t:%T' a a/b /etc fd fifo full; readlink fd"),
      slots: [`tree:${root}`],
    })
    t.same(told, [])
    t.equal(
      stdout,
      'a drwxrwxrwt 5:6 0:0\na/b drwxrwxrwt 5:6 0:0\n/etc drwxr-xr-x 0:0 0:0\nfd lrwxrwxrwx 0:0 0:0\nfifo prw-r----- 0:0 0:0\nfull crw------- 7:4 1:7\n/proc/self/fd\n',
    )
    const other = op('mknod', { path: '/dev/null', mode: 0o020666, major: 1, minor: 5 })
    t.same(launch({ ops: shellWith([other], 'true'), slots: [`tree:${root}`] }).told, [
      [2, 7, 'mknodat', 17, '/dev/null'],
    ])
    const file = op('symlink', { target: 'x', path: '/bin/busybox' })
    t.same(launch({ ops: shellWith([file], 'true'), slots: [`tree:${root}`] }).told, [
      [2, 7, 'symlinkat', 17, '/bin/busybox'],
    ])
  })

  t.test('changes attributes of mounts, one or all below it', async t => {
    const root = makeRoot(t)
    const mounts = [
      op('mount_fs', { type: 'tmpfs', path: '/a', attributes: RDONLY }),
      op('set_attributes', { path: '/a', clear: RDONLY, set: BigInt(MOUNT_ATTR.NOSUID) }),
      op('mount_fs', { type: 'tmpfs', path: '/a/b', recSet: BigInt(MOUNT_ATTR.NODEV), propagation: MS.SHARED }),
      op('set_attributes', { path: '/a', recSet: BigInt(MOUNT_ATTR.NOEXEC) }),
    ]
    const inside = [op('root_attr', { set: RDONLY, propagation: MS.SLAVE | MS.REC })]
    const script =
      "while read -r _ _ _ _ where how peers _; do echo $where $how $peers; done < /proc/self/mountinfo | grep -E '^(/|/a.*) '"
    const { stdout } = launch({ ops: shellWith(mounts, script, inside), slots: [`tree:${root}`] })
    const [top, a, b] = stdout.trim().split('\n')
    t.match(top, /^\/ ro,/)
    t.equal(a, '/a rw,nosuid,noexec,relatime -')
    t.match(b, /^\/a\/b rw,nodev,noexec,relatime (-|master:\d+)$/)
  })

  t.test('says which option of a file system is wrong, in the words of the kernel', async t => {
    const root = makeRoot(t)
    const attempt = (mount: Op) => launch({ ops: shellWith([mount], 'true'), slots: [`tree:${root}`] }).told
    const option = op('mount_fs', { type: 'tmpfs', path: '/a', options: ['mode=755', 'size=banana'] })
    t.same(attempt(option), [[2, 7, 'fsconfig', 22, "size=banana: tmpfs: Bad value for 'size'"]])
    t.same(attempt(op('mount_fs', { type: 'nonsense', path: '/a' })), [[2, 7, 'fsopen', 19, 'nonsense']])
    t.same(attempt(op('set_attributes', { path: '/tmp', set: RDONLY })), [[2, 7, 'mount_setattr', 22, '/tmp']])
  })

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

  t.test('leaves the umask of the caller where the plan has none', async t => {
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
      index = 14
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
    t.ok(memory > 0 && memory < 100, `${memory} KiB of private memory`)

    writeFileSync(join(root, 'bin/bad'), 'nonsense', { mode: 0o755 })
    const bad = launch({ ops: started('/bin/bad', op('execve', { args: ['bad'] })), slots: [`tree:${root}`, 'listen'] })
    const ENOEXEC = 8
    t.same(bad.told.slice(2), ['start', [2, 19, 'execve', ENOEXEC, '/bin/bad']])
    t.equal(bad.exit, 1)
  })

  t.test('takes HOME from the environment where it has one, and / where nobody knows', async t => {
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

  t.test('gives the process a terminal of the devpts of the container', async t => {
    const root = makeRoot(t)
    const ops = shell('tty; stty size; stat -c %t:%T /dev/console; echo hello > /dev/tty; ls /proc/self/fd', [
      op('console', { slot: 1, rows: 30, columns: 100, bind: 1 }),
    ])
    const tty = op('mknod', { path: '/dev/tty', mode: 0o020666, major: 5 })
    const at = ops.findIndex(({ op }) => op === 'pivot_root')
    const { told, stdout } = launch({
      ops: [op('setsid'), ...ops.slice(0, at), tty, ...ops.slice(at)],
      slots: [`tree:${root}`, 'console'],
    })
    t.same(told, [])
    t.equal(stdout.replaceAll('\r', ''), 'terminal /dev/pts/0\n/dev/pts/0\n30 100\n88:0\nhello\n0  1  2  3\n')
  })

  t.test('takes a terminal from a devpts only', async t => {
    const root = makeRoot(t)
    const ops = shell('true', [op('console', { slot: 1 })]).filter(
      found => found.op !== 'mount_fs' || found.args.type !== 'devpts',
    )
    const made = op('mkdir', { path: '/dev/pts', mode: 0o755 })
    const { told } = launch({ ops: [...ops.slice(0, 5), made, ...ops.slice(5)], slots: [`tree:${root}`, 'console'] })
    t.same(told, [[3, 8, 1, '/dev/pts']])
  })

  t.test('exchanges the null device of the host for that of the container', async t => {
    const root = makeRoot(t)
    const script = 'stat -L -c %d /proc/self/fd/0 /dev/null'
    const device = (inside: readonly Op[]) =>
      launch({ ops: shell(script, inside), slots: [`tree:${root}`], stdin: 'ignore' })
        .stdout.trim()
        .split('\n')
    const [stdin, inner] = device([op('reopen_null')])
    t.equal(stdin, inner)
    const [before, other] = device([])
    t.not(before, other)
  })

  t.test('loads the filter last, after it has closed everything', async t => {
    const number = { x64: 63, arm64: 160, riscv64: 160 }[process.arch as string]
    if (number === undefined) throw new Error(`the number of uname on ${process.arch} is missing here`)
    const root = makeRoot(t)
    const file = join(temporaryFolder(t), 'filter')
    const LD_NR = 0x20,
      JEQ = 0x15,
      RET = 0x06,
      ALLOW = 0x7fff_0000,
      EPERM = 0x0005_0001
    writeFileSync(file, filter([LD_NR, 0, 0, 0], [JEQ, 0, 1, number], [RET, 0, 0, EPERM], [RET, 0, 0, ALLOW]))
    const ops = shell('[ -n "$(uname)" ] || echo denied; grep Seccomp: /proc/self/status; ls /proc/self/fd')
    const { told, stdout } = launch({
      ops: [
        ...ops.slice(0, -2),
        op('no_new_privs'),
        ...ops.slice(-2, -1),
        op('seccomp', { slot: 1 }),
        ...ops.slice(-1),
      ],
      slots: [`tree:${root}`, `sealed:${file}`],
    })
    t.same(told, [])
    t.equal(stdout, 'denied\nSeccomp:\t2\n0\n1\n2\n3\n')
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
    'writes to a procfs of its own, or to the one of the container once it is checked',
    { skip: missing('user-namespaces') },
    async t => {
      const root = makeRoot(t)
      const sysctl = op('sysctl', { key: 'kernel/shmmax', value: '12345' })
      const script = 'cat /proc/sys/kernel/shmmax'
      const hidden = op('mount_fs', { type: 'tmpfs', path: '/proc' })
      const own = launch({ ops: shellWith([hidden], 'true', [sysctl]), slots: [`tree:${root}`] })
      t.same(own.told, [], 'a tmpfs on /proc is of no consequence')
      // In a user namespace without a pid namespace the kernel gives us none.
      const flags = (NAMESPACES & ~CLONE.NEWPID) | CLONE.NEWUSER
      const inUser = (mounts: readonly Op[], slots: readonly string[]) => {
        const ops = [op('map'), op('become_root'), ...furnishedRoot().slice(0, 3), ...mounts, op('pivot_root'), sysctl]
        return launch({
          ops: [...ops, ...runProgram(['/bin/sh', '-c', script])],
          slots: [`tree:${root}`, ...slots],
          flags,
        })
      }
      t.equal(inUser([op('attach', { slot: 1, path: '/proc' })], ['rtree:/proc']).stdout, '12345\n')
      t.match(inUser([hidden], []).told, [
        [0, OP_CODES.map],
        [3, 6, 2, '/proc'],
      ])
      t.match(inUser([op('attach', { slot: 1, path: '/proc' })], ['tree:/proc/sys']).told, [
        [0, 4],
        [3, 6, 2, '/proc'],
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
      op('root_dir', { slot: 0 }),
      op('chroot'),
      ...runProgram(['/bin/sh', '-c', script]),
    ]
    t.equal(launch({ ops, slots: [`dir:${root}`], flags: 0 }).stdout, listing)
    const joined = [op('not_dumpable'), op('join_root', { slot: 0 }), ...runProgram(['/bin/sh', '-c', script])]
    t.equal(launch({ ops: joined, slots: [`dir:${root}`], flags: 0 }).stdout, listing)
  })

  t.test('refuses a plan before it does anything', async t => {
    const root = makeRoot(t)
    const ops = shell('true').filter(({ op }) => op !== 'pivot_root')
    const { told, exit } = launch({ ops, slots: [`tree:${root}`] })
    t.match(told, [[4, 12, 'needs a switched root before it']])
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

/** struct sock_filter, in the byte order of this machine. */
function filter(...instructions: readonly (readonly [number, number, number, number])[]): Buffer {
  const bytes = Buffer.alloc(8 * instructions.length)
  for (const [index, [code, yes, no, value]] of instructions.entries()) {
    const at = 8 * index
    bytes[endianness() === 'LE' ? 'writeUInt16LE' : 'writeUInt16BE'](code, at)
    bytes.writeUInt8(yes, at + 2)
    bytes.writeUInt8(no, at + 3)
    bytes[endianness() === 'LE' ? 'writeUInt32LE' : 'writeUInt32BE'](value, at + 4)
  }
  return bytes
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
