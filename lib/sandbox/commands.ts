/** Programs in a sandbox. */
import { readDuration } from '../config/option.js'
import { CALLBACK, checkShapes, isText, type OptionShapes, SIGNAL, USER, VARIABLES } from '../config/option-shapes.js'
import { isTsrunError } from '../errors.js'
import type { Container, ExecProcess, Input, Stdio } from '../index.js'
import type { Denial } from '../network/index.js'
import { commandProcess, type SandboxCommand } from './command-process.js'
import { type CommandResult, resultOfCommand } from './command-result.js'
import type { HostedPlace } from './file-places.js'
import type { SandboxMetrics } from './metrics.js'
import { type Readiness, readReadiness, untilReady } from './readiness.js'
import type { SandboxSettings } from './sandbox-options.js'
import { traced } from './tracing.js'
import { runWatched } from './watched-run.js'

export interface StartCommandOptions {
  /** Absolute, or relative to the sandbox's. */
  readonly cwd?: string
  /** In addition to those of the sandbox; undefined takes one away. */
  readonly envs?: Readonly<Record<string, string | undefined>>
  readonly user?: { readonly uid: number; readonly gid: number }
  /** Ends the command, with all that it has started. */
  readonly signal?: AbortSignal
}

export interface CommandOptions extends StartCommandOptions {
  /** Written to its standard input, which is then closed. */
  readonly input?: Input
  readonly onStdout?: (text: string) => void
  readonly onStderr?: (text: string) => void
  /** Milliseconds after which it is ended, with all that it has started. Default Infinity. */
  readonly timeoutMs?: number
  /**
   * Milliseconds of processor time after which it is ended as by a time-out: of all that the sandbox does meanwhile; without a cgroup, of each process,
   * in whole seconds. Default Infinity.
   */
  readonly cpuMs?: number
  /** Bytes of standard output or error, or a size such as `1M`, above which it is ended. Default 16 MiB. */
  readonly outputLimit?: number | string
  /** What ends it is SIGTERM first, and SIGKILL so many milliseconds later. Default 0: SIGKILL at once. */
  readonly graceMs?: number
}

export interface TerminalOptions extends StartCommandOptions {
  readonly rows?: number
  readonly columns?: number
}

export interface BackgroundOptions extends StartCommandOptions {
  /** It is waited for this before the command is handed out: a port, something that it says, sd_notify(3). Default: that it has begun. */
  readonly ready?: Readiness
  /** Milliseconds that this may take, then the command is ended. Default 60,000. */
  readonly readyTimeoutMs?: number
}

interface Subject {
  readonly container: Container
  readonly settings: SandboxSettings
  readonly user: { readonly uid: number; readonly gid: number }
  readonly envs: Readonly<Record<string, string>>
  readonly cwd: string
  /** What it has been refused by now. */
  readonly denials: () => readonly Denial[]
  readonly metrics: SandboxMetrics
  readonly hasCgroup: boolean
  readonly places: readonly HostedPlace[] | null
  readonly hasExpired: () => boolean
}

const START: OptionShapes<StartCommandOptions> = {
  ...{ cwd: [isText, 'a path'], envs: VARIABLES, user: USER, signal: SIGNAL },
}
const RUN: OptionShapes<CommandOptions> = {
  ...{ ...START, input: null, onStdout: CALLBACK, onStderr: CALLBACK },
  ...{ timeoutMs: null, cpuMs: null, outputLimit: null, graceMs: null },
}
const BACKGROUND: OptionShapes<BackgroundOptions> = { ...START, ready: null, readyTimeoutMs: null }
const TERMINAL: OptionShapes<TerminalOptions> = { ...START, rows: null, columns: null }

export class SandboxCommands {
  readonly #find: () => Subject

  /** @internal They are `sandbox.commands`; `find` throws if the sandbox has ended. */
  constructor(find: () => Subject) {
    this.#find = find
  }

  /**
   * Runs a command to its end. One that fails, or is ended by a limit, is a result; one that can't be executed is an error.
   * @throws {LaunchError} ERR_LAUNCH_EXEC; {StateError} if the sandbox has ended; {ConfigError} naming the option; the reason of `signal`
   */
  async run(command: SandboxCommand, options: CommandOptions = {}): Promise<CommandResult> {
    checkShapes('', options, RUN)
    const subject = this.#find()
    const act = () => this.#orEnded(runIn(subject, command, options), options)
    return traced(subject.settings.tracer, { name: 'sandbox.run', act, attributesOf: spanOf })
  }

