import { resolve } from 'node:path'
import type { CommandRestoreOptions } from '../../for-command.js'
import type { Container, ExitResult } from '../../index.js'
import type { Call, Command, Flags } from '../command.js'
import { failing, runtimeOf } from '../open-runtime.js'
import { checkImageFlags, IMAGE_FLAGS, openRunImage, type RunImage } from '../run-image.js'
import { catchEnding, catchForwarded, exitStatusOf } from '../signals.js'
import {
  asksForTerminal,
  BUNDLE_FLAG,
  CONSOLE_SOCKET_FLAG,
  checkTerminal,
  hasTerminal,
  PID_FILE_FLAG,
  writePidFile,
} from './bundle-flags.js'
import { CRIU_FLAGS, criuOptions, switches } from './criu-flags.js'

export const command: Command = {
  summary: 'make a container from the images of a checkpoint',
  usage: '[command options] ID | --image NAME [command options] ID [-- ARGUMENT...]',
  description:
    "Needs CRIU. Of a container of `run --image`: with the same flags and arguments. Without --detach the exit status is the container's, or 128 + the number of the signal that ended it.",
  flags: [
    ...CRIU_FLAGS,
    BUNDLE_FLAG,
    CONSOLE_SOCKET_FLAG,
    PID_FILE_FLAG,
    { name: 'detach', short: 'd', help: 'leave the container to the subreaper of the caller' },
    { name: 'tcp-close', help: 'close connections of TCP in place of restoring them' },
    {
      name: 'lsm-profile',
      value: 'TYPE:NAME',
      help: 'the profile of AppArmor or label of SELinux in place of the saved one',
    },
    {
      name: 'lsm-mount-context',
      value: 'CONTEXT',
      help: 'the context of SELinux of the mounts in place of the saved one',
    },
    ...switches({
      'no-pivot': 'accepted for compatibility: CRIU switches the root, in its own way',
      'no-subreaper': 'accepted for compatibility: tsrun never makes itself a subreaper',
    }),
    {
      name: 'preserve-fds',
      value: 'N',
      kind: 'count',
      help: 'accepted for compatibility: the processes have the descriptors that were saved',
    },
    ...IMAGE_FLAGS,
  ],
  arguments: { min: 1, max: Number.POSITIVE_INFINITY },
  run: call => failing('restore', () => restore(call)),
}

function restoreOptions(id: string, flags: Flags, image: RunImage | undefined): CommandRestoreOptions {
  const bundle = resolve(flags.text('bundle') || '.')
  const consoleSocket = flags.text('console-socket') || undefined
  const isDetached = flags.isOn('detach')
  const lsmProfile = flags.text('lsm-profile') || undefined
  const lsmMountContext = flags.text('lsm-mount-context') || undefined
  const asked = image === undefined ? asksForTerminal(bundle) : hasTerminal(image.config)
  checkTerminal({ hasTerminal: asked, isDetached, hasSocket: consoleSocket !== undefined })
  return {
    ...criuOptions(flags),
    ...(image === undefined ? { bundle } : { config: image.config, rootfs: image.rootfs }),
    ...{ id, stdio: 'inherit', leavesStatus: isDetached, tcpClose: flags.isOn('tcp-close') },
    ...(consoleSocket !== undefined && { consoleSocket: resolve(consoleSocket) }),
    ...(lsmProfile !== undefined && { lsmProfile }),
    ...(lsmMountContext !== undefined && { lsmMountContext }),
  }
}

async function restore(call: Call): Promise<number> {
  const { flags, args, globals } = call
  const [id = '', ...program] = args
  checkImageFlags(flags, { verb: 'restore', count: args.length })
  const signals = flags.isOn('detach') ? catchEnding() : catchForwarded()
  const name = flags.text('image')
  const image =
    name === undefined ? undefined : await openRunImage(name, { flags, args: program, signal: signals.cancel })
  try {
    const runtime = runtimeOf(globals)
    const container = await runtime.restore({ ...restoreOptions(id, flags, image), signal: signals.cancel })
    image?.keepFor(runtime, id)
    await writePidFile(flags.text('pid-file'), container, () => container.delete({ force: true }))
    if (flags.isOn('detach')) return 0
    signals.forwardTo(container, globals.log)
    return exitStatusOf(await stay(container))
  } finally {
    signals.release()
    await image?.release()
  }
}

async function stay(container: Container): Promise<ExitResult> {
  const { terminal } = container
  const attachment = terminal === null ? null : (await import('../terminal.js')).attach(terminal)
  try {
    return await container.exited
  } finally {
    await container.delete({ force: true })
    await attachment?.detach()
  }
}
