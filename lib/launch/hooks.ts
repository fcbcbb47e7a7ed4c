/** Hooks: programs that run at fixed points of a container's life, with its state on standard input. */
import type { Cgroup } from '../cgroup/index.js'
import { compileHook } from '../compile/index.js'
import type { Config, Hook, HookKind } from '../config/config.js'
import type { OciState } from '../config/state.js'
import { HookError } from '../errors.js'
import type { HostFacts } from '../host/facts.js'
import type { Plan } from '../plan/plan.js'
import { sendListener } from '../seccomp/listener.js'
import type { ContainerRecord } from '../store/container-record.js'
import { ociState } from '../store/container-record.js'
import { noteHook } from '../store/hook-note.js'
import type { Store } from '../store/store.js'
import { closeFd, closeFds } from '../sys/beneath.js'
import { openNull } from '../sys/file.js'
import { killGroup, pidInNamespace, processStat } from '../sys/processes.js'
import { type ProgramResult, run } from '../sys/run-program.js'
import { collectTail, makePipe, writableOf } from '../sys/stream.js'
import { after } from '../sys/timer.js'
import { trace } from '../sys/trace.js'
import type { Child } from './child.js'
import type { Context } from './context.js'
import { begin } from './launch.js'
import { type InitProcess, openJoinSlots } from './slots.js'

const debug = trace('hooks')

/** How one hook is run; the two ways differ only in the namespaces. */
export type HookRunner = (hook: Hook, stdin: string, signal?: AbortSignal) => Promise<Omit<ProgramResult, 'stdout'>>

/** A hook in our own namespaces, which begins in the bundle, as with other runtimes. */
const inRuntimeNamespace =
  ({ bundle, id }: Pick<ContainerRecord, 'bundle' | 'id'>, store: Store): HookRunner =>
  (hook, stdin, signal) => {
    const started = (pid: number): void => noteHook(store, id, { pid, startTime: processStat(pid)?.startTime ?? '' })
    return run({ ...hook, cwd: bundle, stdin, timeoutMs: timeoutOf(hook), signal, started })
  }

const timeoutOf = ({ timeoutSeconds }: Hook): number | null => (timeoutSeconds === null ? null : timeoutSeconds * 1000)

interface Joining {
  readonly planOf: (hook: Hook) => Plan
  readonly openSlots: (plan: Plan, signal: AbortSignal | undefined) => Promise<number[]>
  /** Gets the notifications of its filter, if that has any; the descriptor stays the caller's. */
  readonly listener: (fd: number, child: { readonly pid: number }) => Promise<void>
  /** Opens the directory of the cgroup v2 hierarchy that it runs in; null: there is none. */
  readonly cgroup: () => number | null
}

/** A hook in the container's namespaces and cgroup: a second helper with a plan that joins them. */
function inContainerNamespace(joining: Joining): HookRunner {
  return async (hook, stdin, signal) => {
    const [inputEnd, input] = makePipe()
    const [errorEnd, errors] = makePipe()
    const nothing = openNull()
    const stdio = [inputEnd, nothing, errors]
    try {
      const child = await launchHook({ joining, hook, stdio, signal }).finally(() => closeFds(stdio))
      const stderr = collectTail(errorEnd)
      writableOf(input).end(stdin)
      const timer = killLater(child.pid, timeoutOf(hook))
      const abort = (): void => killGroup(child.pid)
      signal?.addEventListener('abort', abort, { once: true })
      const status = await child.wait()
      signal?.removeEventListener('abort', abort)
      timer.stop()
      return { ...status, timedOut: timer.fired(), stderr: await stderr.stop() }
    } catch (error) {
      closeFd(errorEnd)
      closeFd(input)
      throw error
    }
  }
}

interface HookLaunch {
  readonly joining: Joining
  readonly hook: Hook
  readonly stdio: readonly number[]
  readonly signal: AbortSignal | undefined
}

/** Resolves when the hook's program has been executed. */
async function launchHook({ joining, hook, stdio, signal }: HookLaunch): Promise<Child> {
  const plan = joining.planOf(hook)
  const launch = begin({ plan, stdio, cgroup: joining.cgroup(), signal })
  try {
    launch.hand(await joining.openSlots(plan, signal))
    await launch.stays()
    const listener = await launch.takeListener()
    if (listener !== null) {
      await joining.listener(listener, launch.child).finally(() => closeFd(listener))
      launch.release()
    }
    return await launch.executed()
  } catch (error) {
    throw await launch.end(error)
  } finally {
    launch.close()
  }
}

function killLater(pid: number, timeoutMs: number | null): { stop(): void; fired(): boolean } {
  let fired = false
  const timer = after(timeoutMs ?? Number.POSITIVE_INFINITY, () => {
    fired = true
    killGroup(pid)
  })
  return { stop: timer.stop, fired: () => fired }
}

export interface HooksInput {
  readonly kind: HookKind
  readonly hooks: readonly Hook[]
  readonly state: OciState
  readonly runner: HookRunner
  /** Kills the hook that runs. */
  readonly signal?: AbortSignal | undefined
}

