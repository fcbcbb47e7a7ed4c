/** Which cgroup a new container gets. */
import { type Cgroup, openCgroup } from '../cgroup/index.js'
import { cgroupOwner, demandRootless, isRootless, makesNamespace } from '../compile/index.js'
import type { Config, Resources } from '../config/config.js'
import { isHosted } from '../config/host-root.js'
import { HostError } from '../errors.js'
import type { Context } from '../launch/context.js'
import { hostUid } from '../sys/processes.js'

interface Asked {
  readonly id: string
  readonly config: Config
}

/**
 * Changes nothing. A user without privileges who names no cgroup gets one if the host has delegated some, else none.
 * @throws {ConfigError|HostError} as `openCgroup`; ERR_HOST_CGROUP also for what can't be without a cgroup
 */
export function ownCgroup(context: Context, { id, config }: Asked): Cgroup {
  if (!isLeftToUs(context, config)) return openNamed(context, { id, config })
  // Told first: without a user namespace no cgroup would help.
  demandRootless({ config, facts: context.facts() })
  const cgroup = openCgroup({ facts: context.facts().cgroup, id, delegated: demanded(context, config) })
  return demandPidNamespace(config, cgroup)
}

/**
 * What takes a cgroup. In a user namespace rules for devices do without: no device can be made there, and those that are bound are the
 * user's own to open. Rootless Podman 5 always has such rules.
 */
function demanded({ facts }: Context, { linux }: Config): Resources {
  return facts().inUserNamespace ? { ...linux.resources, devices: [] } : linux.resources
}

/** What this cgroup, which may be none, has to be made for. */
export function resourcesFor(context: Context, config: Config, cgroup: Cgroup): Resources {
  return cgroup.isNone ? demanded(context, config) : config.linux.resources
}

/** The one that `ownCgroup` has been for a container whose record can't be read: all that is in it may be killed and removed. */
export function lostCgroup(context: Context, { id, config }: Asked): Cgroup {
  if (!isLeftToUs(context, config)) return openNamed(context, { id, config, isLost: true })
  return openCgroup({ facts: context.facts().cgroup, id, delegated: config.linux.resources, isLost: true })
}

/** The root of a user namespace has no right to cgroups but to those that its user has. */
function isLeftToUs({ facts, cgroupManager }: Context, { linux }: Config): boolean {
  if (cgroupManager !== 'cgroupfs' || (linux.cgroupsPath ?? '') !== '') return false
  return isRootless(facts()) || facts().inUserNamespace
}

function openNamed(
  { facts, cgroupManager }: Context,
  { id, config, isLost = false }: Asked & { isLost?: boolean },
): Cgroup {
  const { linux, annotations } = config
  const path = linux.cgroupsPath
  return openCgroup({ facts: facts().cgroup, path, id, manager: cgroupManager, annotations, isLost })
}

/** Without either, nobody could find the container's processes once its init is gone. */
function demandPidNamespace(config: Config, cgroup: Cgroup): Cgroup {
  if (!cgroup.isNone || makesNamespace(config, 'pid') || isHosted(config)) return cgroup
  throw new HostError('ERR_HOST_CGROUP', {
    needs: 'a cgroup, to end all processes of a container without a new pid namespace (/linux/namespaces)',
    found: 'none that this user may make',
    remedy: 'add {"type":"pid"}, or have a cgroup delegated',
  })
}

/** What a reader of the log should know. */
export const NO_CGROUP =
  'the container has no cgroup, since none is delegated to this user: no limits, rules for devices, statistics, pause, or kill of all processes'

/** The `created` barrier: gives the cgroup to the user of the process, if the configuration lets that user work with it. */
export function delegate(context: Context, { id, config, cgroup, pid }: Asked & { cgroup: Cgroup; pid: number }): void {
  const owner = cgroupOwner(config)
  if (owner === null) return
  const uid = hostUid(pid, owner)
  if (uid === null || cgroup.giveTo(uid)) return
  const message = `the cgroup stays with this user: only root can give it to uid ${uid}, who runs the container's process`
  context.log({ level: 'warning', message, id })
}
