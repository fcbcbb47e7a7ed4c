/** The executable without what it needs, ended at any moment, and with configurations that are wrong in any way. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { createRuntime } from '../../lib/index.js'
import { leftovers, makeBundle } from '../bundle.js'
import { execute, type Outcome, type Surroundings } from '../command.js'
import { goodDocuments, mutated } from '../config/fuzz.js'
import { randomFrom, readTree } from '../config/mutate.js'
import { effort } from '../effort.js'
import { EXECUTABLE, NODE_FORM, settled, withBoth } from '../forms.js'
import { missing } from '../needs.js'
import { until } from '../until.js'

const skip = missing('standalone')
const skipRoot = missing('standalone', 'root', 'busybox')
const DOCUMENTS = 200 * effort.times
const KILLS = 20 * effort.times
/** `run` of a short program, and some more. */
const LONGEST_MS = 30
const KIBIBYTE = 1024

const run = (args: readonly string[], surroundings?: Surroundings): Outcome => execute(EXECUTABLE, args, surroundings)

/** The command with limits of its own, as a shell sets them. */
const limited = (limit: string, args: readonly string[], surroundings: Surroundings): Outcome =>
  execute('/bin/sh', ['-c', `ulimit ${limit}; exec "$0" "$@"`, EXECUTABLE, ...args], surroundings)

t.test('without memory or stack there is an error, and nothing half made', { skip: skipRoot }, async t => {
  const box = makeBundle(t)
  const [root, id] = [box.runtime.root, box.id()]
  const annotations = Object.fromEntries(Array.from({ length: 200_000 }, (_, index) => [`key.${index}`, 'value']))
  box.configure(config => Object.assign(config, { annotations }))
  const words = ['--root', root, 'run', id]
  for (const [limit, error] of [
    ['-v 40000', /out of memory/],
    ['-s 64', /Maximum call stack size exceeded|^$/],
    // With less the environment alone may fill it, and the kernel ends the program before it begins.
    ['-s 48', /limit of the stack/],
  ] as const) {
    const { status, stderr } = limited(limit, words, { cwd: box.bundle })
    t.match(stderr, error, limit)
    t.equal(status, stderr === '' ? 0 : 1, limit)
    t.equal(run(['--root', root, 'list', '-q']).stdout, '', `${limit}: nothing is left`)
  }
})

t.test('wherever the memory ends, nothing is left', { skip: skipRoot }, async t => {
  const box = makeBundle(t)
  box.configure(config => {
    config.process.args = ['true']
  })
  mkdirSync(box.runtime.root, { recursive: true })
  const least = Math.ceil(statSync(EXECUTABLE).size / KIBIBYTE)
  const told = new Set<string>()
  for (let more = 300; more < 2100; more += 20) {
    const words = ['--root', box.runtime.root, 'run', box.id(`m${more}`)]
    const { status, stderr } = limited(`-v ${least + more}`, words, { cwd: box.bundle })
    told.add(status === 0 ? 'run' : stderr.includes('out of memory') ? 'out of memory' : 'ended by the system')
    t.same(readdirSync(box.runtime.root), [], `${least + more} KiB: ${stderr}`)
  }
  t.ok(told.has('run') && told.has('out of memory'), [...told].join())
})

t.test('a document that is deep is the same error as with Node', { skip }, async t => {
  const folder = t.testdir({ rootfs: {} })
  for (const depth of [50, 5000, 500_000])
    for (const [open, close] of [
      ['[', ']'],
      ['{"a":', '}'],
    ] as const) {
      const inner = `${open.repeat(depth)}1${close.repeat(depth)}`
      writeFileSync(join(folder, 'config.json'), `{"ociVersion":"1.0.2","annotations":${inner}}`)
      const [ours, theirs] = withBoth(['plan', folder], { cwd: '/' })
      t.equal(ours.status, 1)
      t.same(ours, theirs, `${depth} times ${open}`)
    }
})

t.test('a state that is too deep for the engine is one that cannot be read', { skip }, async t => {
  const root = t.testdir({ x: { state: `${'['.repeat(100_000)}${']'.repeat(100_000)}\n` } })
  for (const words of [['list'], ['state', 'x'], ['delete', '--force', 'x']]) {
    const { stderr } = run(['--root', root, ...words])
    t.match(stderr, /the state of container \\"x\\" cannot be read/, words.join(' '))
  }
  t.same(readdirSync(root), [])
})

