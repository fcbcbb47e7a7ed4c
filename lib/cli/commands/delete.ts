import type { Command } from '../command.js'
import { runtimeOf } from '../open-runtime.js'

export const command: Command = {
  summary: 'remove a container, its processes and its cgroup',
  usage: '[command options] ID',
  flags: [{ name: 'force', short: 'f', help: 'kill it if it still runs (SIGKILL); fine if there is none' }],
  arguments: { min: 1, max: 1 },
  completes: ['container'],
  run: async ({ flags, args: [id = ''], globals }) => {
    await runtimeOf(globals).delete(id, { force: flags.isOn('force') })
    return 0
  },
}
