import type { Command } from '../command.js'
import { print } from '../log.js'
import { runtimeOf } from '../open-runtime.js'

export const command: Command = {
  summary: 'show what this runtime supports, as JSON',
  usage: '',
  flags: [],
  arguments: { min: 0, max: 0 },
  run: async ({ globals }) => {
    print(`${JSON.stringify(runtimeOf(globals).features(), null, 4)}\n`)
    return 0
  },
}