  /**
   * Starts a command and leaves it running: its streams, `wait`, `kill`. With `ready`, once it is.
   * @throws as `run`; {StateError} if it ends before it is ready, or is late: it is ended then
   */
  async start(command: SandboxCommand, options: BackgroundOptions = {}): Promise<ExecProcess> {
    checkShapes('', options, BACKGROUND)
    const subject = this.#find()
    const { signal, ready, readyTimeoutMs } = options
    const timeoutMs = ready === undefined ? null : readReadiness(ready, readyTimeoutMs, subject.settings.notify)
    const asked = isNotify(ready) ? { ...options, envs: { ...NOTIFY, ...options.envs } } : options
    const { container } = subject
    return tracedStart(subject, async () => {
      const executing = container.exec({ process: commandProcess(subject, command, asked), ...aborting(signal) })
      const process = await this.#orEnded(executing, options)
      if (ready === undefined || timeoutMs === null) return process
      try {
        await untilReady({ process, container, ready, timeoutMs, signal })
        return process
      } catch (error) {
        await process[Symbol.asyncDispose]()
        throw error
      }
    })
  }

  /** @internal `sandbox.spawn`. */
  async begin(command: SandboxCommand, { stdio, ...options }: StartCommandOptions & { readonly stdio: Stdio }) {
    const subject = this.#find()
    const process = commandProcess(subject, command, options)
    return tracedStart(subject, () => subject.container.exec({ process, stdio, ...aborting(options.signal) }))
  }

  /** Starts a command on a terminal of its own (`terminal` of what it returns). @throws as `run` */
  async pty(command: SandboxCommand, options: TerminalOptions = {}): Promise<ExecProcess> {
    checkShapes('', options, TERMINAL)
    const subject = this.#find()
    const { rows = 24, columns = 80, signal } = options
    const size = { terminal: true, consoleSize: { width: columns, height: rows } }
    const process = { ...commandProcess(subject, command, options), ...size }
    return tracedStart(subject, () => this.#orEnded(subject.container.exec({ process, ...aborting(signal) }), options))
  }

  /** What can't be begun since the sandbox ends meanwhile is told of the sandbox. */
  async #orEnded<T>(begun: Promise<T>, { signal }: StartCommandOptions): Promise<T> {
    try {
      return await begun
    } catch (error) {
      const isLaunch = isTsrunError(error) && /^ERR_(LAUNCH|STATE)_/.test(error.code)
      if (isLaunch && error.code !== 'ERR_LAUNCH_EXEC' && signal?.aborted !== true) this.#find()
      throw error
    }
  }
}

async function runIn(subject: Subject, command: SandboxCommand, options: CommandOptions): Promise<CommandResult> {
  const cpuMs = readDuration({ option: 'cpuMs', value: options.cpuMs, otherwise: Number.POSITIVE_INFINITY })
  const before = subject.denials()
  const { input, onStdout, onStderr, timeoutMs, outputLimit, graceMs, signal } = options
  const { result, isCpuEnd } = await runWatched({
    ...{
      container: subject.container,
      process: commandProcess(subject, command, options),
      onStdout,
      onStderr,
      signal,
    },
    cpuMs: subject.hasCgroup ? cpuMs : Number.POSITIVE_INFINITY,
    options: {
      ...(input !== undefined && { input }),
      ...(timeoutMs !== undefined && { timeout: timeoutMs }),
      ...(outputLimit !== undefined && { outputLimit }),
      ...(graceMs !== undefined && { grace: graceMs }),
    },
  })
  const denials = newDenials(before, subject.denials())
  const ending = { hasExpired: subject.hasExpired(), cpuMs, isCpuEnd, denials }
  const told = resultOfCommand({ result, ...ending, peakMemory: await peakMemory(subject) })
  subject.metrics.ran(told)
  subject.metrics.refused()
  return told
}

/** The span ends when the command has begun, and is ready if that is waited for. */
const tracedStart = ({ settings }: Subject, act: () => Promise<ExecProcess>): Promise<ExecProcess> =>
  traced(settings.tracer, { name: 'sandbox.start', act, attributesOf: ({ pid }) => ({ pid }) })

const spanOf = ({ verdict, exitCode, usage }: CommandResult) => ({ verdict, exitCode, ...usage })

async function peakMemory({ container, hasCgroup, hasExpired }: Subject): Promise<number | null> {
  if (!hasCgroup || hasExpired()) return null
  return (await container.usage()).peakMemory
}

/** What is there for the first time, or again. */
function newDenials(before: readonly Denial[], now: readonly Denial[]): readonly Denial[] {
  const keyOf = ({ container, host, port, reason }: Denial): string => [container, host, port, reason].join(' ')
  const counts = new Map(before.map(denial => [keyOf(denial), denial.count]))
  return now.filter(denial => denial.count > (counts.get(keyOf(denial)) ?? 0))
}

const aborting = (signal: AbortSignal | undefined) => (signal === undefined ? {} : { signal })
const isNotify = (ready: Readiness | undefined): boolean => ready !== undefined && 'notify' in ready
const NOTIFY = { NOTIFY_SOCKET: '/run/notify/notify.sock' } as const
