/**
 * The file that `tsrun` is: it runs the bundled program (main.ts) from V8's code cache, which takes 3 ms where compiling
 * would take 10. The cache is made when the package is built or installed and lies beside the program, so that nobody
 * can write to it who could not write to the program. (Node's own compile cache is in a directory that all share by default,
 * and Node 20 has none.)
 */
import { readFileSync } from 'node:fs'
import { Script } from 'node:vm'

/** In CommonJS, which this becomes: of node:module it would have to be loaded, which takes time. */
declare const require: NodeJS.Require

type Program = (require: NodeJS.Require, filename: string, dirname: string) => void

/**
 * Whether the command may need what only few do (tsrun/image, tsrun/sandbox): the program with it is a file of its own, since to read it would cost
 * every call. A word that only looks like it costs a millisecond.
 */
const WHOLE = /^(image|volume|sandbox|doctor|--?image(=.*)?)$/s
const isWhole = process.argv.slice(2).some(word => WHOLE.test(word))

/** Named after the program's content: V8 itself only compares lengths. */
const filename = `${import.meta.dirname}/${isWhole ? process.env.TSRUN_WHOLE_PROGRAM : process.env.TSRUN_PROGRAM}.js`

/**
 * Calls that only look have a cache of what such calls use (scripts/code-cache.mjs), a third of the other: much of their time would go
 * into reading the rest. With the wrong one a call is slower, and nothing else.
 */
const LOOKS = /^(state|list|--version|-v)$/
const caches = process.argv.slice(2).some(word => LOOKS.test(word)) ? ['.looks.cache', '.cache'] : ['.cache']

function readCache(): Buffer | undefined {
  for (const ending of caches) {
    try {
      return readFileSync(`${filename}${ending}`)
    } catch {
      // Slower, and nothing else: the install script did not run, or could not write.
    }
  }
  return undefined
}

const cachedData = readCache()
const script = new Script(readFileSync(filename, 'latin1'), { filename, ...(cachedData && { cachedData }) })
;(script.runInThisContext() as Program)(require, filename, import.meta.dirname)
