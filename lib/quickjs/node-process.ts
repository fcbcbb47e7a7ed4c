/** The part of `process` that lib uses. Nothing of it is read before the program runs: it is loaded when the executable is built. */
import { addWatch, type LoopWatch, removeWatch } from './event-loop.js'
import { host } from './host.js'
import { Buffer } from './node-buffer.js'
import { Emitter } from './node-events.js'
import { type Standard, standardStream } from './node-tty.js'
import { packageVersion, succeed, systemError, tables } from './tables.js'

const CLOCK_MONOTONIC = 1
const READABLE = 1
const SIGWINCH = 28

let environment: Record<string, string | undefined> | null = null

function readEnvironment(): Record<string, string | undefined> {
  const entries = host.environment().map(entry => {
    const at = entry.indexOf('=', 1)
    return [entry.slice(0, at), entry.slice(at + 1)] as const
  })
  const limit = host.openFileLimit()
  // As the launcher of the other form notes it: nobody has raised it here.
  const noted = { TSRUN_OPEN_FILES: limit === Number.POSITIVE_INFINITY ? 'unlimited' : String(limit) }
  return { ...Object.fromEntries(entries), ...noted }
}

function libseccompVersion(): string {
  const text = Buffer.alloc(64)
  const length = host.calls.ts_seccomp_version?.(text, text.length) ?? 0
  return text.toString('utf8', 0, length)
}

class Process extends Emitter {
  readonly arch = host.architecture
  readonly version = host.engine
  readonly release = { name: 'quickjs-ng' }
  readonly platform = 'linux'
  #signals: LoopWatch | null = null
  readonly #streams: (Standard | undefined)[] = []

  get versions(): Readonly<Record<string, string>> {
    return { 'quickjs-ng': host.engine, tsrun: packageVersion, libseccomp: libseccompVersion() }
  }

  get env(): Record<string, string | undefined> {
    environment ??= readEnvironment()
    return environment
  }

  /** As Node has them: what runs, what was called, and its arguments. */
  get argv(): readonly string[] {
    return ['/proc/self/exe', ...host.arguments()]
  }

  get pid(): number {
    return host.pid()
  }

  get ppid(): number {
    return host.parent()
  }

  geteuid(): number {
    return host.user()
  }

  getegid(): number {
    return host.group()
  }

  cwd(): string {
    const path = host.workingDirectory()
    if (typeof path === 'number') throw systemError(path, { syscall: 'uv_cwd' })
    return path
  }

  hrtime(): readonly [number, number] {
    return host.clock(CLOCK_MONOTONIC)
  }

  exit(status: number): never {
    this.emit('exit', status)
    return host.exit(status & 0xff)
  }

  emitWarning(message: string, { type, code }: { type: string; code: string }): void {
    host.write(2, host.encode(`(tsrun:${this.pid}) [${code}] ${type}: ${message}\n`))
  }

  get stdin(): Standard {
    return this.#standard(0)
  }

  get stdout(): Standard {
    return this.#standard(1)
  }

  get stderr(): Standard {
    return this.#standard(2)
  }

  #standard(fd: number): Standard {
    this.#streams[fd] ??= standardStream(fd, resize => {
      this.on('SIGWINCH', resize)
    })
    return this.#streams[fd]
  }

  override on(event: string, call: (...args: never[]) => void): this {
    const signal = event === 'SIGWINCH' ? SIGWINCH : tables.signals[event]
    if (signal !== undefined) this.#catch(signal)
    return super.on(event, call)
  }

  override off(event: string, call: (...args: never[]) => void): this {
    super.off(event, call)
    const signal = tables.signals[event]
    if (signal !== undefined && this.listenerCount(event) === 0) host.catchSignal(signal, 0)
    return this
  }

  #catch(signal: number): void {
    this.#signals ??= this.#openSignals()
    succeed(host.catchSignal(signal, 1), { syscall: 'sigaction' })
  }

  #openSignals(): LoopWatch {
    const fd = succeed(host.openSignals(), { syscall: 'pipe2' })
    const bytes = new Uint8Array(64)
    return addWatch(fd, READABLE, () => {
      const length = host.read(fd, bytes, -1)
      for (const number of bytes.subarray(0, Math.max(0, length)))
        this.emit(signalNames.get(number) ?? '', signalNames.get(number), number)
    }).unref()
  }

  /** Signals have their usual effect, and nothing is waited for. For tests. */
  stopListening(): void {
    removeWatch(this.#signals)
  }
}

/** The first of several names for one number, as Node has it. */
const signalNames = new Map(
  Object.entries(tables.signals)
    .reverse()
    .map(([name, number]) => [number, name]),
)

export const process = new Process()
