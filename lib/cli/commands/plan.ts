import { writeFileSync } from 'node:fs'
import { drawTimeline, type TimelineEntry } from '../../index.js'
import type { Call, Command, Globals } from '../command.js'
import { print } from '../log.js'
import { failing, runtimeOf } from '../open-runtime.js'
import { catchEnding } from '../signals.js'

export const command: Command = {
  summary: 'show, step by step, what create would do; nothing is changed',
  usage: '[command options] BUNDLE',
  description: `With --timeline it is done: the container is created, and deleted without having been started. FILE becomes a picture (SVG) of where the time went, step
by step. Hooks of its creation run, and those of its end.`,
  flags: [
    { name: 'format', short: 'f', value: 'FORMAT', completes: ['text', 'json'], help: 'text (default) or json' },
    { name: 'show-env', help: 'show the values of environment variables' },
    { name: 'timeline', value: 'FILE', completes: 'file', help: 'create and delete it, and draw what that took' },
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
  const file = flags.text('timeline')
  if (file !== undefined) await failing('plan', () => draw({ bundle, file, globals }))
  return 0
}

interface Drawing {
  readonly bundle: string
  readonly file: string
  readonly globals: Globals
}

async function draw({ bundle, file, globals }: Drawing): Promise<void> {
  const signals = catchEnding()
  try {
    let timeline: readonly TimelineEntry[] = []
    const onTimeline = (told: readonly TimelineEntry[]): void => {
      timeline = told
    }
    const id = `plan-${process.pid}-${Date.now()}`
    const container = await runtimeOf(globals).create({
      ...{ id, bundle, onTimeline, stdio: 'ignore', signal: signals.cancel },
    })
    await container.delete({ force: true })
    writeFileSync(file, drawTimeline(timeline, { title: `create of ${bundle}` }))
  } finally {
    signals.release()
  }
}
