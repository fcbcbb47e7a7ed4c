import { optionError } from '../config/option.js'
import { StateError } from '../errors.js'
import type { Container, ContainerEvent, EventsOptions, RootChange, Stats } from '../index.js'
import { diffUpper } from '../index.js'
import type { Denial, NetworkAttachment } from '../network/index.js'
import { effectiveUid } from '../sys/self.js'
import { after, type Timer } from '../sys/timer.js'
import { SandboxCommands } from './commands.js'
import { type Isolation, type Made, makeSandboxContainer, pruneSandboxes } from './make-container.js'
import { SandboxFiles } from './sandbox-files.js'
import { readSandboxOptions, type SandboxOptions, type SandboxSettings } from './sandbox-options.js'

/** A place for programs that nobody trusts: what they write, use and reach is what its options say. */
export class Sandbox implements AsyncDisposable {
  readonly id: string
  /** How far it is apart from this machine. */
  readonly isolation: Isolation
  /** Who its commands are. */
  readonly user: { readonly uid: number; readonly gid: number }
  readonly commands: SandboxCommands
  readonly files: SandboxFiles
  /** Its connections and ports; null unless its network is that of a gateway. */
  readonly network: NetworkAttachment | null
  readonly #made: Made
  readonly #container: Container
  readonly #timer: Timer
  #hasExpired = false
  #ended: Promise<void> | null = null

  private constructor(made: Made, settings: SandboxSettings) {
    const { id, isolation, user, container, hasCgroup, envs, cwd } = made
    this.id = id
    this.isolation = isolation
    this.user = user
    this.network = made.attachment
    this.#made = made
    this.#container = container
    const check = (): void => this.#check()
    this.commands = new SandboxCommands({
      container,
      settings,
      ...{ user, envs, cwd, denials: made.network.denials },
      hasCgroup,
      hasExpired: () => this.#hasExpired,
      check,
    })
    const owner = effectiveUid() === 0 ? user : null
    this.files = new SandboxFiles({ pid: container.pid, cwd, owner, check })
    this.#timer = after(settings.timeoutMs, () => void this.#expire())
  }

  /**
   * Makes a sandbox; nothing runs in it yet.
   * @throws {ConfigError} naming the option; {HostError|LaunchError} if this machine does not allow it, with what to do; the reason of `signal`
   */
  static async create(options: SandboxOptions = {}): Promise<Sandbox> {
    const settings = readSandboxOptions(options)
    settings.signal?.throwIfAborted()
    return new Sandbox(await makeSandboxContainer(settings), settings)
  }

  /** Removes what processes that were killed have left of sandboxes of this user. @returns their ids */
  static prune(): Promise<string[]> {
    return pruneSandboxes()
  }

  /** What it was refused by a gateway of its own, each once. */
  get denials(): readonly Denial[] {
    return [...this.#made.network.denials]
  }

  /** True once it has been stopped, or has come to its time-out. */
  get hasEnded(): boolean {
    return this.#ended !== null
  }

  /**
   * What has been added, modified and deleted at `path` and below, since it was made: in its root, and in mounts of the mode `overlay`. What other mounts
   * hide is not told.
   */
  async diff(path = '/', options: { readonly signal?: AbortSignal } = {}): Promise<RootChange[]> {
    if (typeof path !== 'string' || !path.startsWith('/'))
      throw optionError({ option: 'path', expected: 'an absolute path', received: path })
    this.#check()
    const { layers, overlays } = this.#made
    const changes: RootChange[] = []
    const add = async (upper: string, lower: readonly string[], target: string): Promise<void> => {
      for await (const change of diffUpper(upper, lower, options)) changes.push(below(target, change))
    }
    await add(this.#container.upper ?? '', layers, '')
    for (const { upper, lower, target } of overlays) await add(upper, [lower], target)
    const start = path.replace(/\/*$/, '')
    return changes.filter(change => isIn(change.path, start) && !this.#isMountPoint(change))
  }

  /** Stops all that runs in it where it is. */
  async pause(): Promise<void> {
    await this.#container.pause()
  }

  async resume(): Promise<void> {
    await this.#container.resume()
  }

  /** What it uses now. */
  async stats(): Promise<Stats> {
    return this.#container.stats()
  }

  events(options: EventsOptions = {}): AsyncGenerator<ContainerEvent, void> {
    return this.#container.events(options)
  }

  /** Ends all that runs in it, and removes it. Fine if it has ended. */
  async stop(): Promise<void> {
    this.#timer.stop()
    this.#ended ??= this.#remove()
    await this.#ended
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #remove(): Promise<void> {
    await this.#container.delete({ force: true })
    this.#made.network.close()
    this.#made.box.remove()
  }

  async #expire(): Promise<void> {
    this.#hasExpired = true
    // What can't be removed is told by stop.
    await this.stop().catch(() => {})
  }

  #check(): void {
    if (this.#ended === null) return
    const message = this.#hasExpired ? 'the sandbox has come to its time-out' : 'the sandbox has been stopped'
    throw new StateError('ERR_STATE_STATUS', message, { id: this.id, status: 'stopped', expected: 'created' })
  }

  /** What the runtime has made for something to be mounted on. */
  #isMountPoint({ path, change, kind }: RootChange): boolean {
    if (change !== 'added' || (kind !== 'directory' && kind !== 'file')) return false
    return this.#made.mountPoints.some(point => point === path || point.startsWith(`${path}/`))
  }
}

const isIn = (path: string, start: string): boolean => start === '' || path === start || path.startsWith(`${start}/`)

const below = (target: string, change: RootChange): RootChange =>
  target === '' ? change : { ...change, path: `${target}${change.path}`, bytes: joined(target, change.bytes) }

function joined(target: string, bytes: Uint8Array): Uint8Array {
  return Uint8Array.from([...new TextEncoder().encode(target), ...bytes])
}
