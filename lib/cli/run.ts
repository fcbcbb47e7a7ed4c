import type { Container, ExitResult } from '../index.js'
import { CREATE_FLAGS, createOptions, writePidFile } from './bundle.js'
import type { Call, Command, Flags } from './command.js'
import { failing } from './failing.js'
import { openRuntime } from './runtime.js'
import { catchEnding, catchForwarded, statusOf } from './signals.js'

export const command: Command = {
  summary: 'create, start, wait for and delete a container',
  usage: '[command options] ID',
  description: "The exit status is the container's, or 128 + the number of the signal that ended it.",
  flags: [
    ...CREATE_FLAGS,
    { name: 'detach', short: 'd', help: 'start the container and leave it to the subreaper of the caller' },
    { name: 'keep', help: 'do not delete the container when it has ended' },
    { name: 'no-subreaper', help: 'accepted for compatibility: tsrun never makes itself a subreaper' },
  ],
  arguments: { min: 1, max: 1 },
  run: call => failing('run', () => run(call)),
}

async function run({ flags, args: [id = ''], globals }: Call): Promise<number> {
  const isDetached = flags.isOn('detach')
  const options = createOptions(id, flags, { isDetached })
  const signals = isDetached ? catchEnding() : catchForwarded()
  try {
    const container = await openRuntime(globals).create({
      ...options,
      leavesStatus: isDetached,
      signal: signals.cancel,
    })
    if (isDetached) return await launch(container, flags)
    signals.forwardTo(container)
    return statusOf(await stay(container, flags))
  } finally {
    signals.release()
  }
}

async function launch(container: Container, flags: Flags): Promise<number> {
  try {
    await writePidFile(flags.text('pid-file'), container, () => container.delete({ force: true }))
    await container.start()
    return 0
  } catch (error) {
    await clear(container, flags)
    throw error
  }
}

async function stay(container: Container, flags: Flags): Promise<ExitResult> {
  const { terminal } = container
  // Loaded for a terminal only: it makes streams of the standard descriptors.
  const attachment = terminal === null ? null : (await import('./terminal.js')).attach(terminal)
  try {
    await writePidFile(flags.text('pid-file'), container, () => container.delete({ force: true }))
    await container.start()
    return await container.wait()
  } finally {
    await clear(container, flags)
    await attachment?.detach()
  }
}

async function clear(container: Container, flags: Flags): Promise<void> {
  if (!flags.isOn('keep')) await container.delete({ force: true })
}
