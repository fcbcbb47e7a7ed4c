import { spawnSync } from 'node:child_process'
import type { Call, Command } from '../command.js'
import { print } from '../log.js'
import { runtimeOf } from '../open-runtime.js'

export const command: Command = {
  summary: 'list the processes of a container, as the host sees them',
  usage: '[command options] ID [ps options]',
  description: 'The table is that of the ps command of the host, with the options given (default: -ef).',
  flags: [
    {
      name: 'format',
      short: 'f',
      value: 'FORMAT',
      completes: ['table', 'json'],
      help: 'table (default) or json: the pids',
    },
  ],
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  completes: ['container'],
  stopsAtArgument: true,
  run: ps,
}

async function ps({ flags, args: [id = '', ...options], globals }: Call): Promise<number> {
  const format = flags.text('format') ?? 'table'
  if (format !== 'table' && format !== 'json') throw new Error(`invalid format option: ${format}`)
  const container = await runtimeOf(globals).get(id)
  const pids = await container.processes()
  if (format === 'json') print(`${pids.length === 0 ? 'null' : JSON.stringify(pids)}\n`)
  else print(rowsOf(new Set(pids), runPs(options.length === 0 ? ['-ef'] : options)))
  return 0
}

function runPs(options: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync('ps', options, { encoding: 'utf8' })
  if (error !== undefined) throw new Error(`ps: ${error.message}`, { cause: error })
  if (status !== 0) throw new Error(`ps failed with status ${status}: ${stderr.trim()}`)
  return stdout
}

/** The heading, and the lines about these processes. */
function rowsOf(pids: ReadonlySet<number>, table: string): string {
  const [heading = '', ...lines] = table.split('\n')
  const column = heading.trim().split(/\s+/).indexOf('PID')
  if (column < 0) throw new Error("couldn't find PID field in ps output")
  const rows = lines.filter(line => pids.has(Number(line.trim().split(/\s+/)[column])))
  return `${[heading, ...rows].join('\n')}\n`
}
