/** The container of a sandbox, with as much isolation as the host allows. */
import { LANDLOCK_WITH_SCOPE } from '../config/landlock-option.js'
import { HostError, isTsrunError, LaunchError } from '../errors.js'
import {
  type Container,
  createRuntime,
  type LandlockOptions,
  type LayeredRoot,
  type OciConfig,
  type OciMount,
  type Prepared,
  type Runtime,
} from '../index.js'
import { landlockKnown } from '../sys/landlock.js'
import { ownProgram } from '../sys/own-account.js'
import type { Box } from './box-place.js'
import { configurationOf, type Surroundings } from './configuration.js'
import { type HostedHome, hostedBlueprint, MISSING_ON_HOST, makeWork, UNCOUNTED } from './hosted-box.js'
import { isRestricted, ofProcfs, ofUserNamespaces } from './remedies.js'
import type { OpenNetwork } from './sandbox-network.js'
import type { IsolationLevel, SandboxSettings } from './sandbox-options.js'

export interface Isolation {
  readonly level: IsolationLevel
  /** What it lacks of that which it was meant to have, in words; none: []. */
  readonly missing: readonly string[]
}

const runtimes = new Map<string, Runtime>()

/** What it would warn of is told as what is missing. */
export function sandboxRuntime(place: string): Runtime {
  const runtime = runtimes.get(place) ?? createRuntime({ root: `${place}/state`, log: () => {} })
  runtimes.set(place, runtime)
  return runtime
}

export interface IsolatedInput {
  readonly place: string
  readonly settings: SandboxSettings
  readonly around: Omit<Surroundings, 'hasCgroup' | 'hasProcfs'>
  readonly layers: readonly string[]
  readonly box: Box
  readonly network: OpenNetwork
}

interface Reach {
  /** It has no namespaces, and so no root of its own. */
  readonly isHosted: boolean
  readonly hasCgroup: boolean
  readonly hasProcfs: boolean
  readonly inMemory: boolean
  readonly hasKeyring: boolean
  readonly missing: readonly string[]
}

interface Reached {
  readonly container: Container
  readonly isolation: Isolation
  readonly hasCgroup: boolean
  /** Of its configuration. */
  readonly mounts: readonly OciMount[]
  /** null: it has a root of its own. */
  readonly home: HostedHome | null
}

/** With as much as the host lets it have. @throws what says that it can't be made */
export async function createIsolated(input: IsolatedInput): Promise<Reached> {
  let reach: Reach = {
    isHosted: false,
    hasCgroup: true,
    hasProcfs: true,
    inMemory: true,
    hasKeyring: true,
    missing: [],
  }
  for (;;) {
    try {
      return reach.isHosted ? await createHosted(input, reach) : await createBoxed(input, reach)
    } catch (error) {
      const less = lessAfter(error, reach, input.settings)
      if (less === null) throw withRemedy(error, reach)
      reach = less
    }
  }
}

async function createBoxed(input: IsolatedInput, reach: Reach): Promise<Reached> {
  const config = configurationOf(input.settings, { ...input.around, ...reach })
  const border = borderOf(input.settings)
  const container = await createWith(input, { config, ...border.options }, reach.inMemory)
  const level = reach.hasProcfs ? 'full' : 'no-procfs'
  const isolation = { level, missing: [...reach.missing, ...border.missing] } as const
  return { container, hasCgroup: reach.hasCgroup, isolation, mounts: config.mounts ?? [], home: null }
}

async function createHosted({ place, settings, around, box }: IsolatedInput, reach: Reach): Promise<Reached> {
  const { hasCgroup, hasKeyring } = reach
  const { home, ...blueprint } = hostedBlueprint({ settings, ...around, box: box.path, hasCgroup })
  makeWork(home)
  const prepared = await sandboxRuntime(place).prepare({ ...blueprint, rootfs: { host: true } })
  const { dieWithParent, signal } = settings
  const container = await prepared.create(box.id, {
    ...{ dieWithParent, detached: false, stdio: 'ignore', noNewKeyring: !hasKeyring },
    ...(signal !== undefined && { signal }),
  })
  const missing = [...reach.missing, ...MISSING_ON_HOST, ...(hasCgroup ? [] : [UNCOUNTED])]
  return { container, hasCgroup, isolation: { level: 'landlock', missing }, mounts: [], home }
}

async function createWith(
  { place, settings, layers, box, network }: IsolatedInput,
  configured: Omit<Blueprint, 'rootfs'>,
  inMemory: boolean,
): Promise<Container> {
  const { disk, dieWithParent, notify, signal } = settings
  const limited = Number.isFinite(disk) ? { memory: disk } : 'memory'
  const upper = inMemory ? limited : { dir: `${box.path}/root` }
  const prepared = await preparedOf(place, box.path, { ...configured, rootfs: { layers, upper } })
  return prepared.create(box.id, {
    ...{ dieWithParent, notify, detached: false, stdio: 'ignore' },
    ...(signal !== undefined && { signal }),
    ...(network.options !== null && { network: network.options }),
  })
}

