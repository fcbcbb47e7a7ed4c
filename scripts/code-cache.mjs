/**
 * Writes V8's code caches of the bundled command beside it (see lib/cli/entry.ts). They are only good for the version of Node
 * that made them, so this runs on install as well; any other version compiles the program instead.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import v8 from 'node:v8'
import { Script } from 'node:vm'

/** Node can be built without it. */
const inspector = process.features.inspector ? await import('node:inspector') : undefined
const scripts = dirname(fileURLToPath(import.meta.url))
const folder = join(dirname(scripts), 'dist', 'cli')

/** Calls that only look, and that find nothing where they are told to look. */
const LOOKS = [['--version'], ['list'], ['state', 'none']]

function compileAll(filename) {
  const source = readFileSync(filename, 'latin1')
  // All functions, not just those that are called at once. The flag is part of what V8 compares, so it is taken back
  // before the cache is made.
  v8.setFlagsFromString('--no-lazy')
  const script = new Script(source, { filename })
  v8.setFlagsFromString('--lazy')
  return script.createCachedData()
}

/**
 * With the functions that usual calls of the command call (bundle.mjs has written where they end), which is half of all. Asked where a
 * function can be stopped in, V8 compiles it. Undefined if it does not say: then there is the cache of all.
 */
function compileCalled(filename) {
  const source = readFileSync(filename, 'latin1')
  const session = new inspector.Session()
  let scriptId
  session.connect()
  session.on('Debugger.scriptParsed', ({ params }) => {
    if (params.url.endsWith(basename(filename))) scriptId = params.scriptId
  })
  session.post('Debugger.enable')
  const script = new Script(source, { filename })
  // Its value is a function, which is not called; the debugger knows it from now on.
  script.runInThisContext()
  const place = placesIn(source)
  let failure = null
  for (const at of JSON.parse(readFileSync(`${filename}.calls`, 'utf8'))) {
    const [start, end] = [at, at + 1].map(offset => ({ scriptId, ...place(offset) }))
    const range = { start, end, restrictToFunction: true }
    session.post('Debugger.getPossibleBreakpoints', range, error => {
      failure ??= error
    })
  }
  session.disconnect()
  return failure === null ? script.createCachedData() : undefined
}

/** From an offset to line and column. */
function placesIn(source) {
  const starts = [0, ...[...source.matchAll(/\n/g)].map(({ index }) => index + 1)]
  return offset => {
    const lineNumber = starts.findLastIndex(start => start <= offset)
    return { lineNumber, columnNumber: offset - starts[lineNumber] }
  }
}

/**
 * What V8 has compiled after the calls, each of which begins with what those before it have compiled; undefined if none of them
 * came to its end, as without the native parts: then there is the cache of all.
 */
function compileUsed(filename) {
  const place = mkdtempSync(join(tmpdir(), 'tsrun-looks-'))
  const cache = join(place, 'cache')
  try {
    for (const words of LOOKS) {
      const command = [join(scripts, 'used-functions.mjs'), filename, cache, '--root', join(place, 'state'), ...words]
      spawnSync(process.execPath, command, { stdio: 'ignore', timeout: 30_000 })
    }
    return existsSync(cache) ? readFileSync(cache) : undefined
  } finally {
    rmSync(place, { recursive: true })
  }
}

function write(target, contents) {
  const temporary = `${target}.${process.pid}`
  writeFileSync(temporary, contents)
  renameSync(temporary, target)
}

/** Nothing is done in a clone that has not been built. */
export function writeCodeCache() {
  for (const name of namesIn(folder)) {
    const [whole, kind] = /^(program|whole)-[0-9a-f]+\.js$/.exec(name) ?? []
    if (whole === undefined) continue
    const filename = join(folder, name)
    const isKnown = inspector !== undefined && existsSync(`${filename}.calls`)
    write(`${filename}.cache`, (isKnown ? compileCalled(filename) : undefined) ?? compileAll(filename))
    // The other program is for commands that do more than look.
    const used = kind === 'program' ? compileUsed(filename) : undefined
    if (used !== undefined) write(`${filename}.looks.cache`, used)
  }
}

const namesIn = path => (existsSync(path) ? readdirSync(path) : [])
