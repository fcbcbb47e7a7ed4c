/** checkpoint: the processes of a container become images (CRIU), from which `restore` makes them again. */
import { type Cgroup, openCgroup } from '../cgroup/index.js'
import { type DumpSettings, dump } from '../checkpoint/dump.js'
import { type ImagePaths, pathsOf } from '../checkpoint/image-directory.js'
import { finishRoot, type RootOfLayers, upperArchive } from '../checkpoint/saved-root.js'
import { isRootless } from '../compile/index.js'
import type { Config } from '../config/config.js'
import { makeIssue } from '../config/issues.js'
import type { Status } from '../config/state.js'
import { ConfigError, HostError, StateError } from '../errors.js'
import type { Context } from '../launch/context.js'
import { saveUpper } from '../layer/saved-upper.js'
import type { ContainerRecord } from '../store/container-record.js'
import { readStoredConfig } from '../store/stored-config.js'
import { namesOfStreams } from '../sys/processes.js'
import { destroy } from './delete.js'
import { withLocked } from './pause.js'

export interface CheckpointOptions extends DumpSettings {
  /** Cancels at CRIU's next step: the container goes on, and the signal's reason is thrown. */
  readonly signal?: AbortSignal
}

/** With what only the command needs. */
export interface CommandCheckpointOptions extends CheckpointOptions {
  /** Called when pages can be asked for, with `lazyPages`. */
  readonly onPagesReady?: () => void
}

interface Called {
  /** Where it has what was written to a root in memory; null: nowhere. */
  readonly upper: string | null
  /** Called when its init has ended, and the cgroup is there still. */
  readonly ended: () => void
}

/**
 * Resolves when the images are whole. The container has ended then and is deleted, as by `delete` (its poststop hooks run too), unless
 * it is to go on. After a failure it goes on as before.
 * @throws {StateError} ERR_STATE_STATUS unless it is running or paused
 * @throws {ConfigError} ERR_CONFIG_UNSUPPORTED for one that writes to the memory of another process, or has the option landlock
 * @throws {CheckpointError|HostError|ConfigError|SystemError}; the reason of `signal`
 */
export async function checkpoint(
  context: Context,
  id: string,
  options: CommandCheckpointOptions & Called,
): Promise<void> {
  options.signal?.throwIfAborted()
  demandRoot(context, 'checkpoint')
  await withLocked(context, id, async (record, status) => {
    checkStatus(record, status)
    refuseLandlock(readStoredConfig(context.store, id))
    const root = rootOf(record, options)
    const cgroup = openCgroup({ recorded: record.cgroup })
    await unfrozenByFailure({ cgroup, status }, () => dumpProcesses({ context, record, root, cgroup, options }))
    context.debug(id, options.preDump ? 'memory saved' : 'saved')
    if (options.leaveRunning || options.preDump) return
    const config = record.hooks ? readStoredConfig(context.store, id) : null
    await destroy({ context, record, config, ended: options.ended })
  })
}

/** @throws {HostError} ERR_HOST_PRIVILEGE for a user without privileges */
export function demandRoot(context: Context, what: string): void {
  if (!isRootless(context.facts()) && !context.facts().inUserNamespace) return
  throw new HostError('ERR_HOST_PRIVILEGE', {
    needs: `root, for the ${what} of a container`,
    found: 'a user without privileges',
    remedy: 'call it as root: CRIU reads and makes processes by privileges that a user namespace does not give',
  })
}

function checkStatus({ id }: ContainerRecord, status: Status): void {
  if (status === 'running' || status === 'paused') return
  const message = `Container cannot be checkpointed in ${status} state: ${id}`
  throw new StateError('ERR_STATE_STATUS', message, { id, status, expected: 'running or paused' })
}

/** null: it is one directory. */
function rootOf(
  { layered }: ContainerRecord,
  { upper, preDump }: CommandCheckpointOptions & Called,
): RootOfLayers | null {
  if (!layered) return null
  const isInMemory = layered.upper === null
  if (!isInMemory || upper !== null || preDump) return { layers: layered.layers, isInMemory }
  const expected =
    'written to a directory (rootfs.upper.dir; run --upper), or saved by the handle that has made the container'
  const received = 'written to memory, which is of that process'
  throw new ConfigError('ERR_CONFIG_UNSUPPORTED', [makeIssue({ path: '/root', expected, received })])
}

/** CRIU knows nothing of it, so that what is restored would be free of it. */
function refuseLandlock({ linux: { landlock } }: Config): void {
  if (landlock === null) return
  const expected = 'a container without the option landlock for a checkpoint'
  throw new ConfigError('ERR_CONFIG_UNSUPPORTED', [makeIssue({ path: '', expected, received: 'one with it' })])
}

/** CRIU stops the processes by the cgroup; if it dies then they stay so. */
async function unfrozenByFailure(
  { cgroup, status }: { cgroup: Cgroup; status: Status },
  act: () => Promise<void>,
): Promise<void> {
  try {
    await act()
  } catch (error) {
    if (status !== 'paused' && cgroup.frozen()) await cgroup.thaw()
    throw error
  }
}

interface Dumping {
  readonly context: Context
  readonly record: ContainerRecord
  readonly root: RootOfLayers | null
  readonly cgroup: Cgroup
  readonly options: CommandCheckpointOptions & Called
}

async function dumpProcesses({ context, record, root, cgroup, options }: Dumping): Promise<void> {
  const { id, pid, rootfs } = record
  const { signal, onProgress, onPagesReady, ended: _ended, upper, ...settings } = options
  const paths = pathsOf(settings)
  await dump({
    settings,
    config: readStoredConfig(context.store, id),
    ...{ pid, rootfs, root, signal },
    freezer: freezerOf(cgroup),
    descriptors: record.stdio ?? namesOfStreams(pid),
    onStep: async ({ name }) => {
      context.debug(id, `checkpoint: ${name}`)
      if (name === 'status-ready') onPagesReady?.()
      // All are stopped, and CRIU has given names to files that had none.
      if (name === 'post-dump' && root?.isInMemory && upper !== null) await saveMemory({ paths, root, upper, signal })
      onProgress?.({ step: name })
    },
  })
}

interface Written {
  readonly paths: ImagePaths
  readonly root: RootOfLayers
  readonly upper: string
  readonly signal: AbortSignal | undefined
}

async function saveMemory({ paths, root, upper, signal }: Written): Promise<void> {
  finishRoot(paths, root, await saveUpper({ upper, file: upperArchive(paths), signal }))
}

function freezerOf({ directories }: Cgroup): string | null {
  const v1 = directories.find(({ controllers }) => controllers.split(',').includes('freezer'))
  return (v1 ?? directories.find(({ controllers }) => controllers === ''))?.directory ?? null
}
