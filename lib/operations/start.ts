/** start: lets the waiting init go on to the user's process. */
import { openCgroup } from '../cgroup/index.js'
import type { Config } from '../config/config.js'
import { ConfigError, HookError, StateError } from '../errors.js'
import { openChannel } from '../launch/channel.js'
import type { Context } from '../launch/context.js'
import { poststartHooks, startHooks } from '../launch/hooks.js'
import { decodeFrame, reportedError } from '../launch/report.js'
import type { ContainerRecord } from '../store/container-record.js'
import type { Store } from '../store/store.js'
import { readStoredConfig } from '../store/stored-config.js'
import { closeFd } from '../sys/beneath.js'
import { isErrno } from '../sys/errno.js'
import { signalPidfd } from '../sys/processes.js'
import { connectTo } from '../sys/socket.js'
import { duplicate } from '../sys/stream.js'
import { giveWay } from '../sys/turns.js'
import { type DestroyInput, destroy } from './delete.js'
import { holdProgram } from './held-program.js'
import { orOutOfMemory } from './out-of-memory.js'
import { openInit, statusOf } from './state.js'

const SIGKILL = 9

export interface StartOptions {
  /** Cancels: the container is killed, and the signal's reason is thrown. Once it has started, aborting means nothing. */
  readonly signal?: AbortSignal | undefined
}

export interface CommandStartOptions extends StartOptions {
  /** The program does not begin before this process has ended, if it may be held and no hook comes after its start. */
  readonly outlivesCaller?: boolean
}

/**
 * Resolves when the user's program has been exec'd and the poststart hooks have run.
 * @throws {StateError} unless the container is `created`
 * @throws {LaunchError} if the program can't be exec'd, {HookError} if a hook fails; the container is stopped then
 * @throws {CgroupError} ERR_CGROUP_OOM if the limit of memory has killed the process that waited
 */
export async function start(context: Context, id: string, options: CommandStartOptions = {}): Promise<void> {
  const { signal, outlivesCaller = false } = options
  signal?.throwIfAborted()
  await giveWay()
  const lock = await context.store.lock(id)
  try {
    signal?.throwIfAborted()
    const record = context.store.read(id)
    await startLocked({ context, record, signal, outlivesCaller })
    context.debug(id, 'started')
  } finally {
    lock.release()
  }
}

interface Starting extends Cancelled {
  readonly context: Context
  readonly outlivesCaller: boolean
}

async function startLocked({ context, record, signal, outlivesCaller }: Starting): Promise<void> {
  const started: ContainerRecord = { ...record, phase: 'started' }
  try {
    checkStartable(record, statusOf(context, record))
    await giveWay()
    await unlessEnded({ record, signal }, async () => {
      if (record.hooks) await startWithHooks({ context, record: started, signal })
      else {
        if (outlivesCaller) holdProgram(context, record.id, record.pid)
        await letGo(context, started)
      }
    })
  } catch (error) {
    // What was started before has ended as any program may.
    throw record.phase === 'created' ? orOutOfMemory(error, openCgroup({ recorded: record.cgroup })) : error
  }
}

interface Cancelled {
  readonly record: ContainerRecord
  readonly signal: AbortSignal | undefined
}

/** An abort kills the init, which makes an end of what waits for it. */
async function unlessEnded({ record, signal }: Cancelled, run: () => Promise<void>): Promise<void> {
  const pidfd = signal === undefined ? null : openInit(record)
  const abort = (): void => void (pidfd === null || signalPidfd(pidfd, SIGKILL))
  signal?.addEventListener('abort', abort, { once: true })
  try {
    await run()
  } catch (error) {
    signal?.throwIfAborted()
    throw error
  } finally {
    signal?.removeEventListener('abort', abort)
    if (pidfd !== null) closeFd(pidfd)
  }
  signal?.throwIfAborted()
}

const UNSTARTABLE: Readonly<Record<string, string>> = {
  stopped: 'a container that has stopped',
  running: 'an already running container',
}

function checkStartable({ id, startable }: ContainerRecord, status: string): void {
  if (status !== 'created') {
    const what = UNSTARTABLE[status] ?? `a container in the ${status} state`
    const fields = { id, status, expected: 'created' }
    throw new StateError('ERR_STATE_STATUS', `cannot start ${what}: ${id} is ${status}`, fields)
  }
  if (startable) return
  const message = 'process property must not be empty: there is nothing to start'
  const issue = { path: '/process', rule: 'config.md#process', expected: 'an object', received: 'nothing', message }
  throw new ConfigError('ERR_CONFIG_INVALID', [issue])
}

async function startWithHooks({ context, record, signal }: Cancelled & { context: Context }): Promise<void> {
  const config = readStoredConfig(context.store, record.id)
  const input = { context, record, config, signal }
  await destroyedByFailure(input, () => joinedStartHooks(input))
  await letGo(context, record)
  await destroyedByFailure(input, () => poststartHooks({ config, record, signal, store: context.store }))
}

type Hooked = DestroyInput & { readonly signal: AbortSignal | undefined }

/** runtime.md, lifecycle: a startContainer or poststart hook that fails stops and destroys the container. */
async function destroyedByFailure(input: Hooked, runHooks: () => Promise<void>): Promise<void> {
  try {
    await runHooks()
  } catch (error) {
    if (error instanceof HookError && input.signal?.aborted !== true) await destroy(input)
    throw error
  }
}

async function joinedStartHooks({ context, record, config, signal }: Hooked & { config: Config }): Promise<void> {
  if (config.hooks.startContainer.length === 0) return
  const pidfd = openInit(record)
  if (pidfd === null) throw stoppedMeanwhile(record.id)
  try {
    const cgroup = openCgroup({ recorded: record.cgroup })
    const { store } = context
    const init = { pid: record.pid, openPidfd: () => duplicate(pidfd) }
    await startHooks({ config, record, cgroup, store, facts: context.facts(), init, signal })
  } finally {
    closeFd(pidfd)
  }
}

const stoppedMeanwhile = (id: string): StateError =>
  new StateError('ERR_STATE_STATUS', `cannot start a container that has stopped: ${id}`, {
    id,
    status: 'stopped',
    expected: 'created',
  })

/** The connection is what init waits for. Its end without a report means that exec closed it. */
async function letGo({ store }: Context, record: ContainerRecord): Promise<void> {
  // Written first: a crash in between must not leave a running container that says "created".
  store.write(record)
  const channel = openChannel(await connectToInit(store, record.id))
  try {
    const bytes = await channel.next()
    if (bytes !== null) throw reportedError(record.tail, decodeFrame(bytes))
  } finally {
    channel.close()
  }
}

async function connectToInit(store: Store, id: string): Promise<number> {
  try {
    return await connectTo(store.startSocket(id))
  } catch (error) {
    // Nobody listens any more.
    throw isErrno(error, 'ECONNREFUSED') ? stoppedMeanwhile(id) : error
  }
}
