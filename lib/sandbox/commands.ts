/** Programs in a sandbox. */
import { optionError } from '../config/option.js'
import type { Container, ExecProcess, Input, OciProcess } from '../index.js'
import type { Denial } from '../network/index.js'
import { type CommandResult, resultOfCommand } from './command-result.js'
import { refuseOtherNames, type SandboxSettings } from './sandbox-options.js'

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
  /** Milliseconds of processor time, rounded up to seconds: then it is ended as by a time-out. Default Infinity. */
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

interface Subject {
  readonly container: Container
  readonly settings: SandboxSettings
  readonly user: { readonly uid: number; readonly gid: number }
  readonly envs: Readonly<Record<string, string>>
  readonly cwd: string
  /** It grows. */
  readonly denials: readonly Denial[]
  readonly hasCgroup: boolean
  readonly hasExpired: () => boolean
  /** @throws if the sandbox has ended */
  readonly check: () => void
}

const START = ['cwd', 'envs', 'user', 'signal'] as const
const RUN = [...START, 'input', 'onStdout', 'onStderr', 'timeoutMs', 'cpuMs', 'outputLimit', 'graceMs'] as const
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** An array is a program and its arguments; a string is a command line of `/bin/sh`. */
export type SandboxCommand = readonly string[] | string

export class SandboxCommands {
  readonly #subject: Subject

  /** @internal They are `sandbox.commands`. */
  constructor(subject: Subject) {
    this.#subject = subject
  }

  /**
   * Runs a command to its end. One that fails, or is ended by a limit, is a result; one that can't be executed is an error.
   * @throws {LaunchError} ERR_LAUNCH_EXEC; {StateError} if the sandbox has ended; {ConfigError} naming the option; the reason of `signal`
   */
  async run(command: SandboxCommand, options: CommandOptions = {}): Promise<CommandResult> {
    refuseOtherNames('', options, RUN)
    const { input, onStdout, onStderr, timeoutMs, outputLimit, graceMs, signal } = options
    const { container, hasExpired, check } = this.#subject
    check()
    const [out, err] = [decoder(onStdout), decoder(onStderr)]
    const refused = this.#subject.denials.length
    const result = await container.run({
      process: this.#processOf(command, options),
      onOutput: (chunk, stream) => (stream === 'stdout' ? out : err).write(chunk),
      ...(input !== undefined && { input }),
      ...(timeoutMs !== undefined && { timeout: timeoutMs }),
      ...(outputLimit !== undefined && { outputLimit }),
      ...(graceMs !== undefined && { grace: graceMs }),
      ...(signal !== undefined && { signal }),
    })
    out.end()
    err.end()
    const ending = {
      hasExpired: hasExpired(),
      hasCpuLimit: options.cpuMs !== undefined,
      denials: this.#subject.denials.slice(refused),
    }
    return resultOfCommand({ result, ...ending, peakMemory: await this.#peakMemory() })
  }

  /** Starts a command and leaves it running: its streams, `wait`, `kill`. @throws as `run` */
  async start(command: SandboxCommand, options: StartCommandOptions = {}): Promise<ExecProcess> {
    refuseOtherNames('', options, START)
    this.#subject.check()
    const { signal } = options
    const process = this.#processOf(command, options)
    return this.#subject.container.exec({ process, ...(signal !== undefined && { signal }) })
  }

  /** Starts a command on a terminal of its own (`terminal` of what it returns). @throws as `run` */
  async pty(command: SandboxCommand, options: TerminalOptions = {}): Promise<ExecProcess> {
    refuseOtherNames('', options, [...START, 'rows', 'columns'])
    this.#subject.check()
    const { rows = 24, columns = 80, signal } = options
    const size = { terminal: true, consoleSize: { width: columns, height: rows } }
    const process = { ...this.#processOf(command, options), ...size }
    return this.#subject.container.exec({ process, ...(signal !== undefined && { signal }) })
  }

  #processOf(command: SandboxCommand, { cwd = '.', envs = {}, user, cpuMs }: CommandOptions): OciProcess {
    const { settings, user: own, hasCgroup, envs: ours, cwd: home } = this.#subject
    const { capabilities, openFiles, noNewPrivileges } = settings.profile
    const limits = { RLIMIT_NOFILE: openFiles, RLIMIT_CORE: 0, ...(!hasCgroup && ofEach(settings)) }
    const all = { ...limits, ...(cpuMs !== undefined && Number.isFinite(cpuMs) && { RLIMIT_CPU: secondsOf(cpuMs) }) }
    const variables = { PATH, LANG: 'C.UTF-8', ...ours, ...envs }
    return {
      args: argsOf(command),
      cwd: cwd.startsWith('/') ? cwd : `${home}/${cwd}`,
      env: Object.entries(variables).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`])),
      user: user ?? own,
      noNewPrivileges,
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      // SIGXCPU comes at the soft limit and says why; SIGKILL a second later, to who ignores it.
      rlimits: Object.entries(all).map(([type, soft]) => ({
        type,
        soft,
        hard: type === 'RLIMIT_CPU' ? soft + 1 : soft,
      })),
    }
  }

  async #peakMemory(): Promise<number | null> {
    const { container, hasCgroup, hasExpired } = this.#subject
    if (!hasCgroup || hasExpired()) return null
    return (await container.stats()).memory?.peak ?? null
  }
}

/** In place of limits of a cgroup: of each process, and of all processes of the user namespace. */
const ofEach = ({ pids, memory }: SandboxSettings) => ({
  RLIMIT_NPROC: pids,
  ...(Number.isFinite(memory) && { RLIMIT_DATA: memory }),
})

function argsOf(command: SandboxCommand): readonly string[] {
  if (typeof command === 'string') return ['/bin/sh', '-c', command]
  if (Array.isArray(command) && command.length > 0) return command
  throw optionError({
    option: 'command',
    expected: 'an array of a program and its arguments, or a string',
    received: command,
  })
}

function secondsOf(cpuMs: number): number {
  if (cpuMs > 0) return Math.ceil(cpuMs / 1000)
  throw optionError({ option: 'cpuMs', expected: 'a number of milliseconds above 0', received: cpuMs })
}

/** A character may come in two chunks. */
function decoder(told: ((text: string) => void) | undefined): { write(chunk: Uint8Array): void; end(): void } {
  const text = new TextDecoder()
  const tell = (part: string): void => {
    if (part !== '') told?.(part)
  }
  return { write: chunk => tell(text.decode(chunk, { stream: true })), end: () => tell(text.decode()) }
}
