import type { Call, Command } from '../command.js'
import { failing, runtimeOf } from '../open-runtime.js'
import { catchEnding } from '../signals.js'
import { CREATE_FLAGS, createOptions, writePidFile } from './bundle-flags.js'

export const command: Command = {
  summary: 'create a container, ready to be started',
  usage: '[command options] ID',
  flags: CREATE_FLAGS,
  arguments: { min: 1, max: 1 },
  run: call => failing('create', () => create(call)),
}

async function create({ flags, args: [id = ''], globals }: Call): Promise<number> {
  const options = createOptions(id, flags, { isDetached: true })
  const signals = catchEnding()
  const container = await runtimeOf(globals).create({ ...options, leavesStatus: true, signal: signals.cancel })
  await writePidFile(flags.text('pid-file'), container, () => container.delete({ force: true }))
  signals.release()
  return 0
}
