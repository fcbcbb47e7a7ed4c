/** A launch: the helper is started on a plan, and met where it waits. The caller takes the steps in the order of the plan. */
import { encodePlan } from '../plan/encode.js'
import { OP_CODES, type OpName } from '../plan/ops.js'
import { verifyPlan } from '../plan/verify.js'
import { closeFd, closeFds } from '../sys/beneath.js'
import { sealedMemory } from '../sys/memory.js'
import { takeFd } from '../sys/processes.js'
import { sleep } from '../sys/self.js'
import { sendFds } from '../sys/socket.js'
import { after, type Timer } from '../sys/timer.js'
import { type Channel, openChannel } from './channel.js'
import { type Child, followBrother, reapLost } from './child.js'
import { demandOpen } from './descriptors.js'
import { isBorn, type LaunchInput, type Started, startFirst } from './first-process.js'
import { decodeFrame, diedError, type Frame, reportedError, stepsOf } from './report.js'
import { type Barrier, type Station, stationOf, stationsOf } from './stations.js'

const SIGKILL = 9

/**
 * Starts the helper, which makes its namespaces while the caller opens the slots of the plan.
 * @throws {SystemError|LaunchError} if it can not be started; the signal's reason
 */
export function begin(input: LaunchInput): Launch {
  try {
    input.signal?.throwIfAborted()
    demandOpen(input.stdio)
    return new Launch(input, startFirst(input))
  } finally {
    if (input.cgroup !== null) closeFd(input.cgroup)
  }
}

export class Launch {
  readonly #input: LaunchInput
  readonly #control: number
  readonly #channel: Channel
  readonly #stations: Station[]
  /** The process that the runtime has started; it ends when it has made another one. */
  readonly #first: Child
  readonly #since: number
  #child: Child
  /** Where the helper has waited last, and whether it does. */
  #at: OpName | '' = ''
  #waits = false
  #hasPlan = false
  #limit: Timer | null = null
  readonly #abort = (): void => {
    // One that is being made and that we do not know of yet is waited for, but not for ever.
    const kill = (): unknown => this.#child.signal(SIGKILL)
    if (this.#stations.includes('cloned')) this.#limit = after(SILENCE_MS, kill)
    else kill()
  }

