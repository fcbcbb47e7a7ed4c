/** tsrun/sandbox: programs that nobody trusts, with the files, limits and network that they are given. */

export type { SandboxCommand } from './command-process.js'
export type { CommandResult, CommandUsage, Verdict } from './command-result.js'
export type {
  BackgroundOptions,
  CommandOptions,
  SandboxCommands,
  StartCommandOptions,
  TerminalOptions,
} from './commands.js'
export type { SandboxCommitOptions } from './commit-sandbox.js'
export { type Diagnosis, doctor, type Probe, type ProbeName } from './diagnosis.js'
export type { FileChange, WatchFilesOptions } from './file-watch.js'
export type { Isolation } from './isolated-container.js'
export type { SandboxMeter } from './metrics.js'
export type { PoolOptions, SandboxPool } from './pool.js'
export { PROFILE, type SandboxProfile, type SocketFamily } from './profile.js'
export type { Readiness } from './readiness.js'
export { Sandbox, type SandboxPoolOptions } from './sandbox.js'
export type {
  CopyFilesOptions,
  CopyOutOptions,
  FileData,
  FileEntry,
  SandboxFileStatus,
  SandboxFiles,
  WriteFileOptions,
} from './sandbox-files.js'
export type { OwnNetwork, PluginNetwork, SandboxNetwork, SharedNetwork } from './sandbox-network.js'
export type { IsolationLevel, SandboxLimits, SandboxMount, SandboxOptions } from './sandbox-options.js'
export type { SandboxChild, SpawnOptions } from './spawned.js'
export type { SandboxSpan, SandboxTracer } from './tracing.js'
