/** Sandboxes that are made before they are needed. */
import { optionError } from '../config/option.js'
import { checkShapes, SIGNAL } from '../config/option-shapes.js'
import { StateError } from '../errors.js'
import { abortOf } from '../sys/abort.js'
import { after, type Timer } from '../sys/timer.js'

export interface PoolOptions {
  /** How many are kept ready; at least 1. */
  readonly size: number
  /** How many there may be at a time, ready and in use. Default Infinity. Who wants one more waits in a queue. */
  readonly maximum?: number
}

/** What a pool is of. */
export interface Pooled {
  stop(): Promise<void>
}

interface PoolSource<Item extends Pooled> extends PoolOptions {
  /** `ended` is to be called once when it has been removed. */
  readonly make: (ended: () => void) => Promise<Item>
  readonly isAlive: (item: Item) => Promise<boolean>
  /** It is in use from now on. */
  readonly taken: (item: Item) => void
}

interface Waiter<Item> {
  readonly give: (item: Item) => void
  readonly refuse: (reason: unknown) => void
}

/** As many as this user can have processes, on most machines. */
const MOST = 2 ** 22
/** Milliseconds. */
const REST_MS = 20

export class SandboxPool<Item extends Pooled> implements AsyncDisposable {
  readonly #source: PoolSource<Item>
  readonly #maximum: number
  readonly #ready: Item[] = []
  readonly #inUse = new Set<Item>()
  readonly #queue: Waiter<Item>[] = []
  readonly #making = new Set<Promise<void>>()
  #closed: Promise<void> | null = null
  #later: Timer | null = null

  /** @internal They come from `Sandbox.pool`. @throws {ConfigError} naming the option */
  constructor(source: PoolSource<Item>) {
    const { size, maximum = Number.POSITIVE_INFINITY } = source
    if (!Number.isInteger(size) || size < 1 || size > MOST)
      throw optionError({ option: 'size', expected: `a whole number from 1 to ${MOST}`, received: size })
    if (typeof maximum !== 'number' || !(maximum >= size))
      throw optionError({ option: 'maximum', expected: 'a number that is not below size', received: maximum })
    this.#source = source
    this.#maximum = maximum
  }

  /** How many can be taken at once, how many are in use, and how many wait for one. */
  get counts(): { readonly ready: number; readonly inUse: number; readonly waiting: number } {
    return { ready: this.#ready.length, inUse: this.#inUse.size, waiting: this.#queue.length }
  }

  /** @internal The first ones. @throws as `create`; nothing is left then */
  async fill(): Promise<void> {
    try {
      const made = Array.from({ length: this.#source.size }, () => this.#make())
      const failed = (await Promise.allSettled(made)).find(one => one.status === 'rejected')
      if (failed !== undefined) throw failed.reason
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  /**
   * One that nobody has used, which is the caller's from then on: to stop it makes room for the next. One that has died while it was kept is replaced.
   * @throws as `create`, if it had to be made and could not be; {StateError} once the pool has been stopped; the reason of `signal`
   */
  async take(options: { readonly signal?: AbortSignal } = {}): Promise<Item> {
    checkShapes('', options, { signal: SIGNAL })
    const { signal } = options
    signal?.throwIfAborted()
    this.#check()
    for (let item = this.#ready.shift(); item !== undefined; item = this.#ready.shift()) {
      this.#inUse.add(item)
      if (await this.#source.isAlive(item)) return this.#give(item)
      await item.stop()
      this.#check()
    }
    return this.#waitForOne(signal)
  }

  /** Takes one for as long as `act` lasts. @throws as `take`; what `act` throws */
  async use<T>(act: (item: Item) => Promise<T>, options: { readonly signal?: AbortSignal } = {}): Promise<T> {
    if (typeof act !== 'function') throw optionError({ option: 'act', expected: 'a function', received: act })
    const item = await this.take(options)
    try {
      return await act(item)
    } finally {
      await item.stop()
    }
  }

  /** Removes those that nobody uses, and refuses those who wait. Those that are in use are their users'. */
  async stop(): Promise<void> {
    this.#closed ??= this.#close()
    await this.#closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  #give(item: Item): Item {
    this.#inUse.add(item)
    this.#source.taken(item)
    // Whoever has taken one uses it now: the next one can wait, unless somebody waits for it.
    if (this.#ready.length > 0) this.#later ??= after(REST_MS, () => this.#refill())
    else setImmediate(() => this.#refill())
    return item
  }

  async #waitForOne(signal: AbortSignal | undefined): Promise<Item> {
    let waiter: Waiter<Item> | undefined
    const given = new Promise<Item>((give, refuse) => {
      waiter = { give, refuse }
      this.#queue.push(waiter)
    })
    given.catch(() => {})
    const aborted = abortOf(signal)
    this.#refill()
    try {
      return await Promise.race([given, aborted.promise])
    } finally {
      aborted.stop()
      const index = waiter === undefined ? -1 : this.#queue.indexOf(waiter)
      if (index >= 0) this.#queue.splice(index, 1)
      // Given in the same moment.
      else if (signal?.aborted) void given.then(item => item.stop()).catch(() => {})
    }
  }

  get #total(): number {
    return this.#ready.length + this.#inUse.size + this.#making.size
  }

  #refill(): void {
    this.#later?.stop()
    this.#later = null
    if (this.#closed !== null) return
    const wanted = this.#source.size + this.#queue.length
    while (this.#ready.length + this.#making.size < wanted && this.#total < this.#maximum) {
      // Whoever waits is told; for nobody the next one who takes tries again.
      this.#make().catch((error: unknown) => this.#queue.shift()?.refuse(error))
    }
  }

  #make(): Promise<void> {
    const making = this.#makeOne().finally(() => this.#making.delete(making))
    this.#making.add(making)
    return making
  }

  async #makeOne(): Promise<void> {
    let made: Item | null = null
    const item = await this.#source.make(() => {
      if (made === null) return
      this.#inUse.delete(made)
      this.#refill()
    })
    made = item
    if (this.#closed !== null) return item.stop()
    const waiter = this.#queue.shift()
    if (waiter === undefined) this.#ready.push(item)
    else waiter.give(this.#give(item))
  }

  async #close(): Promise<void> {
    this.#later?.stop()
    for (const { refuse } of this.#queue.splice(0)) refuse(stopped())
    await Promise.allSettled(this.#making)
    const left = this.#ready.splice(0).map(item => item.stop())
    const failed = (await Promise.allSettled(left)).find(one => one.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }

  #check(): void {
    if (this.#closed !== null) throw stopped()
  }
}

const stopped = (): StateError =>
  new StateError('ERR_STATE_STATUS', 'the pool has been stopped', { id: '', status: 'stopped', expected: 'running' })
