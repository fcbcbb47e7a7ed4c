import type { Command } from '../command.js'
import { listenForReady } from '../notify-socket.js'
import { runtimeOf } from '../open-runtime.js'

export const command: Command = {
  summary: 'start the process of a created container',
  usage: 'ID',
  flags: [],
  arguments: { min: 1, max: 1 },
  completes: ['container'],
  run: async ({ args: [id = ''], globals }) => {
    const container = await runtimeOf(globals).get(id)
    const { passed } = await listenForReady({ container, mainPid: container.pid })
    await container.start()
    await passed
    return 0
  },
}
