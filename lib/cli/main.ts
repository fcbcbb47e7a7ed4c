/** Runs the program, and ends the process. */

import { runCommandLine } from './command-run.js'
import { printError } from './log.js'

// All that was written has been written by now, so that Node need not take down its heap first.
runCommandLine(process.argv.slice(2)).then(
  status => process.exit(status),
  (error: Error) => {
    printError(`${error.message}\n`)
    process.exit(1)
  },
)
