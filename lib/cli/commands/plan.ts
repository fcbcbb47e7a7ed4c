import type { Call, Command } from '../command.js'
import { print } from '../log.js'
import { runtimeOf } from '../open-runtime.js'

export const command: Command = {
  summary: 'show, step by step, what create would do; nothing is changed',
  usage: '[command options] BUNDLE',
  flags: [
    { name: 'format', short: 'f', value: 'FORMAT', completes: ['text', 'json'], help: 'text (default) or json' },
    { name: 'show-env', help: 'show the values of environment variables' },
  ],
  arguments: { min: 1, max: 1 },
  completes: ['directory'],
  run: plan,
}

async function plan({ flags, args: [bundle = ''], globals }: Call): Promise<number> {
  const format = flags.text('format') ?? 'text'
  if (format !== 'text' && format !== 'json') throw new Error(`invalid format option: ${format}`)
  const preview = await runtimeOf(globals).plan(bundle, { showEnv: flags.isOn('show-env') })
  for (const warning of preview.warnings) globals.log.warning(warning)
  print(format === 'json' ? `${JSON.stringify(preview, null, 2)}\n` : String(preview).replace(/\n?$/, '\n'))
  return 0
}
