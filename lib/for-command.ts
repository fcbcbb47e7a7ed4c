/** What the command imports: the library, with options that only it needs. Not a part of the package's interface. */
import type { Container } from './container.js'
import type { ExecProcess } from './exec-process.js'
import type { CommandCheckpointOptions } from './operations/checkpoint.js'
import type { CommandCreateOptions } from './operations/create-options.js'
import type { CommandExecOptions } from './operations/exec.js'
import type { CommandRestoreOptions } from './operations/restore.js'
import type { CommandStartOptions } from './operations/start.js'
import { openRuntime, type Runtime } from './runtime.js'
import type { RuntimeOptions } from './runtime-options.js'

export { processName } from './sys/descendants.js'
export { endAtOnce } from './sys/processes.js'
export { utcText } from './sys/utc.js'
export type { CommandCheckpointOptions, CommandCreateOptions, CommandExecOptions, CommandRestoreOptions }

export type CommandContainer = Container & {
  exec(options: CommandExecOptions): Promise<ExecProcess>
  start(options: CommandStartOptions): Promise<void>
  checkpoint(options: CommandCheckpointOptions): Promise<void>
}

export interface CommandRuntime extends Omit<Runtime, 'create' | 'get' | 'restore'> {
  create(options: CommandCreateOptions): Promise<CommandContainer>
  restore(options: CommandRestoreOptions): Promise<CommandContainer>
  get(id: string): Promise<CommandContainer>
}

/** @throws {ConfigError|HostError} as `createRuntime` */
export function createCommandRuntime(options: RuntimeOptions = {}): CommandRuntime {
  return openRuntime(options, { isCommand: true })
}
