/** restore: the images of a checkpoint become a container again (CRIU). */
import { type ImagePaths, pathsOf } from '../checkpoint/image-directory.js'
import { type RestoreSettings, restoreImages } from '../checkpoint/restore-images.js'
import { checkRoot } from '../checkpoint/saved-root.js'
import { compile } from '../compile/index.js'
import type { OciConfig } from '../config/config.js'
import { validateId } from '../config/container-id.js'
import { refuseUnknown } from '../config/unknown.js'
import { CheckpointError } from '../errors.js'
import { type Child, followBrother } from '../launch/child.js'
import type { Context } from '../launch/context.js'
import { runtimeHooks } from '../launch/hooks.js'
import { type Launched, launchWithStreams, type OpenStdio, type Stdio } from '../launch/stdio.js'
import { createClass, enterClass, planClass } from '../resctrl/class.js'
import type { ContainerRecord } from '../store/container-record.js'
import { writeStoredConfig } from '../store/stored-config.js'
import { closeFds } from '../sys/beneath.js'
import { namesOfFds, ticksSinceBoot } from '../sys/processes.js'
import { sendFd } from '../sys/socket.js'
import { openBundle } from './bundle.js'
import { demandRoot } from './checkpoint.js'
import { compileOptions } from './compile-options.js'
import type { Created } from './create.js'
import { withReserved } from './first-record.js'
import { type Ledger, openLedger } from './ledger.js'
import { makeMountPoints, type NewContainer } from './mount-points.js'
import { delegate, ownCgroup } from './own-cgroup.js'
import { openRestoredRoot, type RestoredRoot } from './restored-root.js'
import type { LayeredRoot } from './root-option.js'
import { undo } from './undo-create.js'

/** What the container was created from, as it is now: the images have its processes, and not its files. */
type RestoreSource =
  | { readonly bundle: string; readonly config?: undefined; readonly rootfs?: LayeredRoot }
  | { readonly bundle?: undefined; readonly config: OciConfig; readonly rootfs: string | LayeredRoot }

export type RestoreOptions = RestoreSource &
  RestoreSettings & {
    /** As of `create`; need not be that of the container that was saved. */
    readonly id: string
    /** What the pipes become that were its standard streams. Default `pipe`. Of no meaning if it had a terminal. */
    readonly stdio?: Stdio
    /** Where the terminal's master is sent (an AF_UNIX socket's path). Default: it becomes the handle's `terminal`. */
    readonly consoleSocket?: string
    /** The container is meant to outlive this process: it has no owner, and `sweep` leaves it alone. Default false. */
    readonly detached?: boolean
    /** Cancels: whatever has been made is undone, and the signal's reason is thrown. */
    readonly signal?: AbortSignal
  }

/** With what only the command needs. */
export type CommandRestoreOptions = RestoreOptions & {
  /** See `CommandCreateOptions`. */
  readonly leavesStatus?: boolean
}

/**
 * Resolves when the processes run. The prestart and createRuntime hooks have run then, when the namespaces were there, and no others.
 * @throws {CheckpointError|ConfigError|HostError|StateError|LaunchError|HookError|CgroupError} nothing is left behind
 */
export async function restore(context: Context, options: CommandRestoreOptions): Promise<Created> {
  options.signal?.throwIfAborted()
  validateId(options.id)
  demandRoot(context, 'restore')
  const leaveQueue = await context.queue.enter(options.signal)
  try {
    options.signal?.throwIfAborted()
    const draft = { ...(await prepare(context, options)), leaveQueue }
    return await withReserved(draft, first => make(draft, first))
  } finally {
    leaveQueue()
  }
}

interface Draft extends NewContainer {
  readonly options: CommandRestoreOptions
  readonly paths: ImagePaths
  /** Of what the memory of the root is filled from; null: of nothing. */
  readonly digest: string | null
  /** Lets the next one begin, before something that may take any time. */
  readonly leaveQueue: () => void
}

async function prepare(context: Context, options: CommandRestoreOptions): Promise<Omit<Draft, 'leaveQueue'>> {
  const { id } = options
  const paths = pathsOf(options)
  const bundle = await openBundle(sourceOf(options), () => `${context.store.directory(id)}/root`, options.signal)
  const { config, layered } = bundle
  const digest = checkRoot(paths, layered && { layers: layered.layers, isInMemory: 'memory' in layered.upper })
  if (!context.ignoresUnknown) refuseUnknown(bundle.unknown)
  const cgroup = ownCgroup(context, { id, config })
  const known = { config, facts: context.facts() }
  const { plan } = compile({ ...known, options: { ...compileOptions({ id }, bundle, cgroup), prepareBarrier: true } })
  for (const message of bundle.warnings) context.log({ level: 'warning', message, id })
  const { intelRdt } = config.linux
  const rdt = intelRdt === null ? null : planClass({ rdt: intelRdt, id })
  return { context, options, bundle, plan, cgroup, rdt, paths, digest }
}

function sourceOf({ bundle, config, rootfs }: RestoreSource): RestoreSource {
  if (config !== undefined) return { config, rootfs }
  return rootfs === undefined ? { bundle } : { bundle, rootfs }
}

