import type { Command } from './command.js'
import { fullState } from './full-state.js'
import { print } from './print.js'
import { openRuntime } from './runtime.js'

export const command: Command = {
  summary: 'show the state of a container as JSON',
  usage: 'ID',
  flags: [],
  arguments: { min: 1, max: 1 },
  completes: ['container'],
  run: async ({ args: [id = ''], globals }) => {
    const container = await openRuntime(globals).get(id)
    print(JSON.stringify(await fullState(container, ''), null, 2))
    return 0
  },
}
