/** A command of a sandbox in the shape of node:child_process, for code that was written for that. */
import { EventEmitter } from 'node:events'
import { PassThrough } from 'node:stream'
import { isObject } from '../config/json.js'
import { optionError, readDuration } from '../config/option.js'
import { checkShapes, FLAG, ID, isText, type OptionShape, type OptionShapes, SIGNAL } from '../config/option-shapes.js'
import { LaunchError } from '../errors.js'
import type { ExecProcess, Readable, Stdio, StdioStream, Writable } from '../index.js'
import { signalName, signalNumber } from '../sys/errno.js'
import { after } from '../sys/timer.js'
import type { SandboxCommand } from './command-process.js'
import type { StartCommandOptions } from './commands.js'

type SpawnStream = StdioStream | null | undefined | { readonly fd: number }

/** Those of `child_process.spawn` that have a meaning here. */
export interface SpawnOptions {
  readonly cwd?: string
  /** In addition to those of the sandbox; none of this process, unless they are given. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Default `pipe`. A number is a descriptor of this process, which the command gets. */
  readonly stdio?: SpawnStream | readonly SpawnStream[]
  /** True: the command line is one of /bin/sh; a string: of that shell. Default false. */
  readonly shell?: boolean | string
  readonly uid?: number
  readonly gid?: number
  /** Milliseconds after which it gets `killSignal`. Default: never. */
  readonly timeout?: number
  /** Default SIGTERM. */
  readonly killSignal?: string | number
  readonly signal?: AbortSignal
  /** Of Windows: of no meaning. */
  readonly windowsHide?: boolean
}

/** As Node: what is no text becomes one. */
const isVariable = (value: unknown): boolean =>
  isText(value) || !['string', 'object', 'symbol', 'function'].includes(typeof value) || value === ''
const ENV: OptionShape = [value => isObject(value) && Object.values(value).every(isVariable), 'an object of texts']
const SHAPES: OptionShapes<SpawnOptions> = {
  ...{ cwd: [isText, 'a path'], env: ENV, stdio: null, uid: ID, gid: ID, timeout: null, killSignal: null },
  shell: [value => typeof value === 'boolean' || isText(value), 'true, false or a path'],
  ...{ signal: SIGNAL, windowsHide: FLAG },
}

/** Starts what is asked for, as `commands.start` does. */
type Begin = (command: SandboxCommand, options: StartCommandOptions & { readonly stdio: Stdio }) => Promise<ExecProcess>

/**
 * As `ChildProcess` of node:child_process: `spawn`, `exit`, `close` and `error`, streams that are there at once. Different are: `pid` is there with
 * `spawn`, SIGKILL ends all that the command has started, and there is no channel for messages.
 */
export class SandboxChild extends EventEmitter {
  readonly stdin: Writable | null
  readonly stdout: Readable | null
  readonly stderr: Readable | null
  readonly stdio: readonly [Writable | null, Readable | null, Readable | null]
  readonly spawnfile: string
  readonly spawnargs: readonly string[]
  /** As the host counts; undefined before `spawn`. */
  pid: number | undefined = undefined
  exitCode: number | null = null
  signalCode: string | null = null
  /** A signal has been sent by `kill`. */
  killed = false
  readonly connected = false
  readonly #streams: readonly (PassThrough | null)[]
  readonly #gaveUp = new AbortController()
  #process: ExecProcess | null = null

  private constructor(args: readonly string[], stdio: readonly StdioStream[]) {
    super()
    const [stdin, stdout, stderr] = stdio.map(kind => (kind === 'pipe' ? new PassThrough() : null))
    this.#streams = [stdin ?? null, stdout ?? null, stderr ?? null]
    this.stdin = stdin ?? null
    this.stdout = stdout ?? null
    this.stderr = stderr ?? null
    this.stdio = [this.stdin, this.stdout, this.stderr]
    this.spawnfile = args[0] ?? ''
    this.spawnargs = args
  }

