/**
 * Writes V8's code cache of the bundled command beside it (see lib/cli/entry.ts). It is only good for the version of Node
 * that made it, so this runs on install as well; any other version compiles the program instead.
 */
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import v8 from 'node:v8'
import { Script } from 'node:vm'

const folder = join(dirname(dirname(fileURLToPath(import.meta.url))), 'dist', 'cli')

function compileAll(filename) {
  const source = readFileSync(filename, 'latin1')
  // All functions, not just those that are called at once. The flag is part of what V8 compares, so it is taken back
  // before the cache is made.
  v8.setFlagsFromString('--no-lazy')
  const script = new Script(source, { filename })
  v8.setFlagsFromString('--lazy')
  return script.createCachedData()
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
    write(`${filename}.cache`, file => writeFileSync(file, compileAll(filename)))
  }
}

const namesIn = path => (existsSync(path) ? readdirSync(path) : [])
