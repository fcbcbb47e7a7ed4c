import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { MOUNT_ATTR, MS } from '../../lib/plan/flags.js'
import type { Op } from '../../lib/plan/ops.js'
import { missing } from '../needs.js'
import { buildLauncher, furnishedRoot, makeRoot, runProgram, shell, shellWith, temporaryFolder } from './launch.js'
import { op } from './plans.js'

const RDONLY = BigInt(MOUNT_ATTR.RDONLY)

t.test('what the init helper mounts and makes', { skip: missing('root', 'cc', 'busybox') }, async t => {
  const launch = buildLauncher(t)

  t.test('leaves no mount on the host, even if the root and a volume are on shared mounts', async t => {
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

  t.test('makes a root of as many layers as fit a list', async t => {
    const [root, folder] = [makeRoot(t), temporaryFolder(t)]
    const layers = [root, ...Array.from({ length: 89 }, (_, index) => join(folder, `layer${index}`))]
    for (const layer of layers.slice(1)) mkdirSync(layer)
    writeFileSync(join(layers.at(-1) ?? '', 'top'), 'of the top')
    const upper = join(folder, 'upper')
    mkdirSync(upper)
    const ops = [
      op('not_dumpable'),
      op('setsid'),
      op('propagation', { flags: MS.SLAVE | MS.REC }),
      ...layers.map((source, slot) => op('layer', { slot, source })),
      op('root_layered', { slot: layers.length, source: upper, list: 1 }),
      op('pivot_root'),
      ...runProgram(['/bin/sh', '-c', 'cat /top; echo written > /new']),
    ]
    const { told, stdout } = launch({ ops, slots: [...layers, upper].map(path => `dir:${path}`) })
    t.same([stdout, told], ['of the top', []])
    t.equal(readFileSync(join(upper, 'upper/new'), 'utf8'), 'written\n')
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
    t.same(launch({ ops: shellWith([mount], 'true'), slots: [`tree:${root}`] }).told, [[3, 8, 1, '/link']])
  })

  t.test('makes folders, links and nodes with their modes and owners, and keeps nodes that are there', async t => {
    const root = makeRoot(t)
    const full = (uid: number, mode: number, keep = 0) =>
      op('mknod', { path: '/dev/full', mode: 0o020000 | mode, major: 1, minor: 7, uid, gid: 4, keep })
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
      full(8, 0o644, 1),
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
      [2, 8, 'mknodat', 17, '/dev/null'],
    ])
    const file = op('symlink', { target: 'x', path: '/bin/busybox' })
    t.same(launch({ ops: shellWith([file], 'true'), slots: [`tree:${root}`] }).told, [
      [2, 8, 'symlinkat', 17, '/bin/busybox'],
    ])
  })

  t.test('makes nodes and links in one folder after the other, and in what is mounted there between them', async t => {
    const node = (path: string) => op('mknod', { path, mode: 0o020666, major: 1, minor: 7 })
    const mounts = [
      ...[
        node('/dev/a/one'),
        node('/dev/a/two'),
        node('/dev/b/one'),
        op('symlink', { target: 'one', path: '/dev/a/link' }),
      ],
      ...[
        node('/dev/b/two'),
        op('mount_fs', { type: 'tmpfs', path: '/dev/b' }),
        node('/dev/b/three'),
        node('/dev/one'),
      ],
    ]
    const { stdout } = launch({
      ops: shellWith(mounts, 'cd /dev; ls -d a/* b/* one'),
      slots: [`tree:${makeRoot(t)}`],
    })
    t.equal(stdout, 'a/link\na/one\na/two\nb/three\none\n')
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
    t.same(attempt(option), [[2, 8, 'fsconfig', 22, "size=banana: tmpfs: Bad value for 'size'"]])
    t.same(attempt(op('mount_fs', { type: 'nonsense', path: '/a' })), [[2, 8, 'fsopen', 19, 'nonsense']])
    t.same(attempt(op('set_attributes', { path: '/tmp', set: RDONLY })), [[2, 8, 'mount_setattr', 22, '/tmp']])
  })
})
