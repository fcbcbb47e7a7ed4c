import type { Command } from '../command.js'
import { runtimeOf } from '../open-runtime.js'

export const command: Command = {
  summary: 'stop all processes of a container where they are',
  usage: 'ID',
  flags: [],
  arguments: { min: 1, max: 1 },
  completes: ['container'],
  run: async ({ args: [id = ''], globals }) => {
    const container = await runtimeOf(globals).get(id)
    await container.pause()
    return 0
  },
}
