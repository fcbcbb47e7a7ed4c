/** The executable without Node (npm run build:standalone). All tests of the command run with it too, if TSRUN_FORM=standalone. */
import { copyFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { makeBundle } from '../bundle.js'
import { execute, type Outcome, type Surroundings } from '../command.js'
import { EXECUTABLE, withBoth } from '../forms.js'
import { missing } from '../needs.js'

const skip = missing('standalone')
const skipRoot = missing('standalone', 'root', 'busybox')

const run = (args: readonly string[], surroundings?: Surroundings): Outcome => execute(EXECUTABLE, args, surroundings)

const MEGABYTE = 1e6
const PT_INTERP = 3

/** Of an ELF file of 64 bits (elf(5)). */
function segmentTypes(elf: Buffer): readonly number[] {
  const [at, size, count] = [Number(elf.readBigUInt64LE(32)), elf.readUInt16LE(54), elf.readUInt16LE(56)]
  return Array.from({ length: count }, (_, index) => elf.readUInt32LE(at + index * size))
}

t.test('it is small, and one file that needs no other', { skip }, async t => {
  t.ok(statSync(EXECUTABLE).size <= 8 * MEGABYTE, `${statSync(EXECUTABLE).size} bytes`)
  t.notOk(segmentTypes(readFileSync(EXECUTABLE)).includes(PT_INTERP), 'it has no loader')
  const elsewhere = join(t.testdir(), 'runtime')
  copyFileSync(EXECUTABLE, elsewhere)
  t.match(execute(elsewhere, ['--version'], { cwd: '/', env: { PATH: '' } }), { status: 0, stderr: '' })
})

t.test('the version says which form it is', { skip }, async t => {
  const lines = run(['--version']).stdout.split('\n')
  t.match(lines, [/^tsrun version /, /^commit: /, /^spec: /, /^quickjs-ng: \d+\.\d+\.\d+$/, /^libseccomp: 2\./, /^$/])
})

t.test('a container runs, with a filter of system calls', { skip: skipRoot }, async t => {
  const box = makeBundle(t)
  box.configure(config => {
    config.process.args = ['sh', '-c', 'mkdir /tmp/a 2>&1; echo $? $0', 'done']
    config.linux.seccomp = {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 28 }],
    }
  })
  const { status, stdout, stderr } = run(['--root', box.runtime.root, 'run', box.id()], { cwd: box.bundle })
  t.match(stdout, /No space left.*\n1 done/)
  t.same({ status, stderr }, { status: 0, stderr: '' })
})

/** Documents that are wrong in ways that different parts of the program find. */
const WRONG: Readonly<Record<string, string>> = {
  empty: '',
  'no-json': '{"ociVersion": "1.0.0",}',
  'no-utf8': '{"ociVersion": "\xff"}',
  'twice.json': '{"ociVersion": "1.0.0", "ociVersion": "1.0.0"}',
  'large.json': '{"ociVersion": "1.0.0", "process": {"user": {"uid": 18446744073709551616}}}',
  'types.json': '{"ociVersion": 3, "process": {"args": "sh", "cwd": "x"}, "hooks": [], "linux": {"namespaces": 7}}',
  'unknown.json': '{"ociVersion": "1.0.0", "proces": {}, "root": {"path": "rootfs"}}',
  'surrogate.json': '{"ociVersion": "1.0.0", "hostname": "\\ud800"}',
}

function documents(t: Test): readonly string[] {
  const folder = t.testdir()
  return Object.entries(WRONG).map(([name, text]) => {
    const bundle = join(folder, name)
    mkdirSync(join(bundle, 'rootfs'), { recursive: true })
    writeFileSync(join(bundle, 'config.json'), text, 'latin1')
    return bundle
  })
}

