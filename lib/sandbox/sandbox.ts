import { optionError } from '../config/option.js'
import { checkShapes, INTERVAL, SIGNAL } from '../config/option-shapes.js'
import { StateError } from '../errors.js'
import { type Image, openImages } from '../image/index.js'
import type { ContainerEvent, EventsOptions, RootChange, Stats } from '../index.js'
import type { Denial, NetworkAttachment } from '../network/index.js'
import { effectiveUid } from '../sys/self.js'
import { after, type Timer } from '../sys/timer.js'
import { SandboxCommands } from './commands.js'
import { COMMIT, commitWritten, imageOf, type SandboxCommitOptions } from './commit-sandbox.js'
import { placesFor } from './file-places.js'
import type { Isolation } from './isolated-container.js'
import { type Made, makeSandboxContainer, pruneSandboxes, removeMade } from './make-container.js'
import { beginMetrics, type SandboxMetrics } from './metrics.js'
import { type PoolOptions, SandboxPool } from './pool.js'
import { SandboxFiles } from './sandbox-files.js'
import { checkSameImage } from './sandbox-image.js'
import { readSandboxOptions, type SandboxOptions, type SandboxSettings } from './sandbox-options.js'
import { SandboxChild, type SpawnOptions } from './spawned.js'
import { whileStill } from './stillness.js'
import { traced } from './tracing.js'
import { writtenIn } from './written.js'

interface Cancel {
  readonly signal?: AbortSignal
}

export type SandboxPoolOptions = SandboxOptions & PoolOptions

/** A place for programs that nobody trusts: what they write, use and reach is what its options say. */
export class Sandbox implements AsyncDisposable {
  readonly commands: SandboxCommands
  readonly files: SandboxFiles
  readonly #settings: SandboxSettings
  readonly #whenEnded: () => void
  readonly #metrics: SandboxMetrics
  #made: Made
  #timer: Timer | null = null
  #hasExpired = false
  #ended: Promise<void> | null = null
  #resetting: Promise<void> | null = null

  private constructor(made: Made, settings: SandboxSettings, whenEnded: () => void = () => {}) {
    this.#made = made
    this.#settings = settings
    this.#metrics = beginMetrics(settings.meter, () => this.denials)
    this.#whenEnded = () => {
      this.#metrics.ended()
      whenEnded()
    }
    this.commands = new SandboxCommands(() => {
      const { id, network, ...own } = this.#live()
      const denials = (): readonly Denial[] => network.denials(id)
      return { ...own, settings, denials, metrics: this.#metrics, hasExpired: () => this.#hasExpired }
    })
    this.files = new SandboxFiles(() => {
      const { cwd, user, ...made } = this.#live()
      return { enter: placesFor(made), cwd, owner: effectiveUid() === 0 ? user : null }
    })
  }

  /**
   * Makes a sandbox; nothing runs in it yet.
   * @throws {ConfigError} naming the option; {HostError|LaunchError} if this machine does not allow it, with what to do; the reason of `signal`
   */
  static async create(options: SandboxOptions = {}): Promise<Sandbox> {
    const settings = readSandboxOptions(options)
    settings.signal?.throwIfAborted()
    const made = await traced(settings.tracer, {
      name: 'sandbox.create',
      act: () => makeSandboxContainer(settings),
      attributesOf: ({ id, isolation }) => ({ id, level: isolation.level }),
    })
    const box = new Sandbox(made, settings)
    box.#begin()
    return box
  }

