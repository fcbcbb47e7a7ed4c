import type { Call, Command } from '../command.js'
import { print } from '../log.js'
import { runtimeOf } from '../open-runtime.js'
import { statsJson } from './stats-json.js'

export const command: Command = {
  summary: 'show what a container uses, and when it has no memory left',
  usage: '[command options] ID',
  description: 'One JSON object a line, until the container ends.',
  flags: [
    { name: 'interval', value: 'DURATION', help: 'the time between two statistics (default: 5s)' },
    { name: 'stats', help: 'show the statistics once, and exit' },
  ],
  arguments: { min: 1, max: 1 },
  completes: ['container'],
  run: events,
}

async function events({ flags, args: [id = ''], globals }: Call): Promise<number> {
  const interval = parseDuration(flags.text('interval') ?? '5s')
  if (interval <= 0) throw new Error('duration interval must be greater than 0')
  const container = await runtimeOf(globals).get(id)
  if (flags.isOn('stats')) {
    const { status } = await container.state()
    if (status === 'stopped') throw new Error(`container with id ${id} is not running`)
    print(statsJson(id, await container.stats()))
    return 0
  }
  for await (const event of container.events({ interval })) {
    print(event.type === 'stats' ? statsJson(id, event.stats) : `${JSON.stringify({ type: 'oom', id })}\n`)
  }
  return 0
}

const MILLISECONDS: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
  us: 1e-3,
  µs: 1e-3,
  ns: 1e-6,
}
const PART = /([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(h|ms|m|s|us|µs|ns)/g

/** Milliseconds of a duration such as `5s`, `1m30s` or `250ms`. */
export function parseDuration(text: string): number {
  const [, sign = '', amount = ''] = /^([+-]?)(.*)$/s.exec(text) ?? []
  if (amount === '0') return 0
  const parts = [...amount.matchAll(PART)]
  if (parts.length === 0 || amount.replace(PART, '') !== '') {
    throw new Error(`invalid value ${JSON.stringify(text)} for flag -interval: expected a duration such as 5s`)
  }
  const sum = parts.reduce((total, [, count, unit = '']) => total + Number(count) * (MILLISECONDS[unit] ?? 0), 0)
  return sign === '-' ? -sum : sum
}
