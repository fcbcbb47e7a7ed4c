import type { Call, Command } from '../command.js'
import { failing, runtimeOf } from '../open-runtime.js'
import { catchEnding } from '../signals.js'
import { CRIU_FLAGS, criuOptions, pageServer, statusFd, switches } from './criu-flags.js'

export const command: Command = {
  summary: 'save a running container as images',
  usage: '[command options] ID',
  description: 'Needs CRIU. The container ends and is deleted, unless it is to go on.',
  flags: [
    ...CRIU_FLAGS,
    {
      name: 'parent-path',
      value: 'DIR',
      help: 'the images of the pre-dump before, by their path relative to the new ones',
    },
    ...switches({
      'leave-running': 'let the container go on',
      'pre-dump': 'save the memory only, and let the container go on',
      'tcp-skip-in-flight': 'leave out connections of TCP that are being made',
      'link-remap': 'give names to open files that have none any more',
    }),
    { name: 'page-server', value: 'ADDRESS:PORT', help: 'send the memory to this page server' },
    { name: 'status-fd', value: 'FD', help: 'gets a NUL byte when pages can be asked for, with --lazy-pages' },
  ],
  arguments: { min: 1, max: 1 },
  completes: ['container'],
  run: call => failing('checkpoint', () => checkpoint(call)),
}

async function checkpoint({ flags, args: [id = ''], globals }: Call): Promise<number> {
  const parentPath = flags.text('parent-path') || undefined
  if (parentPath?.startsWith('/')) throw new Error('--parent-path must be relative')
  const options = {
    ...criuOptions(flags),
    ...pageServer(flags.text('page-server')),
    ...(flags.isOn('lazy-pages') ? statusFd(flags.text('status-fd'), globals.log) : {}),
    ...(parentPath !== undefined && { parentPath }),
    leaveRunning: flags.isOn('leave-running'),
    preDump: flags.isOn('pre-dump'),
    tcpSkipInFlight: flags.isOn('tcp-skip-in-flight'),
    linkRemap: flags.isOn('link-remap'),
  }
  const container = await runtimeOf(globals).get(id)
  const signals = catchEnding()
  await container.checkpoint({ ...options, signal: signals.cancel })
  signals.release()
  return 0
}
