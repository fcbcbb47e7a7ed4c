/** In place of the commands that need the network, TLS or a process that stays: those belong to the form of tsrun that runs on Node. */
import type { Command } from '../cli/command.js'

export const nodeOnly = (name: string): Command => ({
  summary: 'only in the form of tsrun that runs on Node.js',
  usage: '...',
  flags: [],
  arguments: { min: 0, max: Number.POSITIVE_INFINITY },
  stopsAtArgument: true,
  passesFlags: true,
  run: () => {
    const remedy = 'install the package (npm install --global tsrun), which has it beside all commands of this one'
    throw new Error(`${name} is not in the standalone executable, which has neither network nor TLS: ${remedy}`)
  },
})