const COMMANDS = ['create', 'delete', 'events', 'exec', 'list', 'run']
const CALLS: readonly (readonly string[])[] = [
  ...[[], ['--help'], ['help', 'run'], ['nothing'], ['help', 'nothing'], ['--nothing'], ['--log-format', 'x', 'list']],
  ...COMMANDS.flatMap(name => [[name, '--help'], [name, '--nothing'], [name, 'a', 'b', 'c'], [name]]),
  ...['state', 'delete', 'kill', 'start', 'pause', 'resume', 'ps', 'events', 'update'].map(name => [name, 'no-such']),
  ...[
    ['state', '../x'],
    ['state', 'a\tb'],
    ['kill', 'x', 'NOSIGNAL'],
    ['events', '--interval', '1x', 'x'],
  ],
  ...[
    ['update', '--memory', 'x', 'y'],
    ['update', '--resources', '/no/such', 'y'],
    ['update', '--resources', '/', 'y'],
  ],
  ...[
    ['exec', '--process', '/no/such', 'x'],
    ['exec', '--user', 'root', 'x', 'true'],
    ['run', '-b', '/no/such', 'x'],
  ],
  ...[
    ['--log', '/no/such/log', 'list'],
    ['--log', '/', 'list'],
    ['--root', '', 'list'],
    ['--root', '/no/such', 'list'],
  ],
  ...[
    ['checkpoint', 'x'],
    ['completion', 'bash'],
    ['completion', 'zsh'],
    ['completion', 'fish'],
    ['completion', 'x'],
  ],
  ...[
    ['completion', 'words', '--', ''],
    ['completion', 'words', '--', 'ru'],
    ['completion', 'words', '--', 'run', '--'],
  ],
]

t.test('what is written and returned is the same as with Node, byte for byte', { skip }, async t => {
  const folder = t.testdir()
  const root = join(folder, 'state')
  for (const args of CALLS) {
    const words = args.includes('--root') ? args : ['--root', root, ...args]
    const [ours, theirs] = withBoth(words, { cwd: folder })
    t.same(ours, theirs, words.join(' '))
  }
})

t.test('and so are errors of configurations', { skip }, async t => {
  const bundles = documents(t)
  for (const bundle of bundles) {
    for (const call of [
      ['plan', bundle],
      ['run', '-b', bundle, 'x'],
    ]) {
      const [ours, theirs] = withBoth(['--root', join(t.testdirName, 'state'), ...call], { cwd: '/' })
      t.same(ours, theirs, call.join(' '))
    }
  }
})

t.test('a plan is the same, also for the configuration that spec writes', { skip: skipRoot }, async t => {
  const box = makeBundle(t)
  for (const format of ['text', 'json']) {
    const [ours, theirs] = withBoth(['plan', '--format', format, box.bundle], {})
    t.equal(ours?.status, 0)
    t.same(ours, theirs)
  }
})

t.test('what belongs to Node is refused, with who has it', { skip }, async t => {
  for (const words of [
    ['image', 'pull', 'x'],
    ['volume', 'ls'],
    ['sandbox', '--image', 'x', '--', 'true'],
    ['sandbox', 'prune'],
    ['doctor', '--json'],
  ]) {
    const stderr = new RegExp(`${words[0]} is not in the standalone executable.*npm install --global tsrun`)
    t.match(run(words), { status: 1, stderr }, words.join(' '))
  }
})

t.test(
  'it opens what its arguments name and what the kernel tells, and reaches no network',
  { skip: missing('standalone', 'root', 'busybox', 'strace') },
  async t => {
    const { bundle, runtime, directory, id } = makeBundle(t)
    const traced = (...words: readonly string[]): string => {
      const trace = join(directory, 'trace')
      const command = [EXECUTABLE, '--root', runtime.root, ...words]
      const calls = 'trace=open,openat,openat2,connect'
      const { status, stderr } = execute('strace', ['-f', '-e', calls, '-o', trace, ...command])
      t.same({ status, stderr }, { status: 0, stderr: '' }, words.join(' '))
      return readFileSync(trace, 'utf8')
    }
    // The program of the container, in its root; who owns a container.
    const named = [bundle, runtime.root, '/bin/true', '/etc/passwd']
    const texts = [['--version'], ['plan', bundle], ['run', '--bundle', bundle, id()], ['list', '-q'], ['list']].map(
      words => traced(...words),
    )
    const opened = texts.flatMap(text =>
      [...text.matchAll(/open(?:at2?)?\((?:AT_FDCWD, )?"([^"]*)"/g)].map(([, path = '']) => path),
    )
    t.same(
      opened.filter(path => !/^\/(proc|sys|dev)\/|^\/$/.test(path) && !named.some(place => path.startsWith(place))),
      [],
    )
    t.ok(
      opened.some(path => path.startsWith(bundle)) && opened.some(path => path.startsWith(runtime.root)),
      'what is looked for can be seen',
    )
    const connections = texts.flatMap(text => text.match(/connect\(.*sa_family=\w+/g) ?? [])
    t.same(
      connections.filter(call => !call.endsWith('AF_UNIX')),
      [],
    )
  },
)
