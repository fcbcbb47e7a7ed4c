/**
 * Compiles the native parts into native/build/: `libtsrun.so` (native/sys, behind lib/sys), `tsrun-init` (native/init, the
 * helper) and `tsrun-layer` (native/layer, which writes the layers of images). Needs a C compiler (`CC`, else `cc`) and nothing
 * else. Then prepares the command, if it has been built, for this version of Node. Runs on install and with
 * `npm run build:native`.
 */
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { abiModule, abiOf } from './abi.mjs'
import { writeCodeCache } from './code-cache.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const build = join(root, 'native', 'build')
const targets = [
  { folder: 'sys', output: 'libtsrun.so' },
  { folder: 'init', output: 'tsrun-init' },
  // It makes the same system calls, and has no libc either.
  {
    folder: 'layer',
    output: 'tsrun-layer',
    shared: ['call.h', 'memory.c', 'memory.h', 'sys.c', 'sys.h', 'sys_copy.c'],
  },
]

const sys = join(root, 'native', 'sys')
const abi = existsSync(sys) ? abiOf(sys) : 0

const noCompiler = compiler => `tsrun: no C compiler found (tried "${compiler}"), so its native part cannot be built.
  Debian, Ubuntu:  apt-get install gcc libc6-dev
  Fedora, RHEL:    dnf install gcc glibc-devel
  Alpine:          apk add gcc musl-dev linux-headers
  Another one:     set CC to its path
Then run:          npm rebuild tsrun   (in a clone of tsrun: npm run build)`

class BuildFailure extends Error {}

function sourcesOf(folder, shared = []) {
  const path = join(root, 'native', folder)
  if (!existsSync(path)) return []
  const own = readdirSync(path)
    .filter(name => /\.[chS]$/.test(name) || name === 'flags.txt')
    .sort()
    .map(name => join(path, name))
  return [...own, ...shared.map(name => join(root, 'native', 'init', name))]
}

/** One flag per line; empty lines and lines that start with # are left out. */
function flagsOf(sources) {
  const file = sources.find(path => path.endsWith('/flags.txt'))
  if (file === undefined) throw new BuildFailure(`tsrun: ${relative(root, dirname(sources[0]))}/flags.txt is missing`)
  const flags = readFileSync(file, 'utf8')
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('#'))
  // A compiler newer than ours may know new warnings: they must not break somebody's install.
  const installed = !existsSync(join(root, 'lib'))
  return installed ? flags.filter(flag => flag !== '-Werror') : flags
}

function isFresh(output, sources) {
  if (!existsSync(output)) return false
  const made = statSync(output).mtimeMs
  return sources.every(source => statSync(source).mtimeMs <= made)
}

function compile({ sources, output }) {
  const [compiler, ...before] = (process.env.CC || 'cc').split(/\s+/)
  const flags = [...flagsOf(sources), `-DTSRUN_ABI=${abi}`]
  const units = sources.filter(path => /\.[cS]$/.test(path))
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
  for (const { folder, output: name, shared } of targets) {
    const sources = sourcesOf(folder, shared)
    const output = join(build, name)
    if (!sources.some(path => path.endsWith('.c')) || isFresh(output, sources)) continue
    makeBuildFolder()
    compile({ sources, output })
    console.log(`tsrun: built ${relative(root, output)}`)
  }
}

try {
  recordAbi()
  buildAll()
  writeCodeCache()
} catch (error) {
  if (!(error instanceof BuildFailure)) throw error
  console.error(error.message)
  process.exitCode = 1
}
