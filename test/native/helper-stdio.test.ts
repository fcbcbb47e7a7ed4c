import { writeFileSync } from 'node:fs'
import { endianness } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { Op } from '../../lib/plan/ops.js'
import { missing } from '../needs.js'
import { buildLauncher, makeRoot, shell, temporaryFolder } from './launch.js'
import { op } from './plans.js'

t.test('the terminal, the null device and the filter', { skip: missing('root', 'cc', 'busybox') }, async t => {
  const launch = buildLauncher(t)

  t.test('gives the process a terminal of the devpts of the container', async t => {
    const root = makeRoot(t)
    const ops = shell('tty; stty size; stat -c %t:%T /dev/console; echo hello > /dev/tty; ls /proc/self/fd', [
      op('console', { slot: 1, rows: 30, columns: 100, bind: 1 }),
      op('controlling_terminal'),
    ])
    const tty = op('mknod', { path: '/dev/tty', mode: 0o020666, major: 5 })
    const at = ops.findIndex(({ op }) => op === 'pivot_root')
    const { told, stdout } = launch({
      ops: [...ops.slice(0, at), tty, ...ops.slice(at)],
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
    const { told } = launch({ ops: [...ops.slice(0, 6), made, ...ops.slice(6)], slots: [`tree:${root}`, 'console'] })
    t.same(told, [[3, 9, 1, '/dev/pts']])
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
})

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
