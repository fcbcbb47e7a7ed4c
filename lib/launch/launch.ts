/** Starts the helper on a plan and meets it at its barriers. */
import { PlanError } from '../errors.js'
import { encodePlan } from '../plan/encode.js'
import { CLONE } from '../plan/flags.js'
import { OP_CODES } from '../plan/ops.js'
import type { Plan } from '../plan/plan.js'
import { verifyPlan } from '../plan/verify.js'
import { closeFd, closeFds } from '../sys/beneath.js'
import { isErrno } from '../sys/errno.js'
import { helperExecutable, sealedMemory } from '../sys/memory.js'
import { openPidfd, takeFd } from '../sys/processes.js'
import { pause } from '../sys/self.js'
import { sendFds, socketPair } from '../sys/socket.js'
import { type Spawned, type SpawnInput, spawn } from '../sys/spawn.js'
import { trace } from '../sys/trace.js'
import { type Channel, openChannel } from './channel.js'
import { type Child, followChild } from './child.js'
import { demandOpen } from './descriptors.js'
import { birthError, decodeFrame, diedError, reportedError, stepsOf } from './report.js'

const debug = trace('launch')
const SIGKILL = 9

export type Barrier = 'map' | 'prepare' | 'created'

export interface LaunchInput {
  readonly plan: Plan
  /** Descriptors 0, 1, 2 and what is preserved after them; they stay the caller's. */
  readonly stdio: readonly number[]
  /** Opens the slots, while the helper makes its namespaces; they become the launch's. */
  readonly slots: () => readonly number[]
  /** A directory of the cgroup v2 hierarchy that the process starts in, or null; stays the caller's. */
  readonly cgroup: number | null
  /** The CPUs that it runs on from the beginning. Default: all that its cgroup allows, whatever those of this process are. */
  readonly cpus?: readonly number[] | null
  readonly signal?: AbortSignal | undefined
  /** The exit status is left to the parent that inherits the process when this one ends. */
  readonly leavesStatus?: boolean
  /** Runs while the helper waits; a failure ends the launch. */
  readonly barrier: (name: Barrier, child: Child) => Promise<void> | void
  /** Gets the listener of a filter that has one (SCMP_ACT_NOTIFY); it stays the launch's. A failure ends the launch. */
  readonly listener?: (fd: number, child: Child) => Promise<void>
  /** Runs while the helper is at work on the plan, and nothing else is to be done. */
  readonly meanwhile?: () => void
  /** Runs when the (final) process exists: it has its plan, and waits for us before it can outlive us. */
  readonly spawned?: (child: Child) => void
  /** Ends the process when the launch has failed or was aborted; it may be the user's program by then. Default: SIGKILL. */
  readonly end?: (child: Child) => Promise<unknown>
}

async function kill(child: Child): Promise<void> {
  child.signal(SIGKILL)
  await child.wait()
}

/**
 * Resolves when the helper has gone past `created`, or, in a plan without that barrier, when it has exec'd.
 * @throws {LaunchError|SafetyError|PlanError} as the helper reports; the process is gone then
 * @throws what a barrier threw, or the signal's reason
 */
export async function launch(input: LaunchInput): Promise<Child> {
  input.signal?.throwIfAborted()
  demandOpen(input.stdio)
  const { child, control } = start(input)
  const channel = openChannel(control)
  const awaitsClone = input.plan.ops.some(({ op }) => op === 'clone')
  const session: Session = { input, channel, child, at: '', awaitsClone }
  const abort = (): void => {
    if (!session.awaitsClone) session.child.signal(SIGKILL)
  }
  input.signal?.addEventListener('abort', abort, { once: true })
  try {
    try {
      hand(control, input)
    } finally {
      input.spawned?.(child)
    }
    input.meanwhile?.()
    await converse(session)
    input.signal?.throwIfAborted()
    // The caller has it before it can be gone.
    setImmediate(session.child.release)
    return session.child
  } catch (error) {
    const { end = kill } = input
    session.child.release()
    session.child.claim()
    await end(session.child)
    input.signal?.throwIfAborted()
    throw error
  } finally {
    input.signal?.removeEventListener('abort', abort)
    channel.close()
  }
}