interface Blueprint {
  readonly config: OciConfig
  readonly landlock?: LandlockOptions
  readonly rootfs: LayeredRoot
}

/**
 * Names of local sockets belong to a network namespace: with that of the host, those that programs of the host listen at could be reached. Each
 * command is a domain of its own then.
 */
function borderOf({ network, profile }: SandboxSettings): {
  readonly options: Pick<Blueprint, 'landlock'>
  readonly missing: readonly string[]
} {
  if (network !== 'host') return { options: {}, missing: [] }
  const lacking = profile.noNewPrivileges
    ? landlockKnown() < LANDLOCK_WITH_SCOPE && 'it takes Landlock of Linux 6.12'
    : 'it takes noNewPrivileges'
  if (lacking === false) return { options: { landlock: { scope: ['abstract-unix'] } }, missing: [] }
  return { options: {}, missing: [`a border between abstract UNIX sockets of the host and its own: ${lacking}`] }
}

const MOST_PREPARED = 8
const preparedBefore = new Map<string, Prepared>()

/** Sandboxes of the same options have the same configuration, but for those that have directories of their own (`box`) in it. */
async function preparedOf(place: string, box: string, blueprint: Blueprint): Promise<Prepared> {
  const key = JSON.stringify([place, blueprint])
  const known = preparedBefore.get(key)
  if (known !== undefined) return known
  const prepared = await sandboxRuntime(place).prepare(blueprint)
  if (key.includes(box)) return prepared
  if (preparedBefore.size === MOST_PREPARED) preparedBefore.clear()
  preparedBefore.set(key, prepared)
  return prepared
}

/** What to do without, after an error that says that the host does not have it; null: it says something else, or that is too little. */
function lessAfter(error: unknown, reach: Reach, settings: SandboxSettings): Reach | null {
  if (!isTsrunError(error)) return null
  const without = (what: string, change: Partial<Reach>): Reach => ({
    ...reach,
    ...change,
    missing: [...reach.missing, what],
  })
  const isCgroup = error.code === 'ERR_HOST_CGROUP' || error.code === 'ERR_CGROUP_WRITE'
  if (isCgroup && reach.hasCgroup && !settings.needsCgroup)
    return without(
      'limits of all memory and of processors: no cgroup is delegated to this user, so that memory is limited for each process alone',
      { hasCgroup: false },
    )
  // A filter around this process refuses keyctl, as that of Docker: then it refuses it to the sandbox too.
  if (reach.isHosted) return isKeyring(error) && reach.hasKeyring ? { ...reach, hasKeyring: false } : null
  if (isNamespaces(error) && settings.minimum === 'landlock')
    return { ...reach, isHosted: true, hasCgroup: true, missing: [] }
  if (isProcfs(error) && reach.hasProcfs && settings.minimum !== 'full')
    return without('a procfs: this machine lets nobody mount one in a user namespace', { hasProcfs: false })
  if (error instanceof HostError && error.needs.includes('layered root') && reach.inMemory)
    return without('a limit of what is written to the root: it needs Linux 6.6 without root', { inMemory: false })
  return null
}

/** What to do where this user may make no user namespaces, or no procfs; other errors say it themselves. */
function withRemedy(error: unknown, { isHosted, hasProcfs }: Reach): unknown {
  if (isHosted || !isTsrunError(error)) return error
  const refused = (needs: string, remedy: string): HostError =>
    new HostError('ERR_HOST_PRIVILEGE', { needs, found: error.message, remedy }, { cause: error })
  if (isNamespaces(error)) {
    const remedy = `${ofUserNamespaces(ownProgram())}; or minimum: 'landlock' (--minimum landlock), for the programs of this machine`
    return refused('user namespaces, or root with CAP_SYS_ADMIN', remedy)
  }
  if (isProcfs(error) && hasProcfs)
    return refused('a procfs of its own', `${ofProcfs()}; or minimum: 'no-procfs', for programs that need none`)
  return error
}

/** None can be made, or no ids can be mapped in one. */
const isNamespaces = (error: Error): boolean =>
  (error instanceof LaunchError && error.op === 'unshare' && !['EAGAIN', 'ENOMEM'].includes(error.errno)) ||
  (error instanceof LaunchError &&
    isErrnoOf(error) &&
    (isRestricted() || /^.linux.[ug]idMappings/.test(error.configPath))) ||
  (error instanceof HostError && error.code === 'ERR_HOST_PRIVILEGE' && error.needs.includes('user namespace'))

const isProcfs = (error: Error): boolean =>
  error instanceof LaunchError && error.op === 'mount_fs' && isErrnoOf(error) && /"proc[":]/.test(error.message)

const isKeyring = (error: Error): boolean => error instanceof LaunchError && error.op === 'keyring' && isErrnoOf(error)

const isErrnoOf = ({ errno }: LaunchError): boolean => ['EPERM', 'EACCES'].includes(errno)
