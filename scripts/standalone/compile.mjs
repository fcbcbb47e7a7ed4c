/** Compiles the engine and the C of the executable, and puts the heap of the loaded program into it. */
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { abiOf } from '../abi.mjs'
import { BuildFailure } from '../native-parts.mjs'
import { callsSource } from './calls.mjs'

function execute(command, args, options = {}) {
  const { status, error, signal } = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'], ...options })
  if (error) throw new BuildFailure(`tsrun: ${command} could not be run: ${error.message}`)
  if (status !== 0) throw new BuildFailure(`tsrun: ${command} failed (${signal ?? `status ${status}`})`)
}

const ENGINE_SOURCES = ['quickjs', 'libregexp', 'libunicode', 'dtoa']

/** Of the engine: as it is, without warnings of ours. */
const ENGINE_FLAGS = ['-std=gnu11', '-O2', '-fno-pie', '-D_GNU_SOURCE', '-DNDEBUG', '-fvisibility=hidden', '-w']
const HARDENING = ['-fstack-protector-strong', '-fstack-clash-protection', '-ffunction-sections', '-fdata-sections']

/** The objects of the engine, which are only compiled if they are not there yet: it takes half a minute. */
export function compileEngine({ engine, folder, compiler }) {
  const name = `engine-${engine.version.join('.')}-${statSync(join(engine.folder, 'quickjs.c')).size}`
  const output = join(folder, name)
  mkdirSync(output, { recursive: true })
  return ENGINE_SOURCES.map(source => {
    const object = join(output, `${source}.o`)
    if (!existsSync(object)) {
      execute(compiler, [
        ...ENGINE_FLAGS,
        ...HARDENING,
        '-c',
        '-o',
        `${object}.part`,
        join(engine.folder, `${source}.c`),
      ])
      renameSync(`${object}.part`, object)
    }
    return object
  })
}

const sourcesIn = folder =>
  readdirSync(folder)
    .filter(name => /\.[cS]$/.test(name))
    .sort()
    .map(name => join(folder, name))

const flagsIn = folder =>
  readFileSync(join(folder, 'flags.txt'), 'utf8')
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('#'))

/** The executable without a program in it. */
function link({ root, engine, objects, folder, compiler, libraries, helper, imageBytes }) {
  const own = join(root, 'native', 'standalone')
  const sys = join(root, 'native', 'sys')
  const calls = join(folder, 'calls.c')
  writeFileSync(calls, callsSource(root))
  const flags = flagsIn(own)
  const isLibrary = flag => flag.startsWith('-l')
  const output = join(folder, 'empty')
  execute(compiler, [
    ...flags.filter(flag => !isLibrary(flag)),
    ...HARDENING,
    `-DIMAGE_BYTES=${imageBytes}`,
    `-DTSRUN_ABI=${abiOf(sys)}`,
    ...['-isystem', join(own, 'include'), '-isystem', engine.folder, '-I', own],
    `-Wa,-I,${helper}`,
    ...['-o', output],
    ...sourcesIn(own),
    calls,
    ...sourcesIn(sys),
    ...objects,
    ...libraries,
    ...flags.filter(isLibrary),
  ])
  return output
}

const MARK = 'tsrun heap image'

/** Writes what the executable has saved over the place that it keeps for it. */
function fill(executable, image, output) {
  const bytes = readFileSync(executable)
  const saved = readFileSync(image)
  const places = []
  for (let at = bytes.indexOf(MARK); at >= 0; at = bytes.indexOf(MARK, at + 1)) if (at % 4096 === 0) places.push(at)
  if (places.length !== 1) throw new BuildFailure(`tsrun: ${places.length} places for the heap in ${executable}`)
  saved.copy(bytes, places[0])
  writeFileSync(`${output}.part`, bytes)
  chmodSync(`${output}.part`, 0o755)
  renameSync(`${output}.part`, output)
}

/** Room for the heap of any program, and for what it grows by from one link to the next. */
const ENOUGH = 16 * 1024 * 1024
const SLACK = 64 * 1024

function load({ executable, script, image, runner }) {
  rmSync(image, { force: true })
  const [command, ...args] = [...runner, executable, script, image]
  // Nothing of this environment may get into the heap.
  execute(command, args, { env: {} })
  return statSync(image).size
}

/** Makes the executable of a script at `output`. */
export function makeExecutable(options) {
  const { folder, script, output, runner } = options
  const image = join(folder, 'image')
  const used = load({ executable: link({ ...options, imageBytes: ENOUGH }), script, image, runner })
  const executable = link({ ...options, imageBytes: Math.ceil((used + SLACK) / 4096) * 4096 })
  load({ executable, script, image, runner })
  fill(executable, image, output)
  rmSync(image)
}
