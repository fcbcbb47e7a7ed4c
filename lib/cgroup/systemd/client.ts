/** systemd's manager of units, over D-Bus. Nothing blocks; what takes longer than 30 seconds is given up. */
import { type Bus, BusError, openBus } from '../../dbus/bus.js'
import type { Typed } from '../../dbus/writing.js'
import { isDirectory } from '../../sys/file.js'

/** The manager of the system, or that of the calling user. */
export type Which = 'system' | 'user'

/** A property of a unit, by systemd's D-Bus name. */
export interface Property extends Typed {
  readonly name: string
}

const DESTINATION = 'org.freedesktop.systemd1'
const MANAGER = { destination: DESTINATION, path: '/org/freedesktop/systemd1', interface: `${DESTINATION}.Manager` }
const LIMIT_MS = 30_000

/** Whether this system was booted by systemd. */
export const isBooted = (): boolean => isDirectory('/run/systemd/system')

const text = (value: string): Typed => ({ signature: 's', value })
const properties = (list: readonly Property[]): Typed => ({
  signature: 'a(sv)',
  value: list.map(({ name, signature, value }) => [name, { signature, value }]),
})

/** The manager of units, connected to. To be closed. */
export class Systemd {
  readonly #bus: Bus
  /** What has become of the jobs that ended since the connection was made. */
  readonly #results: ReadonlyMap<string, string>

  /** Use `connectToSystemd`. */
  constructor(bus: Bus, results: ReadonlyMap<string, string>) {
    this.#bus = bus
    this.#results = results
  }

  /** Makes a transient unit and resolves when it is active. @throws {BusError} `job.RESULT` if its job fails */
  async startTransient(unit: string, list: readonly Property[]): Promise<void> {
    const none: Typed = { signature: 'a(sa(sv))', value: [] }
    await this.#job('StartTransientUnit', [text(unit), text('replace'), properties(list), none])
  }

  /** SIGKILL to all of its processes, and resolves when it is inactive; a failed one is forgotten. */
  async kill(unit: string): Promise<void> {
    await this.#call('KillUnit', [text(unit), text('all'), { signature: 'i', value: 9 }])
    await this.#job('StopUnit', [text(unit), text('replace')])
    await this.#call('ResetFailedUnit', [text(unit)])
  }

  /** Until the next boot. */
  async setProperties(unit: string, list: readonly Property[]): Promise<void> {
    await this.#call('SetUnitProperties', [text(unit), { signature: 'b', value: true }, properties(list)])
  }

  /** To be called before anything that makes jobs. */
  async subscribe(): Promise<void> {
    const rule = `type='signal',sender='${DESTINATION}',interface='${MANAGER.interface}',member='JobRemoved'`
    const bus = {
      destination: 'org.freedesktop.DBus',
      path: '/org/freedesktop/DBus',
      interface: 'org.freedesktop.DBus',
    }
    await this.#bus.call({ ...bus, member: 'AddMatch', args: [text(rule)] })
    await this.#call('Subscribe', [])
  }

  close(): void {
    this.#bus.close()
  }

  async #call(member: string, args: readonly Typed[]): Promise<void> {
    await this.#bus.call({ ...MANAGER, member, args })
  }

  async #job(member: string, args: readonly Typed[]): Promise<void> {
    const [job = ''] = await this.#bus.call({ ...MANAGER, member, args }, 'o')
    await this.#bus.until(() => this.#results.has(job))
    const result = this.#results.get(job) ?? ''
    if (result !== 'done') throw new BusError(`job.${result}`, `the job of ${member} ended as "${result}"`)
  }
}

/**
 * A connection to systemd that hears of the end of jobs.
 * @throws {SystemError|BusError} if there is no bus, or no systemd on it
 */
export async function connectToSystemd(which: Which): Promise<Systemd> {
  const results = new Map<string, string>()
  const signal = { interface: MANAGER.interface, member: 'JobRemoved', signature: 'uoss' }
  const onSignal = ([, job = '', , result = '']: readonly string[]): void => void results.set(job, result)
  const systemd = new Systemd(await openBus(which, { signal, onSignal, limitMs: LIMIT_MS }), results)
  try {
    await systemd.subscribe()
    return systemd
  } catch (error) {
    systemd.close()
    throw error
  }
}
