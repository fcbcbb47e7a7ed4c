import { type Cgroup, type CgroupUsage, openCgroup, type Stats } from './cgroup/index.js'
import type { OciState } from './config/state.js'
import { ExecProcess } from './exec-process.js'
import type { Child } from './launch/child.js'
import type { Context } from './launch/context.js'
import { closeUpper } from './launch/layered.js'
import type { Streams } from './launch/stdio.js'
import { type CheckpointOptions, checkpoint } from './operations/checkpoint.js'
import { type Encoding, readCollectOptions, signalOf, withoutCollecting } from './operations/collect-options.js'
import { type ContainerEnd, followEnd, hasRecord } from './operations/container-end.js'
import { ContainerNetwork } from './operations/container-network.js'
import type { Created } from './operations/create.js'
import { type DeleteOptions, remove } from './operations/delete.js'
import { endGently, type StopOptions } from './operations/early-end.js'
import { type ContainerEvent, currentStats, type EventsOptions, events } from './operations/events.js'
import { type ExecOptions, exec } from './operations/exec.js'
import type { ExitResult } from './operations/exit-result.js'
import { type KillOptions, kill } from './operations/kill.js'
import { containerSockets } from './operations/namespace-sockets.js'
import { pause, resume } from './operations/pause.js'
import { type ReadyOptions, ready } from './operations/ready.js'
import { type StartOptions, start } from './operations/start.js'
import { statusOf } from './operations/state.js'
import { noteStreams } from './operations/unread-streams.js'
import { type UpdateInput, type UpdateOptions, update } from './operations/update.js'
import { type WaitOptions, whenClosed, whenDrained } from './operations/waiting.js'
import { checkOptions } from './options.js'
import { type ExecRunOptions, endableContainer, type RunResult, runProcess } from './run.js'
import { boundStore } from './store/bound-store.js'
import { type ContainerRecord, type Owner, ociState } from './store/container-record.js'
import type { Readable, Terminal, Writable } from './streams.js'
import { holdUntil } from './sys/hold-until.js'

/** Of a container that this process has made, all; of another the record. */
type Known = Partial<Created> & { readonly record: ContainerRecord }

