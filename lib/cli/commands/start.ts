import { endAtOnce } from '../../for-command.js'
import type { Command } from '../command.js'
import { isAwaited, listenForReady } from '../notify-socket.js'
import { runtimeOf } from '../open-runtime.js'
import { isShim } from '../shim.js'

export const command: Command = {
  summary: 'start the process of a created container',
  usage: 'ID',
  flags: [],
  arguments: { min: 1, max: 1 },
  completes: ['container'],
  run: async ({ args: [id = ''], globals }) => {
    const container = await runtimeOf(globals).get(id)
    const { passed } = await listenForReady({ container, mainPid: container.pid })
    // What waits for a word of the program must not hold it.
    const outlivesCaller = !isAwaited() && isShim(process.ppid)
    await container.start({ outlivesCaller })
    if (outlivesCaller) endAtOnce()
    await passed
    return 0
  },
}
