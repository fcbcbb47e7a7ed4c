/** exec: another process in a container, through the same plan interpreter as its first one. */
import { type Cgroup, type CgroupBelow, openCgroup } from '../cgroup/index.js'
import { compileExec } from '../compile/index.js'
import type { Config, Process } from '../config/config.js'
import { isHosted } from '../config/host-root.js'
import type { Status } from '../config/state.js'
import { refuseUnknown } from '../config/unknown.js'
import { StateError } from '../errors.js'
import type { Child } from '../launch/child.js'
import type { Context } from '../launch/context.js'
import { begin } from '../launch/launch.js'
import { logExec } from '../launch/launch-log.js'
import { sendPidfd } from '../launch/pidfd-socket.js'
import { applyProcessLimits } from '../launch/process-settings.js'
import { affinityError, applyFinalCpus, applyScheduling } from '../launch/scheduling.js'
import { type InitProcess, openJoinSlots } from '../launch/slots.js'
import { type Launched, launchWithStreams, type OpenStdio, type Stdio } from '../launch/stdio.js'
import type { Plan } from '../plan/plan.js'
import { enterClass, recordedClass } from '../resctrl/class.js'
import { sendListener } from '../seccomp/listener.js'
import type { ContainerRecord } from '../store/container-record.js'
import { ociState } from '../store/container-record.js'
import { readStoredConfig } from '../store/stored-config.js'
import { closeFd } from '../sys/beneath.js'
import { isErrno } from '../sys/errno.js'
import { duplicate } from '../sys/stream.js'
import { giveWay } from '../sys/turns.js'
import { noteGuarded } from './guarded.js'
import { holdProgram } from './held-program.js'
import { killTree } from './kill-tree.js'
import { type ExecProcessOptions, processOf } from './process.js'
import { openInit, statusOf } from './state.js'
import { noteStreams } from './unread-streams.js'

export interface ExecOptions extends ExecProcessOptions {
  /** Default `pipe`. Of no meaning if there is a terminal. */
  readonly stdio?: Stdio
  /** Where the terminal's master is sent (an AF_UNIX socket's path). Default: it becomes the handle's `terminal`. */
  readonly consoleSocket?: string
  /** Descriptors of this process that the new one gets as 3, 4, ... Default none. */
  readonly extraFds?: readonly number[]
  /**
   * A cgroup below the container's, which must exist; by controllers if only some hierarchies of version 1 are meant.
   * Default: the container's own; on version 2 the one that
   * its init is in, if the kernel lets nobody join the container's own.
   */
  readonly cgroup?: CgroupBelow
  /** Also in a paused container: the process begins when that is resumed, and so does this call end. Default false. */
  readonly ignorePaused?: boolean
  /**
   * The process is on its own: it is no subreaper of its descendants, and `kill` means it alone. Default false: killing or
   * aborting it ends its descendants too, also those that have left its session.
   */
  readonly detached?: boolean
  /** Cancels: the process and its descendants are killed, and the signal's reason is thrown if exec has not returned yet. */
  readonly signal?: AbortSignal
}

/** With what only the command needs. */
export interface CommandExecOptions extends ExecOptions {
  /**
   * What is written to the terminal keeps its line feeds as they are, for a reader that is no terminal itself. Default false:
   * the kernel adds carriage returns (ONLCR, termios(3)).
   */
  readonly lineFeedsOnly?: boolean
  /** Gets a pidfd of the process with the message `setns` (an AF_UNIX socket's path). Default: nobody does. */
  readonly pidfdSocket?: string
  /**
   * The program does not begin before this process (its main thread) has ended. A caller that waits for the end of this process
   * then knows the program's pid in time to see how it ends, however short it lives: containerd 1.6 waits forever if it
   * does not. Default false.
   */
  readonly outlivesCaller?: boolean
}

/** What is known before anything is made. */
interface NewProcess {
  readonly context: Context
  readonly options: CommandExecOptions
  readonly record: ContainerRecord
  readonly config: Config
  readonly process: Process
  readonly plan: Plan
  readonly cgroup: Cgroup
  readonly init: InitProcess
}

export interface Executed extends Launched {
  /** Whether the kernel has killed a process of the container for its memory limit since; false if the cgroup is gone. */
  readonly hasOomKilled: () => boolean
}

/**
 * Resolves when the program has been exec'd.
 * @throws {StateError} ERR_STATE_STATUS unless the container is created or running
 * @throws {ConfigError|HostError|LaunchError|SafetyError|CgroupError} nothing is left behind
 */
export async function exec(context: Context, id: string, options: CommandExecOptions): Promise<Executed> {
  options.signal?.throwIfAborted()
  const leaveQueue = await context.queue.enter(options.signal)
  try {
    options.signal?.throwIfAborted()
    return await execInTurn(context, id, options)
  } finally {
    leaveQueue()
  }
}

