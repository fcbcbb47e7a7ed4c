/** A launch: the helper is started on a plan, and met where it waits. The caller takes the steps in the order of the plan. */
import { encodePlan } from '../plan/encode.js'
import { OP_CODES, type OpName } from '../plan/ops.js'
import type { Plan } from '../plan/plan.js'
import { verifyPlan } from '../plan/verify.js'
import { closeFd, closeFds } from '../sys/beneath.js'
import { isErrno } from '../sys/errno.js'
import { helperExecutable, sealedMemory } from '../sys/memory.js'
import { takeFd } from '../sys/processes.js'
import { sleep, ticksSinceBoot } from '../sys/self.js'
import { sendFds, socketPair } from '../sys/socket.js'
import { spawn } from '../sys/spawn.js'
import { trace } from '../sys/trace.js'
import { type Channel, openChannel } from './channel.js'
import { type Child, followBrother, followChild, reapLost } from './child.js'
import { demandOpen } from './descriptors.js'
import { birthError, decodeFrame, diedError, type Frame, reportedError, stepsOf } from './report.js'
import { type Barrier, BY_CLONE, flagsFor, type Station, stationOf, stationsOf } from './stations.js'

const debug = trace('launch')
const SIGKILL = 9

export interface LaunchInput {
  readonly plan: Plan
  /** Descriptors 0, 1, 2 and what is preserved after them; they stay the caller's. */
  readonly stdio: readonly number[]
  /** A directory of the cgroup v2 hierarchy that the process is made in, or null; it becomes the launch's. */
  readonly cgroup: number | null
  /** The CPUs that it runs on from the beginning. Default: all that its cgroup allows, whatever those of this process are. */
  readonly cpus?: readonly number[] | null
  /** Kills the process; each step throws its reason then. */
  readonly signal?: AbortSignal | undefined
  /** The exit status is left to whoever inherits the process when this one ends. Default false. */
  readonly leavesStatus?: boolean
}

/**
 * Starts the helper, which makes its namespaces while the caller opens the slots of the plan.
 * @throws {SystemError|LaunchError} if it can not be started; the signal's reason
 */
export function begin(input: LaunchInput): Launch {
  try {
    input.signal?.throwIfAborted()
    demandOpen(input.stdio)
    return new Launch(input, start(input))
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
  readonly #abort = (): void => {
    // Not while one is made that we do not know of yet.
    if (!this.#stations.includes('cloned')) this.#child.signal(SIGKILL)
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
      verifyPlan(plan)
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
   * @throws {LaunchError|SafetyError|PlanError} as the helper reports; the signal's reason
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
    if (bytes !== null) throw reportedError(stepsOf(this.#input.plan), decodeFrame(bytes))
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

  readonly #isNext = (station: Station): boolean => this.#stations[0] === station

  /** False: there was nothing to pass. */
  async #tryToPass(): Promise<boolean> {
    const before = this.#stations.length
    await this.#pass().catch(() => {})
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
    if (isStillborn) this.#stations.unshift('cloned')
    else if (stationOf(frame) !== this.#stations.shift()) throw this.#reported(frame)
    if (frame.kind === 'cloned') this.#follow(frame.pid)
    this.#input.signal?.throwIfAborted()
    return frame
  }

  async #next(): Promise<Frame> {
    const bytes = await this.#channel.next()
    if (bytes !== null) return decodeFrame(bytes)
    this.#child.release()
    throw diedError({ ...(await this.#child.wait()), at: this.#at })
  }

  #reported(frame: Frame): Error {
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

async function kill(child: Child): Promise<unknown> {
  child.signal(SIGKILL)
  return await child.wait()
}

/** Another process is made at the beginning: for a cgroup, or a namespace that a process enters only by being made. */
const isBorn = ({ plan, cgroup }: Pick<LaunchInput, 'plan' | 'cgroup'>): boolean =>
  cgroup !== null || (plan.cloneFlags & BY_CLONE) !== 0

interface Started {
  readonly child: Child
  readonly control: number
  /** What is made after it is not older than that. */
  readonly since: number
}

/** The helper begins before it has its plan: the kernel takes a millisecond for the namespaces. */
function start({ plan, stdio, cgroup, cpus, leavesStatus = false }: LaunchInput): Started {
  const [control, helperEnd] = socketPair()
  try {
    const since = ticksSinceBoot()
    const process = spawn({
      executable: helperExecutable(),
      arguments: [String(stdio.length), flagsFor(plan.cloneFlags, cgroup)],
      cpus: cpus ?? 'all',
      fds: [...stdio, helperEnd, ...(cgroup === null ? [] : [cgroup])],
      report: stdio.length,
    })
    debug('helper %d, %d ops', process.pid, plan.ops.length)
    const leave = leavesStatus && !isBorn({ plan, cgroup })
    return { child: followChild({ ...process, leave, held: true }), control, since }
  } catch (error) {
    closeFd(control)
    throw isErrno(error) ? birthError(error) : error
  } finally {
    closeFd(helperEnd)
  }
}
