/**
 * Compiles the native parts into native/build/ (native-parts.mjs says which) with a C compiler (`CC`, else `cc`), and the add-ons
 * of the bundled packages, unless the package came with those for this machine. Then prepares the command, if it has been
 * built, for this version of Node. Runs on install and with `npm run build:native`.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { abiModule, abiOf } from './abi.mjs'
import { buildAddOns } from './add-ons.mjs'
import { writeCodeCache } from './code-cache.mjs'
import {
  BuildFailure,
  flagsOf,
  HOW_TO_COMPILE,
  installed,
  isPrebuilt,
  parts,
  root,
  sourcesOf,
  unitsOf,
} from './native-parts.mjs'

const build = join(root, 'native', 'build')
const sys = join(root, 'native', 'sys')
const abi = existsSync(sys) ? abiOf(sys) : 0

const noCompiler = compiler => `tsrun: no C compiler found (tried "${compiler}"), so its native part cannot be built.
${HOW_TO_COMPILE}
  Another one:     set CC to its path`

/** A compiler newer than ours may know new warnings: they must not break somebody's install. */
const wanted = flag => !(installed && flag === '-Werror')

function isFresh(output, sources) {
  if (!existsSync(output)) return false
  const made = statSync(output).mtimeMs
  return sources.every(source => statSync(source).mtimeMs <= made)
}

function compile({ sources, output }) {
  const [compiler, ...before] = (process.env.CC || 'cc').split(/\s+/)
  const flags = [...flagsOf(sources).filter(wanted), `-DTSRUN_ABI=${abi}`]
  const units = unitsOf(sources)
  const temporary = `${output}.${process.pid}`
  const started = new Date()
  const libraries = flags.filter(flag => flag.startsWith('-l'))
  const others = flags.filter(flag => !flag.startsWith('-l'))
  const result = spawnSync(compiler, [...before, ...others, '-o', temporary, ...units, ...libraries], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, LC_ALL: 'C' },
  })
  try {
    if (result.error?.code === 'ENOENT') throw new BuildFailure(noCompiler(compiler))
    if (result.error) throw new BuildFailure(`tsrun: ${compiler} could not be run: ${result.error.message}`)
    if (result.status !== 0) throw new BuildFailure(`tsrun: ${compiler} failed on ${relative(root, output)}`)
    // As old as the sources that it was made of, should one change meanwhile.
    utimesSync(temporary, started, started)
    renameSync(temporary, output)
  } finally {
    rmSync(temporary, { force: true })
  }
}

/** In a clone: an installed package has what was built with it. */
function recordAbi() {
  const file = join(root, 'lib', 'sys', 'abi.ts')
  if (existsSync(dirname(file)) && (!existsSync(file) || readFileSync(file, 'utf8') !== abiModule(abi))) {
    writeFileSync(file, abiModule(abi))
  }
}

function makeBuildFolder() {
  try {
    mkdirSync(build, { recursive: true })
  } catch (error) {
    throw new BuildFailure(`tsrun: ${build} cannot be written (${error.code}); run "npm rebuild tsrun" as its owner`)
  }
}

function buildAll() {
  for (const part of parts) {
    const sources = sourcesOf(part)
    const output = join(build, part.output)
    if (!sources.some(path => path.endsWith('.c')) || isFresh(output, sources)) continue
    makeBuildFolder()
    compile({ sources, output })
    console.log(`tsrun: built ${relative(root, output)}`)
  }
}

try {
  recordAbi()
  if (installed) buildAddOns()
  if (!isPrebuilt()) buildAll()
  writeCodeCache()
} catch (error) {
  if (!(error instanceof BuildFailure)) throw error
  console.error(error.message)
  process.exitCode = 1
}
