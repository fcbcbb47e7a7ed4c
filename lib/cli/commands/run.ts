import type { Container, ExitResult } from '../../index.js'
import type { Call, Command, Flags } from '../command.js'
import { listenForReady } from '../notify-socket.js'
import { failing, runtimeOf } from '../open-runtime.js'
import { checkImageFlags, IMAGE_FLAGS, openRunImage } from '../run-image.js'
import { catchEnding, catchForwarded, exitStatusOf } from '../signals.js'
import { CREATE_FLAGS, createOptions, writePidFile } from './bundle-flags.js'

export const command: Command = {
  summary: 'create, start, wait for and delete a container',
  usage: '[command options] ID | --image NAME [command options] ID [-- ARGUMENT...]',
  description: "The exit status is the container's, or 128 + the number of the signal that ended it.",
  flags: [
    ...CREATE_FLAGS,
    { name: 'detach', short: 'd', help: 'start the container and leave it to the subreaper of the caller' },
    { name: 'keep', help: 'do not delete the container when it has ended' },
    ...IMAGE_FLAGS,
    { name: 'no-subreaper', help: 'accepted for compatibility: tsrun never makes itself a subreaper' },
  ],
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  run: call => failing('run', () => run(call)),
}

async function run(call: Call): Promise<number> {
  const { flags, args, globals } = call
  const [id = '', ...program] = args
  const isDetached = flags.isOn('detach')
  const name = flags.text('image')
  checkImageFlags(flags, { verb: 'run', count: args.length })
  const signals = isDetached ? catchEnding() : catchForwarded()
  const given = { flags, args: program, signal: signals.cancel }
  const image = name === undefined ? undefined : await openRunImage(name, given)
  try {
    const options = createOptions(id, flags, { isDetached, root: image })
    const runtime = runtimeOf(globals)
    const container = await runtime.create({ ...options, leavesStatus: isDetached, signal: signals.cancel })
    image?.keepFor(runtime, id)
    if (isDetached) return await launch({ container, call }, signals.cancel)
    signals.forwardTo(container, globals.log)
    return exitStatusOf(await stay({ container, call }))
  } finally {
    signals.release()
    await image?.release()
  }
}

interface Run {
  readonly container: Container
  readonly call: Call
}

async function launch({ container, call: { flags } }: Run, cancel: AbortSignal): Promise<number> {
  try {
    await writePidFile(flags.text('pid-file'), container, () => container.delete({ force: true }))
    const { passed } = await listenForReady({ container, mainPid: container.pid, signal: cancel })
    await container.start()
    await passed
    return 0
  } catch (error) {
    await clear(container, flags)
    throw error
  }
}

async function stay({ container, call: { flags, globals } }: Run): Promise<ExitResult> {
  const { terminal } = container
  // Loaded for a terminal only: it makes streams of the standard descriptors.
  const attachment = terminal === null ? null : (await import('../terminal.js')).attach(terminal)
  try {
    await writePidFile(flags.text('pid-file'), container, () => container.delete({ force: true }))
    const { passed } = await listenForReady({ container, mainPid: process.pid })
    await container.start()
    passed.catch((error: Error) =>
      globals.log.warning(`that the container is ready could not be told: ${error.message}`),
    )
    return await container.exited
  } finally {
    await clear(container, flags)
    await attachment?.detach()
  }
}

async function clear(container: Container, flags: Flags): Promise<void> {
  if (!flags.isOn('keep')) await container.delete({ force: true })
}