  /** @internal `sandbox.spawn`. */
  static spawn(begin: Begin, command: string, args: readonly string[], options: SpawnOptions): SandboxChild {
    checkShapes('', options, SHAPES)
    const stdio = stdioOf(options.stdio)
    const words = wordsOf(command, args, options.shell)
    const { killSignal = 'SIGTERM' } = options
    if (!signalNumber(killSignal))
      throw optionError({ option: 'killSignal', expected: 'the name or number of one', received: killSignal })
    const timeoutMs = readDuration({ option: 'timeout', value: options.timeout || undefined, otherwise: Infinity })
    const child = new SandboxChild(words, stdio)
    const started = { ...startOptions(options), signal: child.#gaveUp.signal, stdio }
    void child.#live(() => begin(words, started), { ...options, timeoutMs })
    return child
  }

  /** False: it has ended. Before `spawn` it is not started at all, whatever the signal. @throws {ConfigError} for what is no signal */
  kill(signal: string | number = 'SIGTERM'): boolean {
    if (this.exitCode !== null || this.signalCode !== null) return false
    const number = signalNumber(signal)
    if (number === null)
      throw optionError({ option: 'signal', expected: 'the name or number of one', received: signal })
    // As Node's: it only asks whether it lives.
    if (number === 0) return true
    this.killed = true
    if (this.#process === null) this.#gaveUp.abort(new EarlyEnd(signalName(number)))
    else void this.#process.kill(signal).catch((error: unknown) => this.#tell('error', error))
    return true
  }

  async #live(
    start: () => Promise<ExecProcess>,
    options: SpawnOptions & { readonly timeoutMs: number },
  ): Promise<void> {
    const { signal, killSignal = 'SIGTERM', timeoutMs } = options
    const abort = (): void => {
      this.emit('error', abortError(signal?.reason))
      this.kill(killSignal)
    }
    signal?.addEventListener('abort', abort, { once: true })
    // Nobody listens yet.
    if (signal?.aborted) queueMicrotask(abort)
    const timer = after(timeoutMs, () => this.kill(killSignal))
    try {
      await this.#run(await start())
    } catch (error) {
      this.#fail(error)
    } finally {
      timer.stop()
      signal?.removeEventListener('abort', abort)
    }
  }

  async #run(process: ExecProcess): Promise<void> {
    this.#process = process
    this.pid = process.pid
    const [stdin, ...outputs] = this.#streams
    if (process.stdin !== null) connectInput(stdin ?? null, process.stdin)
    const closed = [process.stdout, process.stderr].map((from, index) => connectOutput(from, outputs[index] ?? null))
    this.#tell('spawn')
    const { exitCode, signal } = await process.exited
    this.exitCode = exitCode
    this.signalCode = signal
    this.#tell('exit', exitCode, signal)
    stdin?.destroy()
    // As Node: what nobody reads would never come to its end.
    for (const output of outputs)
      if (output?.readableFlowing === null && output.listenerCount('readable') === 0) output.resume()
    await Promise.all(closed)
    this.#tell('close', exitCode, signal)
  }

  #fail(error: unknown): void {
    for (const stream of this.#streams) stream?.destroy()
    if (error instanceof EarlyEnd) {
      this.signalCode = error.word
      this.#tell('exit', null, error.word)
    } else {
      this.#tell('error', asOfNode(error, this.spawnfile, this.spawnargs))
    }
    this.#tell('close', this.exitCode, this.signalCode)
  }

  /** Not within a promise: what a listener throws is an uncaught exception, as it is of Node's. */
  #tell(event: string, ...values: readonly unknown[]): void {
    queueMicrotask(() => this.emit(event, ...values))
  }
}

/** It was killed before it began. */
class EarlyEnd {
  readonly word: string
  constructor(word: string) {
    this.word = word
  }
}

function startOptions({ cwd, env, uid, gid }: SpawnOptions): StartCommandOptions {
  if ((uid === undefined) !== (gid === undefined))
    throw optionError({ option: 'uid', expected: 'given together with gid', received: { uid, gid } })
  const user = uid === undefined || gid === undefined ? {} : { user: { uid, gid } }
  return { ...user, ...(cwd !== undefined && { cwd }), ...(env !== undefined && { envs: env }) }
}

function wordsOf(command: string, args: readonly string[], shell: boolean | string = false): readonly string[] {
  if (typeof command !== 'string' || command === '')
    throw optionError({ option: 'command', expected: 'a text that is not empty', received: command })
  if (shell === false) return [command, ...args]
  return [typeof shell === 'string' ? shell : '/bin/sh', '-c', [command, ...args].join(' ')]
}

function stdioOf(stdio: SpawnOptions['stdio'] = 'pipe'): [StdioStream, StdioStream, StdioStream] {
  const list: readonly SpawnStream[] = Array.isArray(stdio)
    ? stdio
    : [stdio, stdio, stdio].map(one => one as SpawnStream)
  if (list.length > 3) throw optionError({ option: 'stdio', expected: 'at most three streams', received: stdio })
  const [stdin, stdout, stderr] = [0, 1, 2].map(index => streamOf(list[index], index))
  return [stdin ?? 'pipe', stdout ?? 'pipe', stderr ?? 'pipe']
}

function streamOf(stream: SpawnStream, index: number): StdioStream {
  if (stream === null || stream === undefined) return 'pipe'
  if (typeof stream === 'number' || stream === 'pipe' || stream === 'ignore' || stream === 'inherit') return stream
  if (typeof stream === 'object' && Number.isInteger(stream.fd)) return stream.fd
  const expected = '"pipe", "ignore", "inherit", a descriptor or a stream that has one'
  throw optionError({ option: `stdio[${index}]`, expected, received: stream })
}

/** What the program does not take any more is an error of the stream, as it is of Node's. */
function connectInput(from: PassThrough | null, to: Writable): void {
  to.on('error', error => from?.destroy(error))
  from?.pipe(to)
}

/** Resolves when all of it has been read. */
function connectOutput(from: Readable | null, to: PassThrough | null): Promise<void> {
  if (from === null || to === null) return Promise.resolve()
  from.on('error', error => to.destroy(error))
  from.on('close', () => to.end())
  from.pipe(to)
  return new Promise(resolve => to.once('close', () => resolve()))
}

const abortError = (cause: unknown): Error =>
  Object.assign(new Error('The operation was aborted', { cause }), { name: 'AbortError', code: 'ABORT_ERR' })

/** A program that can't be executed has the properties that code looks at. */
function asOfNode(error: unknown, path: string, spawnargs: readonly string[]): unknown {
  if (!(error instanceof LaunchError) || error.code !== 'ERR_LAUNCH_EXEC') return error
  const syscall = `spawn ${path}`
  const fields = { code: error.errno, syscall, path, spawnargs: spawnargs.slice(1) }
  return Object.assign(new Error(`${syscall} ${error.errno}`, { cause: error }), fields)
}