/** Runs the hooks in the listed order. @throws {HookError} at the first that fails or runs past its timeout */
export async function runHooks(input: HooksInput): Promise<void> {
  for (const [index, hook] of input.hooks.entries()) await runHook(input, hook, index)
}

/** As `runHooks`, but goes on after a failure, as the specification wants it of poststop; returns the errors. */
async function runAllHooks(input: HooksInput): Promise<HookError[]> {
  const errors: HookError[] = []
  for (const [index, hook] of input.hooks.entries()) {
    try {
      await runHook(input, hook, index)
    } catch (error) {
      if (!(error instanceof HookError)) throw error
      errors.push(error)
    }
  }
  return errors
}

async function runHook(
  { kind, state, runner, signal: cancelled }: HooksInput,
  hook: Hook,
  index: number,
): Promise<void> {
  debug('%s hook #%d: %s', kind, index, hook.path)
  const where = `error running ${kind} hook #${index}: ${hook.path} (${hook.origin})`
  const result = await runner(hook, JSON.stringify(state), cancelled).catch((cause: Error) => {
    const fields = { hook: kind, index, exitCode: null, signal: null, stderr: '' }
    throw new HookError('ERR_HOOK_EXIT', `${where}: ${cause.message}`, fields, { cause })
  })
  const { timedOut, exitCode, signal, stderr } = result
  const fields = { hook: kind, index, exitCode, signal, stderr }
  if (timedOut) {
    throw new HookError(
      'ERR_HOOK_TIMEOUT',
      `${where}: ran past its timeout of ${hook.timeoutSeconds} s and was killed`,
      fields,
    )
  }
  if (exitCode === 0) return
  const how = signal === null ? `exit status ${exitCode}` : `killed by ${signal}`
  throw new HookError(
    'ERR_HOOK_EXIT',
    `${where}: ${how}${stderr === '' ? '' : `, stderr: ${stderr.trimEnd()}`}`,
    fields,
  )
}

interface HookPoint {
  readonly config: Config
  readonly record: ContainerRecord
  readonly facts: HostFacts
  readonly cgroup: Cgroup
  /** Kills the hook that runs. */
  readonly signal?: AbortSignal | undefined
  readonly init: InitProcess
  /** Has the cache of compiled filters, and a note of the hook that runs. */
  readonly store: Store
}

/** prestart, createRuntime, createContainer: the namespaces are there, the root is not yet switched. */
export async function createHooks(point: HookPoint): Promise<void> {
  await runtimeHooks(point)
  await runInContainer(point, 'createContainer', 'creating')
}

type RuntimePoint = Pick<HookPoint, 'config' | 'record' | 'signal' | 'store'>

/** prestart and createRuntime alone, which are in the runtime's namespaces. */
export async function runtimeHooks({ config, record, signal, store }: RuntimePoint): Promise<void> {
  const state = ociState(record, 'creating')
  for (const kind of ['prestart', 'createRuntime'] as const) {
    await runHooks({ kind, hooks: config.hooks[kind], state, signal, runner: inRuntimeNamespace(record, store) })
  }
}

/** startContainer: in the container, before the user's process and confined as that will be. */
export async function startHooks(point: HookPoint): Promise<void> {
  await runInContainer(point, 'startContainer', 'created')
}

/** The state has the pid that the container sees (runtime.md, state). */
async function runInContainer(
  { config, facts, init, record, cgroup, signal, store }: HookPoint,
  kind: 'createContainer' | 'startContainer',
  status: 'creating' | 'created',
): Promise<void> {
  const state = ociState({ ...record, pid: pidInNamespace(init.pid) }, status)
  const { id, bundle, rootfs } = record
  const options = { id, bundle, rootfs, hasCgroup: !cgroup.isNone }
  const planOf = (hook: Hook) => compileHook({ kind, config, facts, hook, options })
  const filter = { config, root: store.root }
  const openSlots = (plan: Plan, signal: AbortSignal | undefined): Promise<number[]> =>
    openJoinSlots({ plan, cgroup, init, filter, signal })
  // The agent is not in the container: it gets the pid that the host sees.
  const listener = (fd: number, { pid }: { pid: number }) =>
    sendListener({ fd, pid, config, state: ociState(record, status) })
  const runner = inContainerNamespace({ planOf, openSlots, listener, cgroup: () => cgroup.directoryFd() })
  await runHooks({ kind, hooks: config.hooks[kind], state, signal, runner })
}

export async function poststartHooks({ config, record, signal, store }: RuntimePoint): Promise<void> {
  const state = ociState(record, 'running')
  const { poststart: hooks } = config.hooks
  await runHooks({ kind: 'poststart', hooks, state, signal, runner: inRuntimeNamespace(record, store) })
}

/** A failure is a warning, and the rest runs. */
export async function poststopHooks({
  context,
  config,
  record,
}: {
  context: Context
  config: Config
  record: ContainerRecord
}): Promise<void> {
  const state = ociState({ ...record, pid: 0 }, 'stopped')
  const hooks = config.hooks.poststop
  for (const error of await runAllHooks({
    kind: 'poststop',
    hooks,
    state,
    runner: inRuntimeNamespace(record, context.store),
  })) {
    context.log({ level: 'warning', message: error.message, id: record.id })
  }
}
