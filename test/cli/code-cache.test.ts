/** The command from V8's code cache (scripts/code-cache.mjs), and without it. */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Script } from 'node:vm'
import t, { type Test } from 'tap'
import { execute } from '../command.js'

const folder = resolve('dist/cli')
const caches = readdirSync(folder).filter(name => name.endsWith('.cache'))
const KILOBYTE = 1000

const script = (file: string, cachedData?: Buffer) =>
  new Script(readFileSync(file, 'latin1'), { filename: file, ...(cachedData && { cachedData }) })

/** A copy of the command, beside what it reads of its package. */
function copyOfCommand(t: Test): string {
  const copy = t.testdir({ dist: {} })
  for (const name of ['package.json', 'native', 'node_modules']) symlinkSync(resolve(name), join(copy, name))
  cpSync(folder, join(copy, 'dist/cli'), { recursive: true })
  return join(copy, 'dist/cli')
}

// One that V8 refuses costs time at each start, and nothing else shows it.
t.test('V8 takes the caches', async t => {
  t.equal(caches.length, 3, 'of each program, and of what calls use that only look')
  for (const name of caches) {
    const program = join(folder, name.replace(/(\.looks)?\.cache$/, ''))
    t.equal(script(program, readFileSync(join(folder, name))).cachedDataRejected, false, name)
  }
})

t.test('calls that only look find what they use in a small one', async t => {
  const looks = caches.find(name => name.endsWith('.looks.cache')) ?? ''
  const file = join(folder, looks.replace('.looks.cache', ''))
  const none = script(file).createCachedData().length
  const [some, all] = [looks, looks.replace('.looks', '')].map(name => readFileSync(join(folder, name)).length)
  // Were nothing compiled in it, the calls that make it would not work any more.
  t.ok((some ?? 0) > none + 50 * KILOBYTE, `${some} bytes, ${none} with nothing compiled`)
  t.ok((some ?? 0) < (all ?? 0) / 2, `${some} of ${all} bytes`)
})

t.test('that of other calls has the functions that are listed', async t => {
  const file = join(folder, caches.find(name => /^program-[^.]*\.js\.cache$/.test(name))?.replace('.cache', '') ?? '')
  const [none, some] = [script(file).createCachedData().length, readFileSync(`${file}.cache`).length]
  t.ok(some > none + 500 * KILOBYTE, `${some} bytes, ${none} with nothing compiled`)
  const all = readFileSync(join(folder, caches.find(name => name.startsWith('whole-')) ?? '')).length
  t.ok(some < all / 2, `${some} bytes, ${all} with all of the whole program`)
})

t.test('has all functions if the debugger does not say where those of the list are', async t => {
  const place = copyOfCommand(t)
  const scripts = join(place, '../../scripts')
  mkdirSync(scripts)
  for (const name of ['code-cache.mjs', 'used-functions.mjs']) cpSync(resolve('scripts', name), join(scripts, name))
  const [calls = ''] = readdirSync(place).filter(name => name.endsWith('.calls'))
  const length = (): number => readFileSync(join(place, calls.replace('.calls', '.cache'))).length
  const before = length()
  writeFileSync(join(place, calls), '[-1]')
  const make = `import('${join(scripts, 'code-cache.mjs')}').then(({ writeCodeCache }) => writeCodeCache())`
  t.match(execute(process.execPath, ['-e', make]), { status: 0, stderr: '' })
  t.ok(length() > 1.5 * before, `${length()} bytes, ${before} with those of the list`)
})

t.test('a cache that is missing, or not for this Node, costs time and nothing else', async t => {
  const place = copyOfCommand(t)
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
  const answers = (how: string): void => {
    const looked = execute(join(place, 'tsrun.cjs'), ['--version'])
    t.match(looked, { status: 0, stdout: `tsrun version ${version}\n`, stderr: '' }, how)
    mkdirSync(join(place, how))
    const written = execute(join(place, 'tsrun.cjs'), ['spec'], { cwd: join(place, how) })
    t.same(written, { status: 0, stdout: '', stderr: '' }, how)
  }
  answers('whole')
  // Flags are part of what V8 compares, as its version is.
  const text = execFileSync(process.execPath, ['--max-lazy', join(place, 'tsrun.cjs'), '--version'], {
    encoding: 'utf8',
  })
  t.match(text, `tsrun version ${version}\n`)
  for (const name of caches) truncateSync(join(place, name), KILOBYTE)
  answers('cut')
  for (const name of caches) writeFileSync(join(place, name), 'x'.repeat(KILOBYTE))
  answers('other')
  for (const name of caches) writeFileSync(join(place, name), '')
  answers('empty')
  for (const name of caches.filter(name => name.endsWith('.looks.cache'))) rmSync(join(place, name))
  answers('one')
  for (const name of caches) rmSync(join(place, name), { force: true })
  answers('none')
})
