import type { Cgroup } from './cgroup/index.js'
import { openCgroup, type Stats } from './cgroup/index.js'
import type { OciState } from './config/state.js'
import { isTsrunError } from './errors.js'
import type { ExecProcess } from './exec-process.js'
import { type Child, followChild, UNKNOWN_STATUS } from './launch/child.js'
import type { Context } from './launch/context.js'
import type { Streams } from './launch/stdio.js'
import { lazily } from './lazily.js'
import type { Created } from './operations/create.js'
import type { DeleteOptions } from './operations/delete.js'
import type { ContainerEvent, EventsOptions } from './operations/events.js'
import type { ExecOptions } from './operations/exec.js'
import type { KillOptions } from './operations/kill.js'
import { type ReadyOptions, ready } from './operations/ready.js'
import { openInit, statusOf } from './operations/state.js'
import type { UpdateInput, UpdateOptions } from './operations/update.js'
import { boundStore } from './store/bound-store.js'
import type { ContainerRecord } from './store/container-record.js'
import { ociState } from './store/container-record.js'
import { readStatusFile } from './store/status-file.js'
import type { Readable, Terminal, Writable } from './streams.js'
import type { ExitStatus } from './sys/processes.js'

/** How a container ended. */
export interface ExitResult {
  /** null if a signal ended it, or if the status is not known (not our child, on a kernel before 6.15). */
  readonly exitCode: number | null
  /** The signal's name, such as `SIGKILL`, or null. */
  readonly signal: string | null
  /** True if the kernel killed a process of the container for its memory limit. */
  readonly oomKilled: boolean
}

const starting = lazily(() => import('./operations/start.js'))
const deleting = lazily(() => import('./operations/delete.js'))
const killing = lazily(() => import('./operations/kill.js'))
const executing = lazily(() => import('./operations/exec.js'))
const pausing = lazily(() => import('./operations/pause.js'))
const updating = lazily(() => import('./operations/update.js'))
const watching = lazily(() => import('./operations/events.js'))

const NO_STREAMS: Streams = { stdin: null, stdout: null, stderr: null, terminal: null }

/**
 * A handle on a container, made by this process or by another. It holds no lock: what is done goes through the state directory,
 * so that several processes may have handles on the same container.
 */
export class Container implements AsyncDisposable {
  readonly id: string
  /** The bundle's absolute path; the state directory if the container was created from a configuration object. */
  readonly bundle: string
  /** Absolute path of the root file system on the host. */
  readonly rootfs: string
  /** When it was created. */
  readonly created: Date
  /** The init's pid, as the host counts. */
  readonly pid: number
  /** The caller's ends of the standard streams; null if they are no pipes, or if another process created the container. */
  readonly stdin: Writable | null
  readonly stdout: Readable | null
  readonly stderr: Readable | null
  /** Both directions of the container's terminal, with `resize()`; null if it has none of ours. */
  readonly terminal: Terminal | null
  readonly #context: Context
  readonly #record: ContainerRecord
  readonly #cgroup: Cgroup
  /** By this handle, so that its end is that of the container. */
  readonly #isMade: boolean
  #child: Child | null
  #result: Promise<ExitResult> | null = null

  /** @internal Containers come from `runtime.create`, `runtime.get` and `runtime.list`. */
  constructor(
    context: Context,
    { record, child, streams = NO_STREAMS, cgroup }: Partial<Created> & { record: ContainerRecord },
  ) {
    this.id = record.id
    this.bundle = record.bundle
    this.rootfs = record.rootfs
    this.created = new Date(record.created)
    this.pid = record.pid
    this.stdin = streams.stdin
    this.stdout = streams.stdout
    this.stderr = streams.stderr
    this.terminal = streams.terminal
    this.#context = { ...context, store: boundStore(context.store, record) }
    this.#isMade = child !== undefined
    this.#record = record
    this.#child = child ?? null
    this.#cgroup = cgroup ?? openCgroup({ recorded: record.cgroup })
    // Our own child is looked at the moment it ends: afterwards somebody may remove the cgroup that knows of an OOM kill.
    if (child !== undefined) this.#result = this.#resultAtEnd(child)
    this.#result?.catch(() => {})
  }