const NO_STREAMS: Streams = { stdin: null, stdout: null, stderr: null, terminal: null }
const outputsOf = ({ terminal, stdout, stderr }: Streams): readonly (Readable | null)[] => [terminal ?? stdout, stderr]

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
  /** Of a root of layers: these, the lowest first; else null. */
  readonly layers: readonly string[] | null
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
  /** Those of its configuration. */
  readonly annotations: Readonly<Record<string, string>>
  /** The process that made it; null if it is to outlive that one (`detached`). */
  readonly owner: Owner | null
  /** What this process does in its network namespace. */
  readonly network: ContainerNetwork
  readonly #context: Context
  readonly #cgroup: Cgroup
  /** By this handle, so that its end is that of the container. */
  readonly #isMade: boolean
  readonly #child: Child | null
  readonly #end: ContainerEnd
  readonly #upper: string | null
  #memory: number | null
  #exited: Promise<ExitResult> | null = null
  #closed: Promise<ExitResult> | null = null

  private constructor(context: Context, { record, child, streams = NO_STREAMS, cgroup, memory }: Known) {
    this.id = record.id
    this.bundle = record.bundle
    this.rootfs = record.rootfs
    this.layers = record.layered ? [...record.layered.layers] : null
    this.#upper = record.layered?.upper ?? null
    this.#memory = memory ?? null
    this.created = new Date(record.created)
    this.pid = record.pid
    this.annotations = { ...record.annotations }
    this.owner = record.owner ? { ...record.owner } : null
    this.stdin = streams.stdin
    this.stdout = streams.stdout
    this.stderr = streams.stderr
    this.terminal = streams.terminal
    this.#context = { ...context, store: boundStore(context.store, record) }
    this.#isMade = child !== undefined
    this.#child = child ?? null
    this.network = new ContainerNetwork(kinds => containerSockets(this.#context, this.id, kinds))
    this.#cgroup = cgroup ?? openCgroup({ recorded: record.cgroup })
    noteStreams(record, streams)
    this.#end = followEnd({ record, child: this.#child, cgroup: this.#cgroup, store: this.#context.store })
  }

  /** @internal Containers come from `runtime.create`, `runtime.get` and `runtime.list`. */
  static from(context: Context, known: Known): Container {
    return new Container(context, known)
  }

  /**
   * The directory that has what was written to a root of layers, in the form that overlayfs keeps it; null if the root has no layers. If it
   * is in memory, it is of this process and for the handle that has made the container, and there until that deletes it; else null.
   */
  get upper(): string | null {
    return this.#memory === null ? this.#upper : `/proc/self/fd/${this.#memory}/upper`
  }

  /**
   * Starts the user's process; resolves when it has been exec'd and the poststart hooks have run (runtime.md, start).
   * @throws {StateError} ERR_STATE_STATUS unless it is `created`
   * @throws {LaunchError} ERR_LAUNCH_EXEC, {HookError}; the reason of `signal`, which kills the container
   */
  async start(options: StartOptions = {}): Promise<void> {
    checkOptions(this.#context.isCommand ? 'command.start' : 'start', options)
    this.#end.started()
    await start(this.#context, this.id, options)
  }

  /**
   * True when its process has said READY=1 at its socket (sd_notify(3)), false when it has ended before. To be called before
   * `start`: what is said earlier is lost.
   * @throws {StateError} ERR_STATE_STATUS if it was not created with `notify`
   */
  async ready(options: ReadyOptions = {}): Promise<boolean> {
    checkOptions('ready', options)
    return ready(this.#context, this.id, options)
  }

  /**
   * How its init ended, as soon as it has, as `exit` of a child process: the output may not have been read by then. Of a container of
   * another process too (by pidfd).
   */
  get exited(): Promise<ExitResult> {
    this.#exited ??= holdUntil(this.#end.exited())
    return this.#exited
  }

  /**
   * The same, once all of the output that is being read has been read, as `close` of a child process. That is when the last process
   * that holds the pipes has ended, also if it is not of the container.
   */
  get closed(): Promise<ExitResult> {
    this.#closed ??= whenClosed(this.exited, outputsOf(this))
    return this.#closed
  }

  /**
   * How its init ended, once the output has been read: as `closed`, but processes that still hold the pipes are waited for no longer
   * than `drain` milliseconds. What nobody reads is not waited for. At once if all that has happened already. Any number of waits holds
   * no thread of libuv's pool.
   * @throws {ConfigError} for a `drain` that is no duration; the reason of `signal`
   */
  async wait(options: WaitOptions = {}): Promise<ExitResult> {
    checkOptions('wait', options)
    return whenDrained(this.#end.exited(), outputsOf(this), options)
  }

  /**
   * Asks the init to end, kills it if it has not done so in time, and waits for it as `wait` does. A first process without a handler for the
   * signal ignores it.
   * @throws {ConfigError} for what is no signal or no duration
   */
  async stop(options: StopOptions = {}): Promise<ExitResult> {
    checkOptions('stop', options)
    await endGently(endableContainer(this), options)
    return this.wait()
  }

  /**
   * Sends a signal (name or number) to the init; default SIGTERM. A first process without a handler for it ignores all but
   * SIGKILL and SIGSTOP.
   * @throws {StateError} ERR_STATE_STATUS `container not running`
   */
  async kill(signal: string | number = 'SIGTERM', options: KillOptions = {}): Promise<void> {
    checkOptions('kill', options)
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
    checkOptions(this.#context.isCommand ? 'command.exec' : 'exec', options)
    return this.#exec(options, options.signal)
  }

  /**
   * exec, wait and collect in one call, with the options and the results of `runtime.run`. What the program has left running in the
   * background goes on, but has no pipe any more. A program that can't be executed is an error; one that fails is not.
   * @throws as `exec`; the reason of `signal` when aborted, after the program has been killed
   */
  async run(options: ExecRunOptions<'buffer'> & { readonly encoding: 'buffer' }): Promise<RunResult<'buffer'>>
  async run(options: ExecRunOptions): Promise<RunResult>
  async run(options: ExecRunOptions<Encoding>): Promise<RunResult<Encoding>> {
    checkOptions('container.run', options)
    const settings = readCollectOptions(options)
    const process = await this.#exec({ ...withoutCollecting(options), ...signalOf(settings) })
    return runProcess(process, settings)
  }

  async #exec(options: ExecOptions, signal?: AbortSignal): Promise<ExecProcess> {
    const executed = await exec(this.#context, this.id, options)
    return ExecProcess.from(executed, { container: this.id, keepsTree: options.detached !== true, signal })
  }

  /** Stops all of its processes where they are (`paused`), and resolves when they have stopped. @throws {StateError} `container not running` */
  async pause(): Promise<void> {
    await pause(this.#context, this.id)
  }

  /** Lets a paused container go on. @throws {StateError} ERR_STATE_STATUS `container not paused` */
  async resume(): Promise<void> {
    await resume(this.#context, this.id)
  }

  /**
   * Saves it for `runtime.restore`, by CRIU; then it is deleted, unless it is to go on, as it does after a failure.
   * @throws {StateError} unless it is running or paused; {CheckpointError|HostError|ConfigError|SystemError}; the reason of `signal`
   */
  async checkpoint(options: CheckpointOptions): Promise<void> {
    checkOptions(this.#context.isCommand ? 'command.checkpoint' : 'checkpoint', options)
    await checkpoint(this.#context, this.id, { ...options, upper: this.upper, ended: this.#end.lastLook })
    if (!hasRecord(this.#context.store, this.id)) await this.#letGo()
  }

  /** The pids of its processes, as the host counts; those of the cgroups below its own too. Empty if it has ended. */
  async processes(): Promise<number[]> {
    if (!hasRecord(this.#context.store, this.id)) return []
    return this.#cgroup.pids({ recursive: true }).filter(pid => pid > 0)
  }

  /**
   * Changes its limits while it runs; they are kept with it. What is left out stays as it is.
   * @throws {StateError} `container not running`; {ConfigError|CgroupError} for what is wrong, or refused by the host or the kernel
   */
  async update(resources: UpdateInput, options: UpdateOptions = {}): Promise<void> {
    checkOptions('update', options)
    await update(this.#context, { id: this.id, input: resources, options })
  }

  /** What it uses, or has used, as its cgroup counts; a unit of systemd is gone with it. @throws {StateError} once it is deleted */
  async stats(): Promise<Stats> {
    return currentStats(this.#context, this.id)
  }

  /** As much of that as its end will tell, which is quick: processor time in milliseconds, and the most memory. Null parts: nobody counts them. */
  readonly usage = async (): Promise<CgroupUsage> => this.#cgroup.usage()

  /**
   * Its statistics every so often, and out-of-memory when it happens; ends with the container. To abort throws the signal's reason.
   * @throws {StateError} ERR_STATE_STATUS if it has ended; {ConfigError} for an interval that is not above 0
   */
  async *events(options: EventsOptions = {}): AsyncGenerator<ContainerEvent, void> {
    checkOptions('events', options)
    yield* events(this.#context, this.id, options)
  }

  /**
   * Removes the container: processes, cgroup and state. With `force` also a running one, and without complaint one that is gone. What its
   * processes have written and nobody has begun to read is dropped.
   * @throws {StateError} ERR_STATE_NOT_FOUND, ERR_STATE_STATUS unless it is stopped or created
   */
  async delete(options: DeleteOptions = {}): Promise<void> {
    checkOptions('delete', options)
    await remove(this.#context, this.id, { ...options, ended: this.#end.lastLook })
    await this.#letGo()
  }

  async #letGo(): Promise<void> {
    this.network.close()
    // Reaped too, if it is a child of ours.
    if (this.#isMade) await this.#child?.wait()
    closeUpper(this.#memory)
    this.#memory = null
  }

  /** The state document of the specification, as of now (runtime.md, state). @throws {StateError} ERR_STATE_NOT_FOUND */
  async state(): Promise<OciState> {
    const record = this.#context.store.read(this.id)
    return ociState(record, statusOf(this.#context, record))
  }

  /** `await using`: deletes it with force, and waits until all is gone, if this handle has made it; those of `get` and `list` have not. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isMade) return
    await this.delete({ force: true })
  }
}
