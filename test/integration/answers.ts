/** Node's form of the command for many calls in one process. Standard input: their words, as JSON; after each a line with its status. */
import { readFileSync } from 'node:fs'
import { runCommandLine } from '../../lib/cli/command-run.js'
import { print, printError } from '../../lib/cli/log.js'
import { END } from '../forms.js'

// Each call hears of signals for itself.
process.setMaxListeners(0)

for (const args of JSON.parse(readFileSync(0, 'utf8')) as readonly (readonly string[])[]) {
  const status = await runCommandLine(args).catch((error: Error) => {
    printError(`${error.message}\n`)
    return 1
  })
  print(`${END}${status}\n`)
  printError(`${END}\n`)
}
process.exit(0)
