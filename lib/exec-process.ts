import type { Child } from './launch/child.js'
import type { Launched } from './launch/stdio.js'
import { parseSignal } from './operations/kill.js'
import { killTree } from './operations/kill-tree.js'
import type { Readable, Terminal, Writable } from './streams.js'
import type { ExitStatus } from './sys/processes.js'

const SIGKILL = 9

/** A process that was exec'd in a container. */
export class ExecProcess {
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

  /** @internal They come from `container.exec`. */
  constructor({ child, streams }: Launched, { container, keepsTree, signal }: ExecContext) {
    this.pid = child.pid
    this.stdin = streams.stdin
    this.stdout = streams.stdout
    this.stderr = streams.stderr
    this.terminal = streams.terminal
    this.#container = container
    this.#child = child
    this.#keepsTree = keepsTree
    if (signal !== undefined) this.#endWith(signal)
  }

  /** How it ended: `exitCode`, or the `signal` by its name. Any number of waits holds no thread of libuv's pool. */
  wait(): Promise<ExitStatus> {
    return this.#child.wait()
  }

  /**
   * SIGKILL (the default) ends the process and, unless it is detached, all that it has started, also what has left its
   * session, and resolves when all are gone. Any other signal goes to the process alone. False: it had ended already.
   * @throws {ConfigError} for what is no signal
   * @throws {StateError} ERR_STATE_STATUS if descendants are left after 5 seconds
   */
  async kill(signal: string | number = 'SIGKILL'): Promise<boolean> {
    const number = parseSignal(signal)
    if (number !== SIGKILL || !this.#keepsTree) return this.#child.signal(number)
    return killTree(this.#child, this.#container)
  }

  #endWith(signal: AbortSignal): void {
    // Who aborts does not wait for it; what can't be killed shows in `wait`.
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