/** From here on there is something to undo. */
async function make(draft: Draft, first: ContainerRecord): Promise<Created> {
  const { context, cgroup, bundle, rdt, options } = draft
  const { resources, intelRdt } = bundle.config.linux
  const ledger = openLedger(context.store, first)
  try {
    ledger.update({})
    if (rdt !== null && intelRdt !== null) createClass(rdt, intelRdt)
    if (cgroup.isUnit) {
      await cgroup.claim(resources)
      ledger.update({ cgroup: cgroup.toJSON() })
    }
    cgroup.begin({ resources })
    cgroup.finish()
    writeStoredConfig(context.store, options.id, bundle.config)
    const { memory, ...launched } = await withRoot(draft, ledger)
    context.debug(options.id, `restored, pid ${launched.child.pid}`)
    return { record: ledger.record(), ...launched, cgroup, memory, timeline: null }
  } catch (error) {
    context.store.freeSpare(first.id)
    await undo({ ...draft, what: 'restore' }, ledger)
    throw error
  } finally {
    for (const { release } of ledger.held) release()
  }
}

/** In a root of layers, or what is written to it, the mount points are those of the container that was saved. */
async function withRoot(draft: Draft, ledger: Ledger): Promise<Launched & Pick<Created, 'memory'>> {
  const { bundle, options, plan, paths, digest } = draft
  const { id, signal } = options
  const root = await openRestoredRoot({ ...{ id, plan, paths, digest, signal }, rootfs: bundle.rootfs })
  try {
    if (root === null) await makeMountPoints(draft, rootMount => ledger.update({ rootMount }))
    const launched = await restoreInit({ ...draft, root, ledger })
    return { ...launched, memory: root?.takeMemory() ?? null }
  } finally {
    root?.close()
  }
}

interface Rooted extends Draft {
  /** null: it is one directory. */
  readonly root: RestoredRoot | null
  readonly ledger: Ledger
}

async function restoreInit(draft: Rooted): Promise<Launched> {
  const { options, bundle } = draft
  const { terminal = false } = bundle.config.process ?? {}
  return launchWithStreams({ ...options, terminal }, stdio => restoreProcesses({ ...draft, stdio }))
}

interface Restoring extends Rooted {
  readonly stdio: OpenStdio
}

async function restoreProcesses(restoring: Restoring): Promise<Child> {
  const { cgroup, bundle, root, paths, options, stdio, ledger } = restoring
  const { signal, onProgress, detached, leavesStatus, id, consoleSocket, ...settings } = options
  const entries = [...cgroup.entryFds().values()]
  const since = ticksSinceBoot()
  let child: Child | null = null
  try {
    await restoreImages({
      settings: { ...settings, imagePath: paths.images, workPath: paths.work },
      ...{ config: bundle.config, rootfs: bundle.rootfs, tree: root?.tree ?? null, base: bundle.base, signal },
      ...{ cgroups: cgroup.directories, joins: entries, stdio: stdio.fds },
      onStep: async ({ name, pid, fd }) => {
        restoring.context.debug(id, `restore: ${name}`)
        if (pid > 0) child ??= followInit({ pid, leave: leavesStatus ?? false, since })
        if (child !== null) ledger.enter(child)
        await reach(restoring, name, fd)
        onProgress?.({ step: name })
      },
    })
    if (child === null) throw notOurs(0)
    await settle(restoring, child)
    return child
  } catch (error) {
    await end(child)
    throw error
  } finally {
    closeFds(entries)
    setImmediate(() => child?.release())
  }
}

interface Told {
  readonly pid: number
  readonly leave: boolean
  readonly since: number
}

function followInit(told: Told): Child {
  const child = followBrother(told)
  if (child === null) throw notOurs(told.pid)
  return child
}

const notOurs = (pid: number): CheckpointError =>
  new CheckpointError('ERR_CHECKPOINT_CRIU', `criu restored no process that is a child of this one: ${pid}`, {
    ...{ log: '', lines: [], errno: '' },
  })

/** What has to be done while CRIU waits. */
async function reach(restoring: Restoring, step: string, fd: number): Promise<void> {
  const { context, bundle, options, stdio, ledger, root, leaveQueue } = restoring
  const { config } = bundle
  const { signal } = options
  if (step === 'orphan-pts-master' && stdio.console >= 0) sendFd(stdio.console, fd, '/dev/ptmx')
  if (step === 'setup-namespaces') {
    ledger.hasBegun = true
    // Without hooks it goes on at once, and the most of the work is still to come.
    if (config.hooks.prestart.length + config.hooks.createRuntime.length > 0) leaveQueue()
    await runtimeHooks({ config, record: ledger.record(), signal, store: context.store })
  }
  // Written before they go on: a crash in between must not leave a container that runs and says "creating".
  if (step === 'post-restore') {
    root?.settle(ledger.record())
    ledger.update({ phase: 'started', stdio: namesOfFds(stdio.fds) })
  }
}

async function settle({ context, options, bundle, cgroup, rdt, ledger }: Restoring, { pid }: Child): Promise<void> {
  const { config } = bundle
  if (rdt !== null) enterClass(rdt, pid)
  await cgroup.settle()
  delegate(context, { id: options.id, config, cgroup, pid })
  if (ledger.record().phase !== 'started') ledger.update({ phase: 'started' })
}

const SIGKILL = 9

async function end(child: Child | null): Promise<void> {
  if (child === null) return
  child.claim()
  child.release()
  child.signal(SIGKILL)
  await child.wait()
}
