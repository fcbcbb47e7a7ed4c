import type { Command } from '../command.js'
import { runtimeOf } from '../open-runtime.js'

export const command: Command = {
  summary: "send a signal (default SIGTERM) to a container's init process",
  usage: '[command options] ID [SIGNAL]',
  description: 'SIGNAL is a name, with or without SIG, or a number.',
  flags: [{ name: 'all', short: 'a', help: 'send it to all processes of the container', isHidden: true }],
  arguments: { min: 1, max: 2 },
  completes: ['container', 'signal'],
  stopsAtArgument: true,
  run: async ({ flags, args: [id = '', signal = 'SIGTERM'], globals }) => {
    const container = await runtimeOf(globals).get(id)
    await container.kill(signal, { all: flags.isOn('all') })
    return 0
  },
}
