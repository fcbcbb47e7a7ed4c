/**
 * Makes the standalone executable, native/build/standalone/tsrun: the command with QuickJS-ng, native/sys, the helper and libseccomp in one static
 * file. CC is the compiler (default: cc). `--arch arm64` (or x64) makes native/build/standalone/tsrun-arm64, for another processor than this one.
 * `--entry FILE --output FILE` makes one of another program, for tests. The same sources and compilers give the same bytes.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { BuildFailure, root } from '../native-parts.mjs'
import { bundleFor } from './bundle.mjs'
import { compileEngine, makeExecutable } from './compile.mjs'
import { findEngine, HOW_TO_GET } from './engine.mjs'
import { targetOf } from './target.mjs'

const built = join(root, 'native', 'build', 'standalone')
const TEXT = { type: 'string' }

function commit() {
  if (process.env.TSRUN_COMMIT) return process.env.TSRUN_COMMIT
  const { stdout, status } = spawnSync('git', ['rev-parse', '--short=12', 'HEAD'], { cwd: root, encoding: 'utf8' })
  return status === 0 ? stdout.trim() : ''
}

async function main() {
  const { values } = parseArgs({ options: { arch: TEXT, entry: TEXT, output: TEXT } })
  const { arch = process.arch } = values
  const name = arch === process.arch ? 'tsrun' : `tsrun-${arch}`
  const entry = resolve(values.entry ?? join(root, 'lib', 'quickjs', 'standalone.ts'))
  const output = resolve(values.output ?? join(built, name))
  const engine = findEngine(root)
  if (engine === null) throw new BuildFailure(HOW_TO_GET)
  const target = targetOf(arch, built)
  const folder = join(built, target.compiler.replaceAll(/[^a-z0-9]+/g, '-'))
  mkdirSync(folder, { recursive: true })
  mkdirSync(dirname(output), { recursive: true })
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const { text, warnings } = await bundleFor({ root, entry, version, commit: commit() })
  for (const warning of warnings) console.error(`tsrun: ${warning}`)
  const script = join(folder, 'program.js')
  writeFileSync(script, text)
  const objects = compileEngine({ engine, folder, compiler: target.compiler })
  makeExecutable({ root, engine, objects, folder, script, output, ...target })
  console.log(
    `tsrun: built ${output} (${(statSync(output).size / 1e6).toFixed(1)} MB, QuickJS-ng ${engine.version.join('.')})`,
  )
}

try {
  await main()
} catch (error) {
  if (!(error instanceof BuildFailure)) throw error
  console.error(error.message)
  process.exitCode = 1
}
