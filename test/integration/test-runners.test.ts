/** The library in the tests of its users: Vitest has a worker thread for each file, Jest a context of its own in one process. */
import { execFile } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { baseConfig, leftovers, makeRootfs } from '../bundle.js'
import { missing } from '../needs.js'

interface Told {
  readonly fds: readonly string[]
  readonly children: readonly string[]
}

/** The package as it is installed: built, and its dependencies beside it. */
function installPackage(project: string): void {
  const { dependencies } = JSON.parse(fs.readFileSync('package.json', 'utf8')) as {
    dependencies: Record<string, string>
  }
  const installed = join(project, 'node_modules/tsrun')
  fs.mkdirSync(installed, { recursive: true })
  for (const part of ['package.json', 'dist', 'native/build'])
    fs.cpSync(part, join(installed, part), { recursive: true })
  for (const name of Object.keys(dependencies)) {
    fs.symlinkSync(resolve('node_modules', name), join(project, 'node_modules', name))
  }
}

function makeProject(t: Test): string {
  const project = fs.mkdtempSync(join(tmpdir(), 'tsrun-runners-'))
  t.teardown(() => fs.rmSync(project, { recursive: true, force: true }))
  installPackage(project)
  const folder = join(project, 'container')
  for (const name of ['plain', 'use', 'container/state']) fs.mkdirSync(join(project, name), { recursive: true })
  for (const name of ['one', 'two', 'three']) {
    fs.copyFileSync('test/integration/runners/plain.mjs', join(project, 'plain', `${name}.test.mjs`))
    fs.copyFileSync('test/integration/runners/user.mjs', join(project, 'use', `${name}.test.mjs`))
  }
  makeRootfs(join(folder, 'rootfs'))
  const config = baseConfig()
  config.process.args = ['/bin/echo', 'hello']
  fs.writeFileSync(join(folder, 'config.json'), JSON.stringify(config))
  fs.writeFileSync(
    join(project, 'package.json'),
    JSON.stringify({
      name: 'project',
      private: true,
      jest: { transform: {}, globalTeardown: resolve('test/integration/runners/settle.cjs') },
    }),
  )
  return project
}

interface Runner {
  readonly project: string
  readonly name: string
  readonly args: readonly string[]
  /** How many copies of the library its main thread has in the end. */
  readonly copies: number
}

/** Has the runner run the tests of that folder of the project. */
async function runTests(t: Test, { project, name, args }: Runner, folder: string): Promise<Told> {
  const [told, prefix] = [join(project, `${folder}.json`), `tsrun-${name}-${process.pid}`]
  const env = {
    ...process.env,
    TOLD: told,
    PREFIX: prefix,
    FOLDER: join(project, 'container'),
    NODE_OPTIONS: '',
    CI: 'true',
  }
  const command = ['--require', resolve('test/integration/runners/told.cjs'), ...args, folder]
  const run = promisify(execFile)(process.execPath, command, { cwd: project, env, timeout: 300_000 })
  const { stdout, stderr } = await run.catch((failure: { stdout: string; stderr: string }) => {
    t.fail('the tests pass', { stdout: failure.stdout, stderr: failure.stderr })
    return failure
  })
  t.match(stdout + stderr, /Tests:?\s.*3 passed/, 'all of them')
  t.strictSame(leftovers(prefix), [])
  t.strictSame(
    fs.readdirSync(join(project, 'container/state')).filter(entry => entry.startsWith(prefix)),
    [],
    'containers',
  )
  return JSON.parse(fs.readFileSync(told, 'utf8')) as Told
}

const HELPER = '/memfd:tsrun-init (deleted)'
/** Each copy of the library has them open for as long as its thread lives. */
const isRoot = (link: string): boolean => /^\/sys\/fs\/cgroup(\/[^/]+)?$/.test(link)

const kinds = (links: readonly string[]): string[] => links.map(link => link.replace(/:\[\d+\]$/, '')).sort()

async function leavesNothing(t: Test, runner: Runner): Promise<void> {
  const plain = await runTests(t, runner, 'plain')
  const used = await runTests(t, runner, 'use')
  const others = used.fds.filter(link => link !== HELPER && !isRoot(link))
  t.equal(used.fds.filter(link => link === HELPER).length, 1, 'the helper is there once')
  const roots = used.fds.filter(isRoot)
  t.equal(roots.length, new Set(roots).size * runner.copies, `the roots of cgroups: ${roots.join(' ')}`)
  t.strictSame(kinds(others), kinds(plain.fds), 'descriptors')
  t.strictSame(used.children, plain.children, 'processes')
}

t.test('Vitest, with files in threads', { skip: missing('root', 'busybox', 'vitest') }, async t => {
  const vitest = resolve('test/integration/runners/node_modules/vitest/vitest.mjs')
  const args = [vitest, 'run', '--globals', '--pool', 'threads', '--no-cache', '--dir']
  await leavesNothing(t, { project: makeProject(t), name: 'vitest', args, copies: 0 })
})

t.test('Jest, with files in one process', { skip: missing('root', 'busybox', 'jest') }, async t => {
  const project = makeProject(t)
  const cache = `--cacheDirectory=${join(project, 'cache')}`
  const args = [
    '--experimental-vm-modules',
    resolve('test/integration/runners/node_modules/jest/bin/jest.js'),
    '-i',
    '--no-watchman',
    cache,
  ]
  await leavesNothing(t, { project, name: 'jest', args, copies: 3 })
})
