import { runProgram } from './program.js'

runProgram(process.argv.slice(2)).then(
  status => {
    process.exitCode = status
  },
  (error: Error) => {
    console.error(error.message)
    process.exitCode = 1
  },
)
