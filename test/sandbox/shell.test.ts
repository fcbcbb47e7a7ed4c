/** `tsrun sandbox`, as a shell runs it. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { RUNNER, TSRUN, tsrun } from '../command.js'
import { missing } from '../needs.js'
import { makeRootlessBundle } from '../rootless.js'
import { until } from '../until.js'

const skip = { skip: missing('root', 'busybox', 'libseccomp') }
const BOXES = '/run/tsrun-sandbox/boxes'

/** Sandboxes of other tests come and go: only those that it made itself are told apart. */
const sandbox = (args: readonly string[], input = '') => tsrun(['sandbox', ...args], { input })

function makeFolder(t: Test): string {
  const folder = t.testdir({ in: 'hello\n' })
  return folder
}

t.test('streams, the exit status and what has changed', skip, async t => {
  const folder = makeFolder(t)
  const bytes = 'x\u0000y'.repeat(100_000)
  const script = 'cat; cat in >&2; echo changed > in; echo new > more; exit 3'
  const { status, stdout, stderr } = sandbox(
    ['--mount', `${folder}:/work:overlay`, '--env', 'A=b=c', '--', 'sh', '-c', script],
    bytes,
  )
  t.equal(status, 3)
  t.ok(stdout === bytes, 'bytes go through as they are')
  t.match(stderr, /^hello$/m)
  t.match(stderr, /^tsrun: modified \/work\/in$/m)
  t.match(stderr, /^tsrun: added \/work\/more$/m)
  t.equal(readFileSync(join(folder, 'in'), 'utf8'), 'hello\n')
  t.equal(
    sandbox(['-q', '-e', 'A=b=c', '--cwd', '/tmp', '--', 'sh', '-c', 'echo $A; pwd; touch x']).stdout,
    'b=c\n/tmp\n',
  )
  t.equal(sandbox(['-q', '--', 'sh', '-c', 'touch x']).stderr, '')
})

t.test('names of the command do not speak to the terminal', skip, async t => {
  const { stderr } = sandbox(['--', 'sh', '-c', 'touch "/tmp/a$(printf "\\033")b"; touch "/a$(printf "\\033")b"'])
  t.match(stderr, 'added "/a\\u001bb"')
  t.notMatch(stderr, '\u001b')
})

t.test('what ended it', skip, async t => {
  const timeout = sandbox(['--timeout', '200ms', '--', 'sh', '-c', 'sleep 1000 & echo begun; exec sleep 1000'])
  t.match(timeout, { status: 124, stdout: 'begun\n', stderr: 'tsrun: timeout: it was ended after 200ms\n' })
  t.match(sandbox(['--', 'sh', '-c', 'kill -9 $$']), { status: 137, stderr: /signal: it was ended by SIGKILL/ })
  const memory = sandbox(['--memory', '24M', '--', 'sh', '-c', 'head -c 90M /dev/zero | tail | wc -c; exit 7'])
  t.match(memory, { status: 7, stderr: /memory: the kernel ended it/ })
  const denied = sandbox(['--allow', 'example.org:443', '--', '/bin/busybox', 'nslookup', 'other.test'])
  t.match(denied.stderr, /^tsrun: denied: other\.test \(policy\)$/m)
})

t.test('what can not be run', skip, async t => {
  t.match(sandbox(['--', 'no-such-program']), { status: 127, stderr: /no-such-program/ })
  t.match(sandbox(['--', '/etc/hosts']), { status: 126 })
  t.match(sandbox(['--memory', '9x', '--', 'true']), { status: 125, stderr: /limits\.memory/ })
  t.match(sandbox(['--mount', '/no/such:/work', '--', 'true']), {
    status: 125,
    stderr: /mounts\[0\]\.source.*no\/such/,
  })
  for (const [words, error] of [
    [['--nope', '--', 'true'], /not defined: -nope/],
    [['--timeout', '0', '--', 'true'], /--timeout 0: write/],
    [['--timeout', 'soon', '--', 'true'], /--timeout soon: write/],
    [['--cpus', '-1', '--', 'true'], /--cpus -1: write/],
    [['--mount', '.:work', '--', 'true'], /--mount \.:work: write/],
    [['--mount', '.:/work:rx', '--', 'true'], /--mount \.:\/work:rx: write/],
    [['--env', 'NAME', '--', 'true'], /--env NAME: write/],
    [['--store', '/x', '--', 'true'], /--store needs --image/],
    [['--memory', '1M', 'prune'], /--memory is no flag of sandbox prune/],
    [[], /minimum of 1/],
  ] as const)
    t.match(sandbox(words), { status: 1, stderr: error }, words.join(' '))
})

t.test('a reader that is gone, and one that is slow', skip, async t => {
  const run = (rest: string) =>
    spawnSync('sh', ['-c', `"$0" "$1" sandbox -q ${rest}`, RUNNER, TSRUN], { encoding: 'utf8' })
  t.equal(run('-- yes | head -1').stdout, 'y\n')
  t.equal(run('-- head -c 3000000 /dev/zero | { sleep 2; wc -c; }').stdout.trim(), '3000000')
})

t.test('a signal ends all of it', skip, async t => {
  const child = spawn(RUNNER, [TSRUN, 'sandbox', '--', 'sh', '-c', 'sleep 987654 & echo begun; wait'])
  t.teardown(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  child.kill('SIGINT')
  t.same(await once(child, 'exit'), [130, null])
  t.notOk(isRunning('987654'))
})

t.test('what a killed one has left is pruned', skip, async t => {
  const child = spawn(RUNNER, [TSRUN, 'sandbox', '--', 'sh', '-c', 'echo begun; exec sleep 987655'])
  t.teardown(() => child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  const boxes = readdirSync(BOXES)
  child.kill('SIGKILL')
  await once(child, 'exit')
  await until(() => !isRunning('987655'))
  const pruned = sandbox(['prune'])
  t.equal(pruned.status, 0)
  t.ok(boxes.some(id => pruned.stdout.split('\n').includes(id) && !existsSync(join(BOXES, id))))
})

t.test('a plain user', { skip: missing('root', 'busybox', 'libseccomp', 'user-namespaces') }, async t => {
  const { tsrun: run, directory, bundle } = makeRootlessBundle(t)
  writeFileSync(join(bundle, 'in'), 'source')
  const words = [
    '--mount',
    '.:/work:overlay',
    '--timeout',
    '60s',
    '--',
    'sh',
    '-c',
    'id -u; cat in; echo 1 > out; exit 4',
  ]
  t.match(run(['sandbox', ...words]), { status: 4, stdout: '1000\nsource', stderr: /^tsrun: added \/work\/out$/m })
  t.same(readdirSync(join(directory, 'run/tsrun-sandbox/boxes')), [])
  t.same(run(['sandbox', 'prune']).status, 0)
})

const isRunning = (word: string): boolean =>
  readdirSync('/proc')
    .filter(name => /^[0-9]+$/.test(name))
    .some(pid => commandLine(pid).split('\0').at(1) === word)

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1')
  } catch {
    return ''
  }
}
