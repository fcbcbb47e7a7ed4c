import type { Volume, Volumes } from '../../image/index.js'
import type { Command, Flag, Flags } from '../command.js'
import { UsageError } from '../command-line.js'
import { STORE_FLAG, storeDirectory } from '../image-flags.js'
import { print } from '../log.js'
import { runVerb, type Verbs, verbTexts } from '../verbs.js'
import { table } from './list.js'

interface Work {
  readonly volumes: Volumes
  readonly args: readonly string[]
  readonly flags: Flags
  readonly signal: AbortSignal
}

const SOME = { min: 1, max: Number.POSITIVE_INFINITY }
const NONE = { min: 0, max: 0 }

const VERBS: Verbs<Work> = {
  create: {
    ...{ usage: 'create NAME...', does: 'make volumes, which are filled when they are used first' },
    ...{ flags: [], arguments: SOME },
    run: async ({ volumes, args, signal }) => {
      for (const name of args) print(`${(await volumes.create(name, { signal })).name}\n`)
    },
  },
  ls: {
    ...{ usage: 'ls', does: 'list the volumes of the store' },
    ...{ flags: ['format', 'quiet'], arguments: NONE },
    run: list,
  },
  rm: {
    ...{ usage: 'rm NAME...', does: 'remove volumes with all that is in them' },
    ...{ flags: [], arguments: SOME },
    run: async ({ volumes, args, signal }) => {
      for (const name of args) await volumes.remove(name, { signal })
    },
  },
  prune: {
    ...{ usage: 'prune', does: 'remove all volumes that no container has, with what is in them' },
    ...{ flags: [], arguments: NONE },
    run: async ({ volumes, signal }) => print((await volumes.prune({ signal })).map(name => `${name}\n`).join('')),
  },
}

const FLAGS: readonly Flag[] = [
  { name: 'quiet', short: 'q', help: 'ls: names only' },
  {
    name: 'format',
    short: 'f',
    value: 'FORMAT',
    completes: ['table', 'json'],
    help: 'ls: table (default) or json',
  },
]

export const command: Command = {
  summary: 'keep directories that outlive containers',
  usage: 'VERB [options] [NAME...]',
  description: verbTexts(VERBS),
  flags: [...FLAGS, STORE_FLAG],
  arguments: SOME,
  completes: [Object.keys(VERBS)],
  run: call =>
    runVerb({ command: 'volume', verbs: VERBS, known: FLAGS }, call, async ({ verb, args, flags }, signal) => {
      const { openImages } = await import('../image-library.js')
      const { volumes } = openImages(storeDirectory(flags))
      await verb.run({ volumes, args, flags, signal })
    }),
}

const HEADER = ['NAME', 'IN USE', 'PATH']

async function list({ volumes, flags, signal }: Work): Promise<void> {
  const format = flags.text('format') ?? 'table'
  if (format !== 'table' && format !== 'json') throw new UsageError(`invalid format option: ${format} (table, json)`)
  const all = await volumes.list({ signal })
  if (flags.isOn('quiet')) print(all.map(({ name }) => `${name}\n`).join(''))
  else if (format === 'json') print(`${JSON.stringify(all)}\n`)
  else print(table(HEADER, all.map(row)))
}

const row = ({ name, inUse, path }: Volume): readonly string[] => [name, inUse ? 'yes' : 'no', path ?? '-']