interface Session {
  readonly input: LaunchInput
  readonly channel: Channel
  child: Child
  /** The last barrier. */
  at: string
  /** The first helper must not be killed now: its child may be there already, and nobody else knows its pid. */
  awaitsClone: boolean
}

/** Those that a process enters only by being made; the helper makes all others by itself. */
const BY_CLONE = CLONE.NEWUSER | CLONE.NEWPID

function born(input: SpawnInput): Spawned {
  try {
    return spawn(input)
  } catch (error) {
    throw isErrno(error) ? birthError(error) : error
  }
}

interface Started {
  readonly child: Child
  readonly control: number
}

/** The helper begins before it has its plan: the kernel takes a millisecond for the namespaces. */
function start({ plan, stdio, cgroup, cpus, leavesStatus = false }: LaunchInput): Started {
  const [control, helperEnd] = socketPair()
  try {
    const process = born({
      executable: helperExecutable(),
      arguments: [String(stdio.length), String(plan.cloneFlags & ~BY_CLONE)],
      namespaces: plan.cloneFlags & BY_CLONE,
      cgroup,
      cpus: cpus ?? 'all',
      fds: [...stdio, helperEnd],
      report: stdio.length,
    })
    debug('helper %d, %d ops', process.pid, plan.ops.length)
    return { child: followChild({ ...process, leave: leavesStatus, held: true }), control }
  } catch (error) {
    closeFd(control)
    throw error
  } finally {
    closeFd(helperEnd)
  }
}

/** Gives the helper its plan and the slots of it. */
function hand(control: number, { plan, slots }: LaunchInput): void {
  verifyPlan(plan)
  const ours = [sealedMemory('tsrun-plan', encodePlan(plan))]
  try {
    ours.push(...slots())
    sendFds(control, ours)
  } finally {
    closeFds(ours)
  }
}

async function converse(session: Session): Promise<void> {
  const { input, channel } = session
  for (let bytes = await channel.next(); bytes !== null; bytes = await channel.next()) {
    const frame = decodeFrame(bytes)
    if (frame.kind === 'cloned') await followClone(session, frame.pid)
    else if (frame.kind === 'listener') await handOver(session, frame.fd)
    else if (frame.kind !== 'barrier') throw reportedError(stepsOf(input.plan), frame)
    else {
      session.at = frame.op
      await input.barrier(frame.op as Barrier, session.child)
      input.signal?.throwIfAborted()
      channel.send(frame.code)
      // It waits for `start` now, and has nothing more to say here.
      if (frame.op === 'created') return
    }
  }
  await survived(session)
}

/** The second clone is our child too (CLONE_PARENT), and the first one is about to exit. */
async function followClone(session: Session, pid: number): Promise<void> {
  const pidfd = openPidfd(pid)
  if (pidfd === null) throw diedError({ exitCode: null, signal: null, at: 'clone' })
  // The first process has done its work and is ours alone.
  session.child.claim()
  session.child.release()
  session.child = followChild({ pid, pidfd, leave: session.input.leavesStatus ?? false, held: true })
  session.awaitsClone = false
  session.input.spawned?.(session.child)
  session.input.signal?.throwIfAborted()
}

const LISTENER_PAUSE_MS = 1

/**
 * From the moment that the filter is there the helper may be stopped in any system call, also in one that would tell us.
 * So we look until the listener is there, or until the helper has something to say, which is that it failed.
 */
async function handOver({ input, channel, child }: Session, number: number): Promise<void> {
  let listener = takeFd(child.pidfd, number)
  while (listener === null && !channel.hasNews()) {
    await pause(LISTENER_PAUSE_MS)
    listener = takeFd(child.pidfd, number)
  }
  if (listener === null) return
  try {
    if (input.listener === undefined) throw new PlanError('nobody takes the listener', { op: 'seccomp' })
    await input.listener(listener, child)
    input.signal?.throwIfAborted()
  } finally {
    closeFd(listener)
  }
  channel.send(OP_CODES.seccomp)
}

/** The helper closes the control socket when it is past `created` (or has exec'd), and when it dies. */
async function survived({ input, child, at }: Session): Promise<void> {
  if (!input.plan.ops.some(({ op }) => op === 'created')) return
  child.release()
  throw diedError({ ...(await child.wait()), at })
}