  /**
   * Starts the user's process; resolves when it has been exec'd and the poststart hooks have run (runtime.md, start).
   * @throws {StateError} ERR_STATE_STATUS unless it is `created`
   * @throws {LaunchError} ERR_LAUNCH_EXEC, {HookError}
   */
  async start(): Promise<void> {
    const { start } = await starting()
    await start(this.#context, this.id)
  }

  /**
   * True when its process has said READY=1 at its socket (sd_notify(3)), false when it has ended before. To be called before
   * `start`: what is said earlier is lost.
   * @throws {StateError} ERR_STATE_STATUS where it was not created with `notify`
   */
  ready(options: ReadyOptions = {}): Promise<boolean> {
    return ready(this.#context, this.id, options)
  }

  /**
   * Resolves when the container's init has ended; at once if it has already. Waits for containers of other processes too
   * (by pidfd); any number of waits holds no thread of libuv's pool.
   */
  async wait(): Promise<ExitResult> {
    this.#child ??= this.#follow()
    if (this.#child === null) return { ...this.#ended(UNKNOWN_STATUS), oomKilled: this.#cgroup.oomKills() > 0 }
    this.#result ??= this.#resultAtEnd(this.#child)
    await this.#child.wait()
    return this.#result
  }

  /**
   * Sends a signal (name or number) to the init; default SIGTERM. A first process without a handler for it ignores all but
   * SIGKILL and SIGSTOP.
   * @throws {StateError} ERR_STATE_STATUS `container not running`
   */
  async kill(signal: string | number = 'SIGTERM', options: KillOptions = {}): Promise<void> {
    const { kill } = await killing()
    await kill(this.#context, { ...options, id: this.id, signal })
  }

  /**
   * Runs another process in the container: in its cgroup, its namespaces and its root, with the user, capabilities, limits, labels
   * and system call filter of its own process if `options` do not say otherwise. Resolves when the program has been exec'd.
   * @throws {StateError} ERR_STATE_STATUS `cannot exec in a stopped container`, `cannot exec in a paused container`
   * @throws {ConfigError} for options that a process can't have
   * @throws {LaunchError} ERR_LAUNCH_EXEC for a program that is not there; {HostError|SafetyError|CgroupError}
   */
  async exec(options: ExecOptions): Promise<ExecProcess> {
    const { exec } = await executing()
    const { ExecProcess } = await import('./exec-process.js')
    const executed = await exec(this.#context, this.id, options)
    const { detached = false, signal } = options
    return new ExecProcess(executed, { container: this.id, keepsTree: !detached, signal })
  }

  /**
   * Stops all processes of the container where they are (the state is `paused` then) and resolves when they have stopped.
   * @throws {StateError} ERR_STATE_STATUS `container not running` unless it is created or running
   */
  async pause(): Promise<void> {
    const { pause } = await pausing()
    await pause(this.#context, this.id)
  }

  /** Lets a paused container go on. @throws {StateError} ERR_STATE_STATUS `container not paused` */
  async resume(): Promise<void> {
    const { resume } = await pausing()
    await resume(this.#context, this.id)
  }

  /** The pids of its processes, as the host counts; those of the cgroups below its own too. Empty if it has ended. */
  async processes(): Promise<number[]> {
    if (!this.#isThere()) return []
    return this.#cgroup.pids({ recursive: true }).filter(pid => pid > 0)
  }

  /**
   * Changes its limits while it runs; they are kept with it. What is left out stays as it is.
   * @throws {StateError} ERR_STATE_STATUS `container not running`
   * @throws {ConfigError|CgroupError} for what is wrong, what the host can't do, and what the kernel refuses
   */
  async update(resources: UpdateInput, options: UpdateOptions = {}): Promise<void> {
    const { update } = await updating()
    await update(this.#context, { id: this.id, input: resources, options })
  }

  /** What it uses now, as its cgroup counts. @throws {StateError} ERR_STATE_STATUS if it has ended */
  async stats(): Promise<Stats> {
    const { readStats } = await watching()
    return readStats(this.#context, this.id)
  }

  /**
   * Its statistics every so often, and out-of-memory at the moment it happens; ends when the container does, or when the loop
   * is left. To abort throws the signal's reason.
   * @throws {StateError} ERR_STATE_STATUS if it has ended; {ConfigError} for an interval that is not above 0
   */
  async *events(options: EventsOptions = {}): AsyncGenerator<ContainerEvent, void> {
    const { events } = await watching()
    yield* events(this.#context, this.id, options)
  }

  /**
   * Removes the container: processes, cgroup and state. With `force` also a running one, and without complaint one that is gone.
   * @throws {StateError} ERR_STATE_NOT_FOUND, ERR_STATE_STATUS unless it is stopped or created
   */
  async delete(options: DeleteOptions = {}): Promise<void> {
    const { remove } = await deleting()
    await remove(this.#context, this.id, options)
  }

  /** The state document of the specification, as of now (runtime.md, state). @throws {StateError} ERR_STATE_NOT_FOUND */
  async state(): Promise<OciState> {
    const record = this.#context.store.read(this.id)
    return ociState(record, statusOf(this.#context, record))
  }

  /**
   * `await using`: if this handle has made the container (`runtime.create`), deletes it with force, and waits until the kernel
   * has let go of everything. A handle of `get` or `list` has made nothing, and undoes nothing.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isMade) return
    await this.delete({ force: true })
    await this.#child?.wait()
  }

  /** False where it is deleted, and another container may have its id and its cgroup. */
  #isThere(): boolean {
    try {
      this.#context.store.read(this.id)
      return true
    } catch (error) {
      if (isTsrunError(error) && error.code === 'ERR_STATE_NOT_FOUND') return false
      throw error
    }
  }

  /** Where the first process is ours, it has kept how the program ended. */
  #ended(status: ExitStatus): ExitStatus {
    if (this.#record.reaps !== true || status.signal !== null || !this.#isThere()) return status
    return readStatusFile(this.#context.store, this.id) ?? status
  }

  #follow(): Child | null {
    const pidfd = openInit(this.#record)
    return pidfd === null ? null : followChild({ pid: this.pid, pidfd })
  }

  async #resultAtEnd({ exited, pidfd }: Child): Promise<ExitResult> {
    const killedAtEnd = this.#cgroup.oomKilledAtEnd(pidfd)
    // What it may fail with is thrown below.
    killedAtEnd.catch(() => {})
    const { exitCode, signal } = this.#ended(await exited)
    const oomKilled = this.#cgroup.oomKills() > 0 || (await killedAtEnd)
    return { exitCode, signal, oomKilled }
  }
}
