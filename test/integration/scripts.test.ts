import { spawnSync } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import t, { type Test } from 'tap'
import { missing } from '../needs.js'

const environment = { ...process.env, MUST_RUN: '', MAY_SKIP: '' }

function run(script: string, { cwd = process.cwd(), input = '', env = {} } = {}) {
  const options = { cwd, input, encoding: 'utf8', env: { ...environment, ...env } } as const
  const { status, stdout, stderr } = spawnSync(process.execPath, [script], options)
  return { status, stdout, stderr, lastLine: stdout.trimEnd().split('\n').at(-1) }
}

const count = (input: string, env = {}) => run('scripts/count.mjs', { input, env })

const GOOD = `TAP version 14
# Subtest: test/a.test.ts
    # Subtest: adds
        ok 1 - one and one
        ok 2 - one and two
        1..2
    ok 1 - adds # time=1.5ms
    1..1
ok 1 - test/a.test.ts # time=31.2ms
1..1
`

t.test('the counter adds up assertions, and not the tests that they are in', async t => {
  const { status, stdout, lastLine } = count(GOOD)
  t.equal(status, 0)
  t.match(stdout, 'ok test/a.test.ts (2 passed, 0.0 s)')
  t.equal(lastLine, '2 passed, 0 failed')
})

t.test('the counter shows a failure in full, with the tests that it is in', async t => {
  const diagnostics = '\n          ---\n          expected: 3\n          ...'
  const { status, stdout, lastLine } = count(GOOD.replace('ok 2 - one and two', `not ok 2 - one and two${diagnostics}`))
  t.equal(status, 1)
  t.match(stdout, 'FAILED: test/a.test.ts > adds > one and two')
  t.match(stdout, 'expected: 3')
  t.equal(lastLine, '1 passed, 1 failed')
})

t.test('a file that crashes is a failure, and so is output that ends early, or that has no test', async t => {
  const crashed = '# Subtest: test/b.test.ts\n    1..0\nnot ok 1 - test/b.test.ts # time=9ms\n'
  t.equal(count(crashed).lastLine, '0 passed, 1 failed')
  t.equal(count(GOOD.slice(0, GOOD.indexOf('    ok 1 - adds'))).lastLine, '2 passed, 2 failed')
  t.equal(count('').lastLine, '0 passed, 1 failed')
  t.equal(count('').status, 1)
})

t.test('a skipped test is told, and a failure if everything must run', async t => {
  const skipped = GOOD.replace('ok 2 - one and two', 'ok 2 - one and two # SKIP needs root')
  t.match(count(skipped).stdout, '1 skipped')
  t.equal(count(skipped).lastLine, '1 passed, 0 failed')
  t.equal(count(skipped, { MUST_RUN: '1' }).lastLine, '1 passed, 1 failed')
  t.equal(count(skipped, { MUST_RUN: '1', MAY_SKIP: 'cgroup-v1' }).lastLine, '1 passed, 0 failed')
})

/** A project with nothing but two small native parts in it. */
function nativeProject(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'tsrun-native-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  for (const part of ['sys', 'init']) mkdirSync(join(folder, 'native', part), { recursive: true })
  cpSync('scripts', join(folder, 'scripts'), { recursive: true })
  writeFileSync(join(folder, 'native/sys/flags.txt'), '# one a line\n-shared\n\n-fPIC\n-Wall\n-Werror\n')
  writeFileSync(join(folder, 'native/sys/one.c'), 'int one(void) { return 1; }\n')
  return folder
}

t.test('the native parts are compiled if a source is newer, and only then', { skip: missing('cc') }, async t => {
  const folder = nativeProject(t)
  const script = resolve(folder, 'scripts/native.mjs')
  const library = join(folder, 'native/build/libtsrun.so')
  const source = join(folder, 'native/sys/one.c')
  t.match(run(script).stdout, /built native.build.libtsrun\.so/)
  const first = statSync(library).ino
  t.equal(run(script).stdout, '')
  t.equal(statSync(library).ino, first)

  const later = new Date(Date.now() + 5000)
  utimesSync(source, later, later)
  t.match(run(script).stdout, /built/)
  t.not(statSync(library).ino, first, 'a new file took the place of the old one')
})

t.test('what does not compile leaves the old result alone', { skip: missing('cc') }, async t => {
  const folder = nativeProject(t)
  const script = resolve(folder, 'scripts/native.mjs')
  run(script)
  const before = readFileSync(join(folder, 'native/build/libtsrun.so'))
  writeFileSync(join(folder, 'native/sys/two.c'), 'int two(void) { return }\n')
  const later = new Date(Date.now() + 5000)
  utimesSync(join(folder, 'native/sys/two.c'), later, later)
  const { status, stderr } = run(script)
  t.equal(status, 1)
  t.match(stderr, /failed on native.build.libtsrun\.so/)
  t.ok(before.equals(readFileSync(join(folder, 'native/build/libtsrun.so'))))
  t.same(readdirSync(join(folder, 'native/build')), ['libtsrun.so'], 'nothing half-made is left')
})

t.test('warnings are errors in a clone, but not in an installed package', { skip: missing('cc') }, async t => {
  const folder = nativeProject(t)
  const script = resolve(folder, 'scripts/native.mjs')
  writeFileSync(join(folder, 'native/sys/one.c'), 'int one(void) { int unused; return 1; }\n')
  t.equal(run(script).status, 0)
  rmSync(join(folder, 'native/build'), { recursive: true })
  mkdirSync(join(folder, 'lib'))
  t.equal(run(script).status, 1)
})

t.test('a build takes out of dist what no source is there for any more', async t => {
  const root = mkdtempSync(join(tmpdir(), 'tsrun-test-'))
  t.teardown(() => rmSync(root, { recursive: true, force: true }))
  const put = (...names: readonly string[]) => {
    for (const name of names) {
      mkdirSync(join(root, name, '..'), { recursive: true })
      writeFileSync(join(root, name), '')
    }
  }
  const kept = [
    'index.js',
    'index.d.ts',
    'sys/a.js',
    'cli/tsrun.cjs',
    'cli/LICENSES.txt',
    'cli/program-0a.js.cache',
    'cli/program-0a.js.calls',
    'cli/program-0a.js.looks.cache',
    'cli/whole-0b.js',
  ]
  put('scripts/prune.mjs', 'lib/index.ts', 'lib/sys/a.ts', 'lib/cli/main.ts', ...kept.map(name => `dist/${name}`))
  put('dist/exec.js', 'dist/lifecycle/deep/run.d.ts', 'dist/cli/main.js', 'dist/sys/b.js', 'dist/sys/a.txt')
  cpSync('scripts/prune.mjs', join(root, 'scripts/prune.mjs'))
  t.match(run(join(root, 'scripts/prune.mjs')), { status: 0, stderr: '' })
  const left = readdirSync(join(root, 'dist'), { recursive: true }).map(String)
  t.strictSame(left.sort(), [...kept, 'cli', 'sys'].sort())
})