async function execInTurn(context: Context, id: string, options: CommandExecOptions): Promise<Executed> {
  const record = context.store.read(id)
  const cgroup = openCgroup({ recorded: record.cgroup })
  const status = statusOf(context, record)
  checkStatus(record, status, options)
  const pidfd = openInit(record)
  if (pidfd === null) throw notThere(id, 'stopped')
  try {
    const init = { pid: record.pid, openPidfd: () => duplicate(pidfd) }
    const before = cgroup.oomKills()
    await giveWay()
    const draft = prepare({ context, options, record, init, whole: cgroup })
    await giveWay()
    const launched = await start(draft)
    noteStreams(record, launched.streams)
    return { ...launched, hasOomKilled: () => cgroup.oomKills() > before }
  } catch (error) {
    // What is in /proc of an init that has ended meanwhile is gone.
    throw isErrno(error) && statusOf(context, record) === 'stopped' ? notThere(id, 'stopped', error) : error
  } finally {
    closeFd(pidfd)
  }
}

function checkStatus({ id }: ContainerRecord, status: Status, { ignorePaused = false }: ExecOptions): void {
  if (status === 'created' || status === 'running' || (status === 'paused' && ignorePaused)) return
  throw notThere(id, status)
}

function notThere(id: string, status: Status, cause?: unknown): StateError {
  const hint =
    status === 'paused' ? ' (it can be with the option ignorePaused: it begins when the container is resumed)' : ''
  const message = `cannot exec in a ${status} container${hint}`
  return new StateError('ERR_STATE_STATUS', message, { id, status, expected: 'created or running' }, { cause })
}

interface Known extends Omit<NewProcess, 'config' | 'process' | 'plan' | 'cgroup'> {
  /** The container's own. */
  readonly whole: Cgroup
}

function prepare({ whole, ...known }: Known): NewProcess {
  const { context, options, record, init } = known
  const { id, bundle, rootfs, noNewKeyring } = record
  const config = readStoredConfig(context.store, id)
  const { process, warnings, unknown } = processOf(config, options)
  if (!context.ignoresUnknown) refuseUnknown(unknown)
  const compiled = compileExec({
    config,
    facts: context.facts(),
    process,
    options: {
      ...{ id, bundle, rootfs, noNewKeyring, hasCgroup: !whole.isNone },
      preserveFds: options.extraFds?.length ?? 0,
      lineFeedsOnly: options.lineFeedsOnly ?? false,
    },
    keepsTree: options.detached !== true,
    waits: options.outlivesCaller === true,
  })
  for (const message of [...warnings, ...compiled.warnings]) context.log({ level: 'warning', message, id })
  const cgroup = options.cgroup === undefined ? whole.whereIs(init.pid) : whole.below(options.cgroup)
  return { ...known, config, process, plan: compiled.plan, cgroup }
}

async function start(draft: NewProcess): Promise<Launched> {
  const { context, options, process, record, config } = draft
  const { terminal } = process
  return launchWithStreams({ ...options, terminal }, async stdio => {
    const child = await launchProcess(draft, stdio).catch((error: unknown) => {
      throw affinityError(process, error) ?? error
    })
    if (isHosted(config)) noteGuarded(record, child)
    logExec({ context, id: record.id, pid: child.pid, config, process })
    return child
  })
}

/** The straight line: each step of the runtime in its order, beside those of the plan. */
async function launchProcess(draft: NewProcess, stdio: OpenStdio): Promise<Child> {
  const { plan, cgroup, config, process, options, init, context, record } = draft
  const { extraFds = [], signal, pidfdSocket, detached = false } = options
  const fds = [...stdio.fds, ...extraFds]
  const cpus = process.execAffinity.initial
  const launch = begin({ plan, stdio: fds, cgroup: cgroup.directoryFd(), cpus, signal })
  let pidfd: number | null = null
  try {
    const filter = { config, root: context.store.root }
    await giveWay()
    launch.hand(await openJoinSlots({ plan, cgroup, init, filter, terminal: stdio.console, signal }))
    if (await launch.reach('map')) {
      setFromOutside(launch.child.pid, { ...config, process }, record)
      if (options.outlivesCaller) holdProgram(context, record.id, launch.child.pid)
      launch.release()
    }
    const child = await launch.stays()
    // Of a program that is short-lived there would be none.
    if (pidfdSocket !== undefined) pidfd = child.withPidfd(duplicate)
    const listener = await launch.takeListener()
    if (listener !== null) {
      const state = ociState(record, statusOf(context, record))
      await sendListener({ fd: listener, pid: child.pid, config, state, signal }).finally(() => closeFd(listener))
      launch.release()
    }
    await launch.executed()
    if (pidfdSocket !== undefined && pidfd !== null) {
      await sendPidfd({ path: pidfdSocket, pidfd, message: 'setns', signal })
    }
    return child
  } catch (error) {
    throw await launch.end(error, detached ? undefined : child => killTree(child, record.id))
  } finally {
    launch.close()
    if (pidfd !== null) closeFd(pidfd)
  }
}

/** The process is in the container's cgroup by now. */
function setFromOutside(pid: number, config: Config & { process: Process }, record: ContainerRecord): void {
  const rdt = recordedClass(record)
  if (rdt !== null) enterClass(rdt, pid)
  applyFinalCpus(pid, config.process)
  applyScheduling(pid, config)
  applyProcessLimits(pid, config)
}
