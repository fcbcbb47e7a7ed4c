/**
 * Writes V8's code caches of the bundled command beside it (see lib/cli/entry.ts). They are only good for the version of Node
 * that made them, so this runs on install as well; any other version compiles the program instead.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import v8 from 'node:v8'
import { Script } from 'node:vm'

const self = fileURLToPath(import.meta.url)
const folder = join(dirname(dirname(self)), 'dist', 'cli')

function compileAll(filename) {
  const source = readFileSync(filename, 'latin1')
  // All functions, not just those that are called at once. The flag is part of what V8 compares, so it is taken back
  // before the cache is made.
  v8.setFlagsFromString('--no-lazy')
  const script = new Script(source, { filename })
  v8.setFlagsFromString('--lazy')
  return script.createCachedData()
}

/** What was compiled when the program has been called to look around; there need not be anything to see. */
async function compileUsed(filename, root) {
  const script = new Script(readFileSync(filename, 'latin1'), { filename })
  const program = script.runInThisContext()
  for (const call of [['--version'], ['--root', root, 'list'], ['--root', root, 'state', 'none']]) {
    process.argv = [process.execPath, filename, ...call]
    await new Promise(resolve => {
      process.exit = resolve
      program(createRequire(filename), filename, dirname(filename))
    })
  }
  return script.createCachedData()
}

/** In a process of its own: what it prints is for nobody, and it ends when it likes. */
function writeUsed(filename, target) {
  const root = mkdtempSync(join(tmpdir(), 'tsrun-cache-'))
  try {
    const { status, error } = spawnSync(process.execPath, [self, filename, target, root], { stdio: 'ignore' })
    if (status !== 0) throw error ?? new Error(`${target}: the program could not be run to see what it uses`)
  } finally {
    rmdirSync(root)
  }
}

function write(target, make) {
  const temporary = `${target}.${process.pid}`
  make(temporary)
  renameSync(temporary, target)
}

/** Nothing is done in a clone that has not been built. */
export function writeCodeCache() {
  const programs = namesIn(folder).filter(name => /^program-[0-9a-f]+\.js$/.test(name))
  for (const name of programs) {
    const filename = join(folder, name)
    write(`${filename}.all.cache`, file => writeFileSync(file, compileAll(filename)))
    write(`${filename}.looking.cache`, file => writeUsed(filename, file))
  }
}

const namesIn = path => (existsSync(path) ? readdirSync(path) : [])

if (process.argv[1] === self) {
  const [filename, target, root] = process.argv.slice(2)
  writeFileSync(target, await compileUsed(filename, root))
}