t.test('a file that may not grow is an error, in both forms', { skip: skipRoot }, async t => {
  const box = makeBundle(t)
  const script = '{ ulimit -f 0; "$@"; echo $?; } 2>&1 | cat'
  for (const form of [[EXECUTABLE], [process.execPath, NODE_FORM]]) {
    const words = ['--root', box.runtime.root, 'run', '--bundle', box.bundle, box.id()]
    const { stdout } = execute('/bin/sh', ['-c', `unset NODE_OPTIONS; ${script}`, 'sh', ...form, ...words])
    t.match(stdout, /tsrun run failed: .*EFBIG.*\n1\n$/)
  }
  t.same(readdirSync(box.runtime.root), [])
})

t.test('a disk that is full is an error, and nothing is left', { skip: skipRoot }, async t => {
  const box = makeBundle(t)
  const place = t.testdir({ disk: {} })
  const script = `
    mount -t tmpfs -o size=64k tmpfs "$0/disk"; dd if=/dev/zero of="$0/disk/fill" bs=4k count="$1" 2>/dev/null
    "$2" --root "$0/disk/state" run -b "$3" full; echo "$? $(ls -A "$0/disk/state")"`
  for (const pages of [14, 15, 16]) {
    const words = ['-m', 'sh', '-c', script, place, String(pages), EXECUTABLE, box.bundle]
    const { stdout, stderr } = execute('unshare', words)
    t.equal(stdout, '1 \n', `${pages} pages`)
    t.match(stderr, /ENOSPC/)
  }
})

t.test(`${KILLS} kills in the middle: delete removes what is left`, { skip: skipRoot, timeout: 300_000 }, async t => {
  const box = makeBundle(t)
  box.configure(config => {
    config.process.args = ['true']
  })
  const random = randomFrom(effort.seed)
  for (let round = 0; round < KILLS; round++) {
    const id = box.id(`k${round}`)
    const words = ['--root', box.runtime.root, 'run', id]
    const victim = spawn(EXECUTABLE, words, { cwd: box.bundle, stdio: 'ignore' })
    const ended = once(victim, 'exit')
    // The moment is what is tried, and not waited for.
    const moment = random(LONGEST_MS * 10) / 10
    await sleep(moment)
    victim.kill('SIGKILL')
    await ended
    const { status, stderr } = run(['--root', box.runtime.root, 'delete', '--force', id])
    t.equal(status, 0, stderr)
    await until(() => leftovers(id).length === 0, `killed after ${moment} ms: nothing is left`)
  }
  t.same(readdirSync(box.runtime.root), [])
})

t.test(`${DOCUMENTS} mutated configurations: the answer of Node`, { skip: skipRoot, timeout: 600_000 }, async t => {
  const box = makeBundle(t)
  const runtime = createRuntime({ root: box.runtime.root, unknownProperties: 'ignore' })
  const file = join(box.bundle, 'config.json')
  const good = [readTree(readFileSync(file, 'utf8')), ...goodDocuments()]
  const wrong: unknown[] = []
  for (let seed = effort.seed; seed < effort.seed + DOCUMENTS; seed++) {
    writeFileSync(file, mutated({ good, random: randomFrom(seed) }))
    const ours = settled(run(['--root', box.runtime.root, 'plan', '--format', 'json', box.bundle]))
    const theirs = settled(await answerOf(() => runtime.plan(box.bundle)))
    if (JSON.stringify(ours) !== JSON.stringify(theirs)) wrong.push({ seed, ours, theirs })
  }
  t.same(wrong, [])
})

/** What `tsrun plan --format json` would write. */
async function answerOf(plan: () => Promise<{ readonly warnings: readonly string[] }>): Promise<Outcome> {
  const line = (level: string, text: string) =>
    `time="2026-01-01T00:00:00Z" level=${level} msg=${JSON.stringify(text)}\n`
  try {
    const preview = await plan()
    const stderr = preview.warnings.map(warning => line('warning', warning)).join('')
    return { status: 0, stdout: `${JSON.stringify(preview, null, 2)}\n`, stderr }
  } catch (error) {
    return { status: 1, stdout: '', stderr: line('error', (error as Error).message) }
  }
}
