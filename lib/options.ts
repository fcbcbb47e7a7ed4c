/** What each call of the library takes: the one table, checked against the types. Durations and counts are checked where they are read. */
import type { CriuSettings } from './checkpoint/request.js'
import { nearest } from './config/nearest.js'
import { optionError } from './config/option.js'
import { ConfigError } from './errors.js'
import type { BundleInput } from './operations/bundle.js'
import type { CheckpointOptions, CommandCheckpointOptions } from './operations/checkpoint.js'
import type { CollectOptions, Encoding } from './operations/collect-options.js'
import type {
  CommandCreateOptions,
  ContainerOptions,
  CreateOptions,
  PreparedOptions,
} from './operations/create-options.js'
import type { DeleteOptions } from './operations/delete.js'
import type { StopOptions } from './operations/early-end.js'
import type { EventsOptions } from './operations/events.js'
import type { CommandExecOptions, ExecOptions } from './operations/exec.js'
import type { KillOptions } from './operations/kill.js'
import type { ReadyOptions } from './operations/ready.js'
import type { CommandRestoreOptions, RestoreOptions } from './operations/restore.js'
import type { CommandStartOptions, StartOptions } from './operations/start.js'
import type { UpdateOptions } from './operations/update.js'
import type { WaitOptions } from './operations/waiting.js'
import type { PlanOptions } from './plan.js'
import type { RuntimeOptions } from './runtime-options.js'

interface Kind {
  /** Completes "must be ...". */
  readonly expected: string
  accepts(value: unknown): boolean
}

/** A kind for each option of a type, and for nothing else. */
type Table<T> = { readonly [K in keyof Required<T>]: Kind }

const isText = (value: unknown): boolean => typeof value === 'string'
const isFd = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= 0
const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isStream = (value: unknown): boolean => ['pipe', 'ignore', 'inherit'].includes(value as string) || isFd(value)
const isPageServer = (value: unknown): boolean =>
  isObject(value) && 'address' in value && isText(value.address) && 'port' in value && Number.isInteger(value.port)
const listOf = (accepts: Kind['accepts']) => (value: unknown) => Array.isArray(value) && value.every(accepts)

/** Checked where it is read. */
const any: Kind = { expected: '', accepts: () => true }
const text: Kind = { expected: 'a string', accepts: isText }
const flag: Kind = { expected: 'true or false', accepts: value => typeof value === 'boolean' }
const texts: Kind = { expected: 'an array of strings', accepts: listOf(isText) }
const fds: Kind = { expected: 'an array of descriptors', accepts: listOf(isFd) }
const object: Kind = { expected: 'an object', accepts: isObject }
const call: Kind = { expected: 'a function', accepts: value => typeof value === 'function' }
const signal: Kind = { expected: 'an AbortSignal', accepts: value => isObject(value) && 'aborted' in value }
const stdio: Kind = {
  expected: '"pipe", "ignore", "inherit" or a descriptor, or an array of three of these',
  accepts: value => isStream(value) || (listOf(isStream)(value) && (value as unknown[]).length === 3),
}
const rootfs: Kind = {
  expected: 'a path, or an object with layers and upper, or with host',
  accepts: value => isText(value) || isObject(value),
}
const oneOf = (...words: readonly unknown[]): Kind => ({
  expected: words.map(word => JSON.stringify(word)).join(' or '),
  accepts: value => words.includes(value),
})

