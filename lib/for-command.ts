/** What the command imports: the library, with options that only it needs. Not a part of the package's interface. */
import type { Container } from './container.js'
import type { ExecProcess } from './exec-process.js'
import type { CommandCreateOptions } from './operations/create.js'
import type { CommandExecOptions } from './operations/exec.js'
import { openRuntime, type Runtime } from './runtime.js'
import type { RuntimeOptions } from './runtime-options.js'

export type { CommandCreateOptions, CommandExecOptions }

export type CommandContainer = Container & { exec(options: CommandExecOptions): Promise<ExecProcess> }

export interface CommandRuntime extends Omit<Runtime, 'create' | 'get'> {
  create(options: CommandCreateOptions): Promise<CommandContainer>
  get(id: string): Promise<CommandContainer>
}

/** @throws {ConfigError|HostError} as `createRuntime` */
export function createCommandRuntime(options: RuntimeOptions = {}): CommandRuntime {
  return openRuntime(options, { isCommand: true })
}
