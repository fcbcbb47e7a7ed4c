import type { Call, Command } from '../command.js'
import { print } from '../log.js'
import { runtimeOf } from '../open-runtime.js'
import { type Candidate, complete, type Suggestions } from '../shell/complete.js'
import { COMPLETION_SCRIPTS, SHELLS } from '../shell/completion-scripts.js'

export const command: Command = {
  summary: 'print a script that makes a shell complete commands, flags and containers',
  usage: SHELLS.join(' | '),
  flags: [],
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  stopsAtArgument: true,
  completes: [SHELLS],
  run: completion,
}

async function completion({ args: [what = '', ...words], globals, commands }: Call): Promise<number> {
  if (what === 'words') {
    // For the scripts.
    const listed = (root: string | undefined): Promise<readonly Candidate[]> => containers(root, globals)
    printSuggestions(await complete(words.slice(words[0] === '--' ? 1 : 0), { commands, containers: listed }))
    return 0
  }
  const shell = SHELLS.find(name => name === what)
  if (shell === undefined) throw new Error(`no such shell: ${what} (${SHELLS.join(', ')})`)
  print(COMPLETION_SCRIPTS[shell])
  return 0
}

function printSuggestions({ candidates, paths }: Suggestions): void {
  print(candidates.map(({ word, about }) => `${word}\t${about}\n`).join(''))
  if (paths !== null) print(`:${paths}\n`)
}

async function containers(root: string | undefined, globals: Call['globals']): Promise<readonly Candidate[]> {
  const list = await runtimeOf(root === undefined ? globals : { ...globals, root }).list()
  return Promise.all(list.map(async container => ({ word: container.id, about: (await container.state()).status })))
}
