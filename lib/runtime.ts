import { validateId } from './config/container-id.js'
import type { OciFeatures } from './config/features.js'
import { Container } from './container.js'
import { ConfigError, HostError, isTsrunError } from './errors.js'
import { describeFeatures } from './features.js'
import type { HostFacts } from './host/facts.js'
import { isInUserNamespace, probeHost } from './host/probe.js'
import type { Context, LogEntry } from './launch/context.js'
import { createQueue, defaultConcurrency } from './launch/queue.js'
import { readBlueprint } from './operations/blueprint.js'
import type { BundleInput } from './operations/bundle.js'
import type { Encoding } from './operations/collect-options.js'
import type { CreateOptions } from './operations/create-options.js'
import { type DeleteOptions, remove } from './operations/delete.js'
import { type RestoreOptions, restore as restoreContainer } from './operations/restore.js'
import { type Listing, listingOf, sweep } from './operations/sweep.js'
import { checkOptions } from './options.js'
import { type PlanOptions, type PlanPreview, preview } from './plan.js'
import { newContainer, type Prepared, prepareBundle, runNew } from './prepared.js'
import type { RunOptions, RunResult } from './run.js'
import type { RuntimeOptions } from './runtime-options.js'
import { openStore } from './store/store.js'
import { libseccompVersion } from './sys/libseccomp.js'
import { chooseNativeDirectory } from './sys/native-directory.js'
import { effectiveUid, emitWarning, environment, otherRuntime } from './sys/self.js'
import { trace } from './sys/trace.js'

/** A handle, with what was so when the list was made. */
export type ListedContainer = Container & Listing

export interface Runtime {
  /** The state directory. */
  readonly root: string
  /**
   * Makes a container in the state `created`: everything but the user's process (runtime.md, create).
   * @throws {ConfigError|HostError|StateError|LaunchError|SafetyError|HookError|CgroupError} and leaves nothing behind
   */
  create(options: CreateOptions): Promise<Container>
  /**
   * create, start, wait and delete in one call. A container that can't be created or started is an error; a program that fails is not.
   * @throws as `create` and `start`; the reason of `signal` when aborted, after everything has been removed
   */
  run(options: RunOptions<'buffer'> & { readonly encoding: 'buffer' }): Promise<RunResult<'buffer'>>
  run(options: RunOptions): Promise<RunResult>
  /**
   * Reads, checks and compiles a configuration for many containers: `prepared.create(id)`, `prepared.run()`. It is as it is now, whatever
   * becomes of the file or the object. The root, bind sources and other things of the host are looked for by each container.
   * @throws {ConfigError} as `create`; what the host lacks is told by the first container
   */
  prepare(input: BundleInput): Promise<Prepared>
  /**
   * Makes a container from the images of `container.checkpoint`, as it was then; it runs. The configuration and the root are to be those
   * that it was created from. Its prestart and createRuntime hooks run, and no others. Needs CRIU.
   * @throws {CheckpointError|ConfigError|HostError|StateError|LaunchError|HookError|CgroupError} and leaves nothing behind
   */
  restore(options: RestoreOptions): Promise<Container>
  /** A container by its id, also one that another process made. @throws {StateError} ERR_STATE_NOT_FOUND, ERR_STATE_CORRUPT */
  get(id: string): Promise<Container>
  /**
   * As `container.delete`, by id; with `force` also what a crash has left half made and `get` can't read.
   * @throws {StateError} ERR_STATE_NOT_FOUND, ERR_STATE_STATUS, ERR_STATE_CORRUPT
   */
  delete(id: string, options?: DeleteOptions): Promise<void>
  /** All containers of the state directory, by id. One that can't be read is told to `log` and left out. */
  list(): Promise<ListedContainer[]>
  /**
   * Deletes the containers of this user whose owner, the process that made them, is gone; those that are `detached` have none. Returns
   * their ids. What is in the state directory without a record stays: nobody knows whose it is.
   * @throws as `delete`
   */
  sweep(): Promise<string[]>
  /** The dry run: validates, compiles, changes nothing. @throws {ConfigError|HostError} as `create` would */
  plan(bundle: string | BundleInput, options?: PlanOptions): Promise<PlanPreview>
  /** What this runtime supports (features.md of the specification). */
  features(): OciFeatures
}

/**
 * A runtime on a state directory. Nothing is touched before the first call.
 * @throws {ConfigError} for a `root` that is not absolute, or a cgroup manager that is not known
 * @throws {ConfigError} for a `concurrency` that is no whole number above 0
 * @throws {HostError} ERR_HOST_KERNEL in Bun and Deno
 */
export function createRuntime(options: RuntimeOptions = {}): Runtime {
  return openRuntime(options, { isCommand: false })
}

