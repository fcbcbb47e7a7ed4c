/**
 * Makes the standalone executable, native/build/standalone/tsrun: the command with QuickJS-ng, native/sys, the helper and libseccomp in one static
 * file. `--entry FILE --output FILE` makes one of another program, for tests. CC is the compiler (default: cc); for another machine
 * TSRUN_RUNNER is what runs its programs here, such as qemu-aarch64-static, and TSRUN_LIBRARIES where its libraries are.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { bundleFor } from './bundle.mjs'
import { BuildFailure, compileEngine, makeExecutable } from './compile.mjs'
import { findEngine, HOW_TO_GET } from './engine.mjs'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

function commit() {
  if (process.env.TSRUN_COMMIT) return process.env.TSRUN_COMMIT
  const { stdout, status } = spawnSync('git', ['rev-parse', '--short=12', 'HEAD'], { cwd: root, encoding: 'utf8' })
  return status === 0 ? stdout.trim() : ''
}

/** The static library, with the folder of its header; without a folder of somebody's the compiler finds both. */
function librariesIn(folder) {
  return folder === undefined
    ? ['-lseccomp']
    : ['-isystem', join(folder, 'include'), `-L${join(folder, 'lib')}`, '-lseccomp']
}

async function main() {
  const { values } = parseArgs({ options: { entry: { type: 'string' }, output: { type: 'string' } } })
  const entry = resolve(values.entry ?? join(root, 'lib', 'quickjs', 'standalone.ts'))
  const output = resolve(values.output ?? join(root, 'native', 'build', 'standalone', 'tsrun'))
  const engine = findEngine(root)
  if (engine === null) throw new BuildFailure(HOW_TO_GET)
  const compiler = process.env.CC || 'cc'
  const helper = process.env.TSRUN_HELPER ?? join(root, 'native', 'build')
  if (!existsSync(join(helper, 'tsrun-init')))
    throw new BuildFailure(`tsrun: no ${helper}/tsrun-init: run "npm run build" first`)
  const folder = join(root, 'native', 'build', 'standalone', compiler.replaceAll(/[^a-z0-9]+/g, '-'))
  mkdirSync(folder, { recursive: true })
  mkdirSync(dirname(output), { recursive: true })
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const { text } = await bundleFor({ root, entry, version, commit: commit() })
  const script = join(folder, 'program.js')
  writeFileSync(script, text)
  const objects = compileEngine({ engine, folder, compiler })
  const libraries = librariesIn(process.env.TSRUN_LIBRARIES)
  const runner = process.env.TSRUN_RUNNER
  makeExecutable({ root, engine, objects, folder, compiler, libraries, helper, script, output, runner })
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
