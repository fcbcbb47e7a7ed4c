/** tsrun/sandbox: programs that nobody trusts, with the files, limits and network that they are given. */

export type { CommandResult, CommandUsage, Verdict } from './command-result.js'
export type {
  CommandOptions,
  SandboxCommand,
  SandboxCommands,
  StartCommandOptions,
  TerminalOptions,
} from './commands.js'
export { type Diagnosis, doctor, type Probe, type ProbeName } from './diagnosis.js'
export type { Isolation } from './make-container.js'
export { PROFILE, type SandboxProfile } from './profile.js'
export { Sandbox } from './sandbox.js'
export type { FileEntry, SandboxFileStatus, SandboxFiles } from './sandbox-files.js'
export type { OwnNetwork, SandboxNetwork, SharedNetwork } from './sandbox-network.js'
export type { IsolationLevel, SandboxLimits, SandboxMount, SandboxOptions } from './sandbox-options.js'