/** `createRuntime` for whom it is. */
export function openRuntime(options: RuntimeOptions, { isCommand }: Pick<Context, 'isCommand'>): Runtime {
  refuseOtherRuntimes()
  checkOptions('createRuntime', options)
  if (options.native !== undefined) chooseNativeDirectory(options.native)
  const context = makeContext(options, isCommand)
  const create = async (input: CreateOptions): Promise<Container> => {
    checkOptions(isCommand ? 'command.create' : 'create', input)
    return newContainer({ context, read: () => readBlueprint(context, input, input.signal), options: input })
  }
  return {
    get root() {
      return context.store.root
    },
    create,
    run: async (options: RunOptions<Encoding>) => {
      checkOptions('run', options)
      return runNew(context, options, made => create(made as CreateOptions))
    },
    prepare: async input => {
      checkOptions('prepare', input)
      return prepareBundle(context, input)
    },
    restore: async options => {
      checkOptions(isCommand ? 'command.restore' : 'restore', options)
      return Container.from(context, await restoreContainer(context, options))
    },
    get: async id => {
      validateId(id)
      return Container.from(context, { record: context.store.read(id) })
    },
    delete: async (id, options) => {
      checkOptions('delete', options ?? {})
      validateId(id)
      await remove(context, id, options)
    },
    list: async () => context.store.ids().flatMap(id => readable(context, id)),
    sweep: () => sweep(context),
    plan: async (bundle, options = {}) => {
      checkOptions('plan', options)
      const { showEnv = false } = options
      return preview(context, typeof bundle === 'string' ? { bundle } : bundle, { showEnv })
    },
    features: () => describeFeatures({ kernel: context.facts().kernel, libseccomp: installedLibseccomp() }),
  }
}

/** Their Node-API misses what native calls need: they crash after a container has been made. */
function refuseOtherRuntimes(): void {
  const found = otherRuntime()
  if (found === null) return
  const remedy = 'run the program with Node.js, or call the command tsrun, which does'
  throw new HostError('ERR_HOST_KERNEL', { needs: 'Node.js', found, remedy })
}

function makeContext(options: RuntimeOptions, isCommand: boolean): Context {
  const { root, cgroupManager = 'cgroupfs', log, debug = false } = options
  const { unknownProperties = 'refuse', concurrency = defaultConcurrency() } = options
  if (!['cgroupfs', 'systemd'].includes(cgroupManager)) throw refusedCgroupDriver(cgroupManager)
  const traced = trace('log')
  const trail = ({ level, id, message }: LogEntry): void => traced('%s %s %s', level, id, message)
  const warnOnce = (entry: LogEntry): void => {
    trail(entry)
    if (entry.level === 'warning') emitWarning(entry.message)
  }
  const steps = debug && log !== undefined ? log : trail
  let facts: HostFacts | null = null
  let store = root === undefined ? null : openStore(root)
  return {
    get store() {
      store ??= openStore(defaultRoot())
      return store
    },
    cgroupManager,
    isCommand,
    ignoresUnknown: unknownProperties === 'ignore',
    queue: createQueue(concurrency),
    facts: () => (facts ??= probeHost()),
    log: log ?? warnOnce,
    debug: (id, message) => steps({ level: 'debug', id, message }),
  }
}

function defaultRoot(): string {
  const uid = effectiveUid()
  const { XDG_RUNTIME_DIR: directory = '', USER: user } = environment()
  // A user can be root in a user namespace, as rootless Podman is: /run is not its own then.
  const isMappedUser = () => directory !== '' && user !== 'root' && isInUserNamespace()
  if (uid === 0 && !isMappedUser()) return '/run/tsrun'
  if (directory.startsWith('/')) return `${directory}/tsrun`
  throw new HostError('ERR_HOST_PRIVILEGE', {
    needs: 'XDG_RUNTIME_DIR, an absolute path, for the state of containers of a user without root',
    found: `${directory === '' ? 'none' : JSON.stringify(directory)}, and uid ${uid}`,
    remedy: 'log in by a session that sets it, or name a directory of your own as the state directory (root)',
  })
}

function refusedCgroupDriver(received: string): ConfigError {
  const message = `the cgroup manager ${JSON.stringify(received)} is not known`
  const issue = {
    path: '',
    rule: 'tsrun#cgroupManager',
    expected: '"cgroupfs" or "systemd"',
    received: JSON.stringify(received),
    message,
  }
  return new ConfigError('ERR_CONFIG_INVALID', [issue])
}

/** Not to have it is no error before a configuration asks for a filter. */
function installedLibseccomp(): string | null {
  try {
    return libseccompVersion()
  } catch (error) {
    if (error instanceof HostError) return null
    throw error
  }
}

/** One bad container must not hide the others. One that vanished meanwhile is not there. */
function readable(context: Context, id: string): ListedContainer[] {
  try {
    const record = context.store.read(id)
    return [Object.assign(Container.from(context, { record }), listingOf(context, record))]
  } catch (error) {
    if (!isTsrunError(error)) throw error
    if (error.code !== 'ERR_STATE_NOT_FOUND') context.log({ level: 'warning', message: error.message, id })
    return []
  }
}
