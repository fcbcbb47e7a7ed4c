/**
 * `node used-functions.mjs PROGRAM CACHE WORD...`: runs the bundled command with these words, as lib/cli/entry.ts does, and writes
 * V8's code cache with the functions that were called. What CACHE has from an earlier call stays in it.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { Script } from 'node:vm'

const [filename, cache] = process.argv.splice(2, 2)
const cachedData = existsSync(cache) ? readFileSync(cache) : undefined
const script = new Script(readFileSync(filename, 'latin1'), { filename, ...(cachedData && { cachedData }) })
// The command ends its process.
process.on('exit', () => writeFileSync(cache, script.createCachedData()))
script.runInThisContext()(createRequire(filename), filename, dirname(filename))
