import type { Child } from './launch/child.js'
import { endGently, type StopOptions } from './operations/early-end.js'
import type { Executed } from './operations/exec.js'
import type { ExitResult } from './operations/exit-result.js'
import { isGuard } from './operations/guarded.js'
import { parseSignal } from './operations/kill.js'
import { killTree } from './operations/kill-tree.js'
import { type WaitOptions, whenClosed, whenDrained } from './operations/waiting.js'
import { endableProcess } from './run.js'
import type { Readable, Terminal, Writable } from './streams.js'
import { holdUntil } from './sys/hold-until.js'
import { monotonicMs } from './sys/self.js'

const SIGKILL = 9

/** A process that was exec'd in a container. */
export class ExecProcess implements AsyncDisposable {
  /** As the host counts. */
  readonly pid: number
  /** The caller's ends of the standard streams; null if they are no pipes. */
  readonly stdin: Writable | null
  readonly stdout: Readable | null
  readonly stderr: Readable | null
  /** Both directions of its terminal, with `resize()`; null if it has none of ours. */
  readonly terminal: Terminal | null
  readonly #container: string
  readonly #child: Child
  readonly #keepsTree: boolean
  /** Settles without keeping the event loop alive. */
  readonly #result: Promise<ExitResult>
  #exited: Promise<ExitResult> | null = null
  #closed: Promise<ExitResult> | null = null

  private constructor(executed: Executed, { container, keepsTree, signal }: ExecContext) {
    const { child, streams } = executed
    this.pid = child.pid
    this.stdin = streams.stdin
    this.stdout = streams.stdout
    this.stderr = streams.stderr
    this.terminal = streams.terminal
    this.#container = container
    this.#child = child
    this.#keepsTree = keepsTree
    this.#result = resultOf(executed)
    this.#result.catch(() => {})
    if (signal !== undefined) this.#endWith(signal)
  }

  /** @internal They come from `container.exec`. */
  static from(executed: Executed, context: ExecContext): ExecProcess {
    return new ExecProcess(executed, context)
  }

  /** How it ended, as soon as it has, as `exit` of a child process: its output may not have been read by then. */
  get exited(): Promise<ExitResult> {
    this.#exited ??= holdUntil(this.#result)
    return this.#exited
  }

  /**
   * The same, once all of its output that is being read has been read, as `close` of a child process. Processes that it has left in
   * the background, and that hold its pipes, are waited for.
   */
  get closed(): Promise<ExitResult> {
    this.#closed ??= whenClosed(this.exited, this.#outputs)
    return this.#closed
  }

  /**
   * How it ended, once its output has been read: as `closed`, but processes that still hold its pipes are waited for no longer than
   * `drain` milliseconds. What nobody reads is not waited for. Any number of waits holds no thread of libuv's pool.
   * @throws {ConfigError} for a `drain` that is no duration; the reason of `signal`
   */
  async wait(options: WaitOptions = {}): Promise<ExitResult> {
    return whenDrained(this.#result, this.#outputs, options)
  }

  /**
   * SIGKILL (the default) ends the process and, unless it is detached, all that it has started, also what has left its
   * session, and resolves when all are gone. Any other signal goes to the process alone. False: it had ended already.
   * @throws {ConfigError} for what is no signal
   * @throws {StateError} ERR_STATE_STATUS if descendants are left after 5 seconds
   */
  async kill(signal: string | number = 'SIGKILL'): Promise<boolean> {
    const number = parseSignal(signal)
    if (number !== SIGKILL || !(this.#keepsTree || isGuard(this.#child))) return this.#child.signal(number)
    return killTree(this.#child, this.#container)
  }

  /**
   * Asks it to end, kills it (as `kill`) if it has not done so in time, and waits for it as `wait` does.
   * @throws {ConfigError} for what is no signal or no duration; {StateError} as `kill`
   */
  async stop(options: StopOptions = {}): Promise<ExitResult> {
    await endGently(endableProcess(this), options)
    return this.wait()
  }

  /** `await using`: kills it, and lets go of its streams. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.kill()
      await this.exited
    } finally {
      for (const stream of [this.stdin, this.stdout, this.stderr, this.terminal]) stream?.destroy()
    }
  }

  get #outputs(): readonly (Readable | null)[] {
    return [this.terminal ?? this.stdout, this.stderr]
  }

  #endWith(signal: AbortSignal): void {
    // An abort does not wait for it; what can't be killed shows in `wait`.
    const abort = (): void => void this.kill().catch(() => {})
    signal.addEventListener('abort', abort, { once: true })
    void this.#child.exited.finally(() => signal.removeEventListener('abort', abort))
    if (signal.aborted) abort()
  }
}

interface ExecContext {
  /** Its id. */
  readonly container: string
  readonly keepsTree: boolean
  readonly signal: AbortSignal | undefined
}

async function resultOf({ child, hasOomKilled }: Executed): Promise<ExitResult> {
  const began = monotonicMs()
  const { exitCode, signal, cpuTime } = await child.exited
  const usage = { wallTime: monotonicMs() - began, cpuTime, peakMemory: null }
  return { exitCode, signal, oomKilled: exitCode !== 0 && hasOomKilled(), usage }
}