  /** Use `begin`. */
  constructor(input: LaunchInput, { child, control, since }: Started) {
    this.#input = input
    this.#control = control
    this.#channel = openChannel(control)
    this.#stations = stationsOf(input.plan, isBorn(input))
    this.#first = this.#child = child
    this.#since = since
    input.signal?.addEventListener('abort', this.#abort, { once: true })
  }

  /** As far as it is made: that of the container from the plan's last clone on. */
  get child(): Child {
    return this.#child
  }

  /** Gives the helper its plan, and the slots of that, which become the launch's. */
  hand(slots: readonly number[]): void {
    const { plan } = this.#input
    const ours = [...slots]
    try {
      ours.unshift(sealedMemory('tsrun-plan', encodePlan(plan)))
      sendFds(this.#control, ours)
      this.#hasPlan = true
    } finally {
      closeFds(ours)
    }
  }

  /** Resolves when the process is in its cgroup and its first namespaces. @throws as `reach` */
  async born(): Promise<Child> {
    while (this.#stations.includes('lives')) await this.#pass()
    return this.#child
  }

  /** Resolves when no other process is going to take the place of this one. @throws as `reach` */
  async stays(): Promise<Child> {
    while (this.#stations.includes('lives') || this.#stations.includes('cloned')) await this.#pass()
    return this.#child
  }

  /**
   * Resolves when the helper waits at the barrier, until `release`. False at once if the plan has no such barrier.
   * @throws {LaunchError|SafetyError|PlanError} as the helper reports, which verifies the plan before anything of it is done; the signal's reason
   */
  async reach(barrier: Barrier): Promise<boolean> {
    if (!this.#stations.includes(barrier)) return false
    await this.#arriveAt(barrier)
    this.#wait(barrier)
    return true
  }

  /**
   * The listener of the plan's filter (SCMP_ACT_NOTIFY), which is the caller's then; the helper waits until `release`. Null
   * at once if there is no such filter.
   * @throws as `reach`
   */
  async takeListener(): Promise<number | null> {
    if (!this.#stations.includes('listener')) return null
    const frame = await this.#arriveAt('listener')
    this.#wait('seccomp')
    return frame.kind === 'listener' ? this.#pullOver(frame.fd) : null
  }

  /** The helper goes on from where it waits. */
  release(): void {
    this.#input.signal?.throwIfAborted()
    if (this.#at !== '' && this.#waits) this.#channel.send(OP_CODES[this.#at])
    this.#waits = false
  }

  /** Resolves when the program has been executed. @throws as `reach` */
  async executed(): Promise<Child> {
    const bytes = await this.#channel.next()
    if (bytes !== null) throw this.#reported(decodeFrame(bytes))
    this.#input.signal?.throwIfAborted()
    return this.#child
  }

  /**
   * After a failure: ends the process, and resolves to what is to be thrown, which is the signal's reason if that is aborted. It
   * may be the user's program by then. `how`: default SIGKILL.
   */
  async end(error: unknown, how: (child: Child) => Promise<unknown> = kill): Promise<unknown> {
    const { signal } = this.#input
    await this.#catchUp()
    if (this.#first !== this.#child) await kill(this.#first)
    this.#child.claim()
    this.#child.release()
    await how(this.#child)
    if (this.#stations.includes('cloned')) await reapLost(this.#since)
    return signal?.aborted ? signal.reason : error
  }

  /** Lets go of the helper and the process. To be called at the end, whatever it was. */
  close(): void {
    // The caller has the process before it can be gone.
    setImmediate(this.#child.release)
    this.#input.signal?.removeEventListener('abort', this.#abort)
    this.#limit?.stop()
    this.#channel.close()
  }

  /** A process that is being made must not be lost: we wait until its pid is told, or none can be made any more. */
  async #catchUp(): Promise<void> {
    if (this.#waits) return // It makes nothing as long as it waits for us.
    const isBeingBorn = this.#child === this.#first && isBorn(this.#input)
    if (this.#isNext('cloned') && (this.#hasPlan || isBeingBorn)) await this.#tryToPass()
    if (!this.#isNext('lives')) return
    // The process may be frozen: then the helper waits for it, and gives way to it no more.
    this.#first.signal(SIGKILL)
    this.#first.release()
    await this.#first.wait()
    while (this.#channel.hasNews() && (await this.#tryToPass()));
    if (this.#isNext('cloned') && this.#hasPlan) await this.#tryToPass()
  }

  readonly #isNext = (station: string | null): boolean => this.#stations[0] === station

  /** False: there was nothing to pass. */
  async #tryToPass(): Promise<boolean> {
    const before = this.#stations.length
    // It may be stopped, or somebody else's by now. What it has cloned is found all the same.
    const limit = after(SILENCE_MS, () => this.#child.signal(SIGKILL))
    await this.#pass().catch(() => {})
    limit.stop()
    return this.#stations.length !== before
  }

  #wait(at: OpName): void {
    this.#at = at
    this.#waits = true
  }

  async #arriveAt(station: Station): Promise<Frame> {
    while (!this.#isNext(station)) await this.#pass()
    return this.#step()
  }

  /** One step to a station where the helper does not wait. */
  async #pass(): Promise<void> {
    const frame = await this.#step()
    if (frame.kind === 'barrier' || frame.kind === 'listener') throw this.#reported(frame)
  }

  async #step(): Promise<Frame> {
    const frame = await this.#next()
    const isStillborn = frame.kind === 'stillborn' && this.#isNext('lives')
    // What is out of turn leaves the stations as they are: what it came before may still come (`#catchUp`).
    if (isStillborn) this.#stations.unshift('cloned')
    else if (this.#isNext(stationOf(frame))) this.#stations.shift()
    else throw this.#reported(frame)
    if (frame.kind === 'cloned') this.#follow(frame.pid)
    this.#input.signal?.throwIfAborted()
    return frame
  }

  async #next(): Promise<Frame> {
    const bytes = await this.#channel.next()
    const frame = bytes === null ? null : decodeFrame(bytes)
    if (frame?.kind === 'times' && this.#input.clock !== undefined) {
      this.#input.clock.told(frame.first, frame.times)
      return this.#next()
    }
    if (frame !== null) return frame
    // It is about to end, unless it has sent what is no frame.
    this.#child.signal(SIGKILL)
    this.#child.release()
    throw diedError({ ...(await this.#child.wait()), at: this.#at })
  }

  #reported(frame: Frame): Error {
    // The helper verifies each plan; only what is wrong with one is said better here.
    if (frame.kind === 'refused') verifyPlan(this.#input.plan)
    return reportedError(stepsOf(this.#input.plan), frame)
  }

  /** What is cloned is our child too (CLONE_PARENT), and the one before is about to exit. */
  #follow(pid: number): void {
    const { leavesStatus = false } = this.#input
    const leave = leavesStatus && !this.#stations.includes('cloned')
    const child = followBrother({ pid, leave, since: this.#since })
    if (child === null) throw diedError({ exitCode: null, signal: null, at: 'clone' })
    this.#child.claim()
    this.#child.release()
    this.#child = child
  }

  /**
   * From the moment that the filter is there the helper may be stopped in any system call, also in one that would tell us.
   * So we look until the listener is there, or until the helper has something to say, which is that it failed.
   */
  async #pullOver(number: number): Promise<number> {
    const take = (): number | null => this.#child.withPidfd(pidfd => takeFd(pidfd, number))
    let listener = take()
    while (listener === null && !this.#channel.hasNews()) {
      await sleep(LISTENER_PAUSE_MS)
      listener = take()
    }
    if (listener === null) throw this.#reported(await this.#next())
    return listener
  }
}

const LISTENER_PAUSE_MS = 1
/** After a failure: what is a matter of microseconds. */
const SILENCE_MS = 2000

async function kill(child: Child): Promise<unknown> {
  child.signal(SIGKILL)
  return await child.wait()
}