  /**
   * Keeps `size` sandboxes ready, all with these options: to take one costs no more than a look whether it lives. Their time-out begins when they are taken.
   * @throws as `create`
   */
  static async pool({ size, maximum, ...options }: SandboxPoolOptions): Promise<SandboxPool<Sandbox>> {
    const { signal, ...settings } = readSandboxOptions(options)
    signal?.throwIfAborted()
    const unsignalled = { ...settings, signal: undefined }
    const pool = new SandboxPool<Sandbox>({
      ...{ size, ...(maximum !== undefined && { maximum }) },
      make: async ended => new Sandbox(await makeSandboxContainer(unsignalled), unsignalled, ended),
      // Somebody else may have deleted it, so that there is no state.
      isAlive: box =>
        box.#made.container.state().then(
          ({ status }) => status !== 'stopped',
          () => false,
        ),
      taken: box => box.#begin(),
    })
    await pool.fill()
    return pool
  }

  /** Removes what processes that were killed have left of sandboxes of this user. @returns their ids */
  static prune(): Promise<string[]> {
    return pruneSandboxes()
  }

  /** Of the container that it is by now: `reset` makes another one. */
  get id(): string {
    return this.#made.id
  }

  /** How far it is apart from this machine. */
  get isolation(): Isolation {
    return this.#made.isolation
  }

  /** Who its commands are. */
  get user(): { readonly uid: number; readonly gid: number } {
    return this.#made.user
  }

  /** Its connections and ports; null unless its network is that of a gateway. */
  get network(): NetworkAttachment | null {
    return this.#made.attachment
  }

  /** What the gateway has refused it, each once. */
  get denials(): readonly Denial[] {
    return this.#made.network.denials(this.id)
  }

  /** Its addresses in a network of the host (`cni`), with the lengths of their prefixes; else none. */
  get addresses(): readonly string[] {
    return this.#made.network.addresses()
  }

  /** True once it has been stopped, or has come to its time-out. */
  get hasEnded(): boolean {
    return this.#ended !== null
  }

  /**
   * What has been added, modified and deleted at `path` and below, since it was made: in its root, and in mounts of the mode `overlay`. What other mounts
   * hide is not told.
   */
  async diff(path = '/', options: Cancel = {}): Promise<RootChange[]> {
    checkShapes('', options, { signal: SIGNAL })
    if (typeof path !== 'string' || !path.startsWith('/'))
      throw optionError({ option: 'path', expected: 'an absolute path', received: path })
    return writtenIn(this.#live(), path, options)
  }

  /**
   * As `child_process.spawn`, for code that was written for that: `const { spawn } = box` in place of the import. What can't be started is told by `error`.
   * @throws {ConfigError} naming the option
   */
  readonly spawn = (
    command: string,
    args: readonly string[] | SpawnOptions = [],
    options: SpawnOptions = {},
  ): SandboxChild => {
    const [words, settings] = isList(args) ? [args, options] : [[], args]
    return SandboxChild.spawn((all, given) => this.commands.begin(all, given), command, words, settings)
  }

  /**
   * A new image, of its image and what has been written to its root by now. Mounts are not in it. It is paused meanwhile.
   * @throws {ConfigError} if it has no image; as `commit` of images
   */
  async commit(name: string, options: SandboxCommitOptions = {}): Promise<Image> {
    checkShapes('', options, COMMIT)
    const made = this.#live()
    imageOf(made, name)
    const store = this.#settings.images ?? openImages()
    return whileStill(made, () => commitWritten(made, { store, name, options }))
  }

  /**
   * Another sandbox with the same options, and with the files that this one has by now; no processes. Its `diff` begins there. This one is
   * paused meanwhile. Ports that were published can be published once only.
   * @throws as `create`; {StateError} if the name of its image is that of another one by now, as after `commit` with the same name
   */
  async fork(options: Cancel = {}): Promise<Sandbox> {
    checkShapes('', options, { signal: SIGNAL })
    const { signal } = options
    const origin = this.#live()
    signal?.throwIfAborted()
    const settings = { ...this.#settings, signal }
    await checkSameImage(origin, settings)
    const made = await whileStill(origin, () => makeSandboxContainer(settings, origin), removeMade)
    const box = new Sandbox(made, settings)
    box.#begin()
    return box
  }

  /**
   * Makes it as it was when it was made: ends all that runs in it, and forgets all that was written to its root and its overlays. It is another
   * container after that. If that can't be made it has ended.
   * @throws as `fork`
   */
  async reset(): Promise<void> {
    this.#live()
    this.#resetting = this.#remake()
    try {
      await this.#resetting
    } finally {
      this.#resetting = null
    }
  }

  /** Forgets what has been written: as `reset`, in place of `commit`. @throws as `reset` */
  async discard(): Promise<void> {
    await this.reset()
  }

  /** Stops all that runs in it where it is. */
  async pause(): Promise<void> {
    await this.#made.container.pause()
  }

  async resume(): Promise<void> {
    await this.#made.container.resume()
  }

  /** What it uses now. */
  async stats(): Promise<Stats> {
    return this.#made.container.stats()
  }

  /** @throws {ConfigError} naming the option; as those of a container */
  events(options: EventsOptions = {}): AsyncGenerator<ContainerEvent, void> {
    checkShapes('', options, { interval: INTERVAL, signal: SIGNAL })
    return this.#made.container.events(options)
  }

  /** Ends all that runs in it, and removes it. Fine if it has ended. */
  async stop(): Promise<void> {
    this.#timer?.stop()
    this.#ended ??= this.#end()
    await this.#ended
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  #begin(): void {
    this.#timer = after(this.#settings.timeoutMs, () => void this.#expire())
  }

  async #end(): Promise<void> {
    // What it could not make again is told by that.
    await this.#resetting?.catch(() => {})
    this.#metrics.refused()
    await removeMade(this.#made)
    this.#whenEnded()
  }

  async #remake(): Promise<void> {
    await checkSameImage(this.#made, this.#settings)
    this.#metrics.refused()
    await removeMade(this.#made)
    try {
      this.#made = await makeSandboxContainer({ ...this.#settings, signal: undefined })
      this.#metrics.reset()
    } catch (error) {
      this.#timer?.stop()
      this.#ended ??= Promise.resolve()
      this.#whenEnded()
      throw error
    }
  }

  async #expire(): Promise<void> {
    this.#hasExpired = true
    await this.stop().catch(() => {}) // what can't be removed is told by stop
  }

  /** @throws {StateError} if it has ended, or is just being made again */
  #live(): Made {
    const { id } = this.#made
    if (this.#resetting !== null) throw new StateError('ERR_STATE_STATUS', 'the sandbox is being reset', { id })
    if (this.#ended === null) return this.#made
    const message = this.#hasExpired ? 'the sandbox has come to its time-out' : 'the sandbox has been stopped'
    throw new StateError('ERR_STATE_STATUS', message, { id, status: 'stopped', expected: 'created' })
  }
}

const isList = (value: readonly string[] | SpawnOptions): value is readonly string[] => Array.isArray(value)
