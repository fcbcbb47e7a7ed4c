/** How the executable without Node is built: the same bytes each time, and for another processor. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import { makeBundle } from '../bundle.js'
import { execute, type Outcome } from '../command.js'
import { EXECUTABLE, settled } from '../forms.js'
import { missing } from '../needs.js'

const EMULATOR = 'qemu-aarch64-static'
const EMULATED = resolve('native/build/standalone/tsrun-arm64')

function build(output: string, env: Readonly<Record<string, string>>, cwd: string): Buffer {
  const script = resolve('scripts/standalone/build.mjs')
  const options = { encoding: 'utf8', cwd, env: { ...process.env, TSRUN_COMMIT: '0123456789ab', ...env } } as const
  const { status, stderr } = spawnSync(process.execPath, [script, '--output', output], options)
  if (status !== 0) throw new Error(stderr)
  return readFileSync(output)
}

t.test('two builds give the same bytes', { skip: missing('standalone', 'cc'), timeout: 300_000 }, async t => {
  const folder = t.testdir({ elsewhere: {} })
  const one = build(join(folder, 'one'), {}, process.cwd())
  const other = build(join(folder, 'elsewhere/other'), { LANG: 'C', MORE: 'x'.repeat(5000) }, join(folder, 'elsewhere'))
  t.ok(one.equals(other))
})

t.test('a processor that is not known is refused', { skip: missing('standalone') }, async t => {
  const words = ['scripts/standalone/build.mjs', '--arch', 'z80']
  const stderr = /^tsrun: --arch z80: it can be .*arm64\n$/
  t.match(spawnSync(process.execPath, words, { encoding: 'utf8' }), { status: 1, stderr })
})

const emulated = (args: readonly string[], cwd = '/'): Outcome =>
  settled(execute(EMULATOR, [EMULATED, ...args], { cwd }))
const ours = (args: readonly string[], cwd = '/'): Outcome => settled(execute(EXECUTABLE, args, { cwd }))

t.test(
  'the executable for arm64 answers as this one does',
  { skip: missing('standalone', 'standalone-arm64') },
  async t => {
    t.equal(readFileSync(EMULATED).readUInt16LE(18), 183, 'EM_AARCH64 of elf(5)')
    t.match(emulated(['--version']).stdout, /^tsrun version .*\ncommit: .*\nspec: .*\nquickjs-ng: .*\nlibseccomp: 2\./)
    const root = join(t.testdir(), 'state')
    for (const args of [
      ['--help'],
      ['help', 'update'],
      ['run', '--nothing'],
      ['--root', root, 'list'],
      ['--root', root, '--log-format', 'json', 'kill', 'x', 'NOSIGNAL'],
      ['completion', 'bash'],
    ]) {
      t.same(emulated(args), ours(args), args.join(' '))
    }
    t.match(emulated(['--root', root, 'state', 'x']), { status: 1, stderr: /container \\"x\\" does not exist/ })
    const { linux } = JSON.parse(emulated(['features']).stdout)
    t.ok(linux.seccomp.enabled)
    const written = [emulated, ours].map((run, index) => {
      const folder = join(root, '..', String(index))
      mkdirSync(folder)
      t.match(run(['spec'], folder), { status: 0, stderr: '' })
      return readFileSync(join(folder, 'config.json'), 'utf8')
    })
    t.equal(written[0], written[1])
  },
)

t.test(
  'and makes the same plan of a configuration',
  { skip: missing('standalone', 'standalone-arm64', 'root', 'busybox') },
  async t => {
    const { bundle } = makeBundle(t)
    const [one, other] = [emulated(['plan', bundle]), ours(['plan', bundle])]
    t.equal(one.status, 0, one.stderr)
    t.same(one, other)
  },
)
