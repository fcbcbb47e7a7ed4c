import { existsSync } from 'node:fs'
import { type Container, isTsrunError, type Runtime } from '../../index.js'
import type { Call, Command } from '../command.js'
import { print } from '../log.js'
import { runtimeOf } from '../open-runtime.js'
import { type FullState, fullState, userOf } from './state.js'

export const command: Command = {
  summary: 'list the containers',
  usage: '[command options]',
  flags: [
    { name: 'format', short: 'f', value: 'FORMAT', completes: ['table', 'json'], help: 'table (default) or json' },
    { name: 'quiet', short: 'q', help: 'ids only' },
  ],
  arguments: { min: 0, max: 0 },
  run: list,
}

async function list({ flags, globals }: Call): Promise<number> {
  const format = flags.text('format') ?? 'table'
  if (format !== 'table' && format !== 'json') throw new Error(`invalid format option: ${format}`)
  if (globals.root !== undefined && !existsSync(globals.root)) {
    throw new Error(`${globals.root}: no such file or directory`)
  }
  const runtime = runtimeOf(globals)
  const states = await statesOf(runtime, await runtime.list())
  if (flags.isOn('quiet')) print(states.map(({ id }) => `${id}\n`).join(''))
  else if (format === 'json') print(`${states.length === 0 ? 'null' : JSON.stringify(states)}\n`)
  else print(table(HEADER, states.map(rowOf)))
  return 0
}

const HEADER = ['ID', 'PID', 'STATUS', 'BUNDLE', 'CREATED', 'OWNER']

const rowOf = ({ id, pid, status, bundle, created, owner }: FullState): readonly string[] => [
  id,
  String(pid),
  status,
  bundle,
  created,
  owner,
]

async function statesOf(runtime: Runtime, containers: readonly Container[]): Promise<FullState[]> {
  const states = await Promise.all(containers.map(container => stateOf(runtime, container)))
  return states.filter(state => state !== null)
}

/** null: deleted meanwhile. */
async function stateOf({ root }: Runtime, container: Container): Promise<FullState | null> {
  try {
    return await fullState(container, userOf(root, container.id))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || (isTsrunError(error) && error.code === 'ERR_STATE_NOT_FOUND')) return null
    throw error
  }
}

const NARROWEST = 12
const GAP = 3

/** Columns as wide as their longest cell and a gap, but 12 at least; nothing follows the last cell of a line. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [header, ...rows]
  const widths = header.map((_, column) => Math.max(NARROWEST, ...all.map(row => widthOf(row[column]) + GAP)))
  const last = header.length - 1
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (column === last ? cell : cell + ' '.repeat((widths[column] ?? 0) - widthOf(cell))))
      .join('')
  return all.map(row => `${line(row)}\n`).join('')
}

/** In characters, not in UTF-16 units. */
const widthOf = (cell = ''): number => [...cell].length