const COLLECT: Table<CollectOptions<Encoding>> = {
  ...{ input: any, timeout: any, grace: any, killSignal: any, outputLimit: any, encoding: any },
  ...{ onOutput: any, drain: any, signal },
}
const BUNDLE: Table<BundleInput> = {
  ...{ bundle: text, config: any, rootfs, args: any, env: any, cwd: any, user: any, mounts: any, landlock: any },
}
const CONTAINER: Table<Omit<ContainerOptions, 'id'>> = {
  ...{ stdio, consoleSocket: text, extraFds: fds },
  ...{
    network: object,
    notify: flag,
    noPivot: flag,
    init: flag,
    dieWithParent: flag,
    detached: flag,
    noNewKeyring: flag,
    onTimeline: call,
  },
  signal,
}
const CREATE: Table<CreateOptions> = { id: any, ...BUNDLE, ...CONTAINER }
const PREPARED: Table<PreparedOptions> = { ...CONTAINER, cgroupsPath: any }
const COMMAND_CREATE: Table<CommandCreateOptions> = {
  ...CREATE,
  ...{ lineFeedsOnly: flag, pidfdSocket: text, extraEnv: texts, leavesStatus: flag },
}
const EXEC: Table<ExecOptions> = {
  ...{ args: any, env: any, cwd: any, user: any, terminal: any, capabilities: any, noNewPrivileges: any },
  ...{ apparmorProfile: any, selinuxLabel: any, process: any, stdio, consoleSocket: text },
  ...{ extraFds: fds, cgroup: any, ignorePaused: flag, detached: flag, signal },
}
const COMMAND_EXEC: Table<CommandExecOptions> = {
  ...EXEC,
  ...{ lineFeedsOnly: flag, pidfdSocket: text, outlivesCaller: flag },
}
const CRIU: Table<CriuSettings> = {
  ...{ imagePath: text, workPath: text, criu: text, onProgress: call, tcpEstablished: flag, externalUnixSockets: flag },
  ...{ shellJob: flag, fileLocks: flag, autoDedup: flag, lazyPages: flag },
  manageCgroups: oneOf('soft', 'full', 'strict', 'ignore'),
  emptyNamespaces: { expected: 'an array of "network"', accepts: listOf(value => value === 'network') },
}
const CHECKPOINT: Table<CheckpointOptions> = {
  ...{ ...CRIU, parentPath: text, leaveRunning: flag, preDump: flag, tcpSkipInFlight: flag, linkRemap: flag },
  ...{ pageServer: { expected: 'an object with address and port', accepts: isPageServer }, signal },
}
const COMMAND_CHECKPOINT: Table<CommandCheckpointOptions> = { ...CHECKPOINT, onPagesReady: call }
const RESTORE: Table<RestoreOptions> = {
  ...{ ...CRIU, id: any, bundle: text, config: any, rootfs, stdio, consoleSocket: text, detached: flag },
  ...{ tcpClose: flag, lsmProfile: text, lsmMountContext: text, signal },
}
const COMMAND_RESTORE: Table<CommandRestoreOptions> = { ...RESTORE, leavesStatus: flag }
const RUNTIME: Table<RuntimeOptions> = {
  ...{ root: text, cgroupManager: any, native: text, log: call, debug: flag, concurrency: any },
  unknownProperties: oneOf('refuse', 'ignore'),
}

const CALLS = {
  createRuntime: RUNTIME,
  create: CREATE,
  'command.create': COMMAND_CREATE,
  run: { ...CREATE, ...COLLECT },
  prepare: BUNDLE,
  'prepared.create': PREPARED,
  'prepared.run': { id: any, ...PREPARED, ...COLLECT },
  plan: { showEnv: flag } satisfies Table<PlanOptions>,
  delete: { force: flag } satisfies Table<DeleteOptions>,
  start: { signal } satisfies Table<StartOptions>,
  'command.start': { signal, outlivesCaller: flag } satisfies Table<CommandStartOptions>,
  ready: { signal } satisfies Table<ReadyOptions>,
  wait: { drain: any, signal } satisfies Table<WaitOptions>,
  stop: { signal: any, grace: any } satisfies Table<StopOptions>,
  kill: { all: oneOf(true, false, 'but-init') } satisfies Table<KillOptions>,
  exec: EXEC,
  'command.exec': COMMAND_EXEC,
  'container.run': { ...EXEC, ...COLLECT },
  checkpoint: CHECKPOINT,
  'command.checkpoint': COMMAND_CHECKPOINT,
  restore: RESTORE,
  'command.restore': COMMAND_RESTORE,
  update: { l3CacheSchema: text, memBwSchema: text } satisfies Table<UpdateOptions>,
  events: { interval: any, signal } satisfies Table<EventsOptions>,
}

/**
 * An option that is undefined counts as left out.
 * @throws {ConfigError} ERR_CONFIG_INVALID for one that is not known, with the nearest name, or of another kind
 */
export function checkOptions(name: keyof typeof CALLS, options: unknown): void {
  if (!isObject(options)) throw optionError({ option: `options of ${name}`, expected: 'an object', received: options })
  const table: Readonly<Record<string, Kind>> = CALLS[name]
  for (const [option, value] of Object.entries(options)) {
    if (value === undefined) continue
    const known = Object.hasOwn(table, option) ? table[option] : undefined
    if (known === undefined) throw unknownOption({ name, option, known: Object.keys(table) })
    if (!known.accepts(value)) throw optionError({ option, expected: known.expected, received: value })
  }
}

interface Unknown {
  readonly name: string
  readonly option: string
  readonly known: readonly string[]
}

function unknownOption({ name, option, known }: Unknown): ConfigError {
  const meant = nearest(option, known)
  const hint = meant === null ? '' : `: did you mean ${JSON.stringify(meant)}?`
  const expected = meant === null ? 'absent' : JSON.stringify(meant)
  const message = `${option}: is no option of ${name}${hint}`
  return new ConfigError('ERR_CONFIG_INVALID', [
    { path: '', rule: `tsrun#${name}`, expected, received: option, message },
  ])
}
