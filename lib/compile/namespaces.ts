import type { Config, Namespace, NamespaceType } from '../config/config.js'
import { NAMESPACE_FILES } from '../config/namespaces.js'
import { HostError } from '../errors.js'
import { CLONE } from '../plan/flags.js'
import type { Work } from './draft.js'
import { isRootless, ownerOf } from './privilege.js'

/** True if the container has a namespace of that type, new or joined. */
export function hasNamespace({ linux }: Config, type: NamespaceType): boolean {
  return linux.namespaces.some(namespace => namespace.type === type)
}

/** True if the container gets a new namespace of that type. */
export function makesNamespace({ linux }: Config, type: NamespaceType): boolean {
  return linux.namespaces.some(namespace => namespace.type === type && namespace.path === null)
}

/**
 * True where the container has mounts of its own: in a mount namespace, or else in one mount over its root, which is made if anything
 * is to be mounted or the root to be read-only.
 */
export function hasOwnMounts(config: Config): boolean {
  return hasNamespace(config, 'mount') || config.mounts.length > 0 || config.root.readonly
}

/** How the container's namespaces come about. */
interface Split {
  /** New namespaces made by the first clone. */
  readonly cloned: number
  /** New namespaces made by the helper itself. */
  readonly unshared: number
  /** Of those, the ones that are made by the root of the user namespace. */
  readonly ofRoot: number
  readonly joined: readonly Namespace[]
  readonly makesUser: boolean
  readonly joinsUser: boolean
  /** Whether the container's process is a child of the helper's first process. */
  readonly needsChild: boolean
}

/**
 * SPAWN: into the cgroups, then into the namespaces.
 * @returns the namespaces that the first clone makes, CLONE_NEW*
 * @throws HostError ERR_HOST_KERNEL if the kernel has no such namespace
 */
export function enterNamespaces(work: Work): number {
  const { config, draft } = work
  for (const namespace of config.linux.namespaces) demandNamespace(work, namespace)
  const split = splitNamespaces(config)
  const needsMap = split.makesUser || hasTimeOffsets(config)
  // The runtime may be unprivileged, and then can't write the mappings of a process that is not dumpable.
  const dumpableForMap = split.makesUser && split.joined.length === 0

  joinCgroups(work)
  if (!dumpableForMap) draft.op('not_dumpable', {})
  for (const namespace of inJoinOrder(work, split.joined)) joinNamespace(work, namespace)
  if (split.unshared !== 0) draft.op('unshare', { flags: split.unshared }, '/linux/namespaces')
  if (needsMap) draft.op('map', {}, split.makesUser ? '/linux/uidMappings' : '/linux/timeOffsets')
  if (split.makesUser || split.joinsUser) draft.op('become_root', ownerOf(config), namespaceOrigin(config, 'user'))
  if (split.ofRoot !== 0) draft.op('unshare', { flags: split.ofRoot }, namespaceOrigin(config, 'ipc'))
  if (dumpableForMap) draft.op('not_dumpable', {})
  if (split.needsChild) draft.op('clone', {}, '/linux/namespaces')
  draft.op('setsid', {})
  return split.cloned
}

/**
 * Joins the cgroup of each v1 hierarchy; that of v2 the process is made in. Must come before a cgroup namespace is made or joined:
 * it is rooted in the cgroup of the process.
 */
export function joinCgroups({ facts, options, draft }: Work): void {
  if (!options.hasCgroup) return
  for (const [hierarchy, { version }] of facts.cgroup.hierarchies.entries()) {
    if (version === 2 || facts.cgroup.mode === 'none') continue
    const origin = '/linux/cgroupsPath'
    draft.op('cgroup_join', { slot: draft.slot({ kind: 'cgroup', hierarchy, origin }) }, origin)
  }
}

function demandNamespace({ facts }: Work, { type, origin }: Namespace): void {
  if (facts.namespaces.includes(NAMESPACE_FILES[type])) return
  const needs = `a kernel with ${type} namespaces (${origin})`
  throw new HostError('ERR_HOST_KERNEL', {
    needs,
    found: 'none',
    remedy: 'leave it out, or boot a kernel that has them',
  })
}

function splitNamespaces({ linux: { namespaces } }: Config): Split {
  const joined = namespaces.filter(({ path }) => path !== null)
  const made = namespaces.filter(({ path }) => path === null).reduce((mask, { flag }) => mask | flag, 0)
  const makesUser = (made & CLONE.NEWUSER) !== 0
  const joinsUser = joined.some(({ type }) => type === 'user')
  // Namespaces of the container's user namespace can't be made before it, nor the host's joined once it is entered.
  const allUnshared = joinsUser || (makesUser && joined.length > 0)
  const needsChild =
    joined.some(({ type }) => type === 'pid') ||
    (made & CLONE.NEWTIME) !== 0 ||
    (allUnshared && (made & CLONE.NEWPID) !== 0)
  // clone(2) would root a cgroup namespace in our own cgroup, and take no offsets for a time namespace.
  const afterClone = CLONE.NEWCGROUP | CLONE.NEWTIME | (needsChild ? CLONE.NEWPID : 0)
  // The files of an ipc namespace belong to its maker, and would be nobody's if that were before the ids are mapped.
  const ofRoot = makesUser || joinsUser ? made & CLONE.NEWIPC : 0
  const cloned = allUnshared ? 0 : made & ~afterClone & ~ofRoot
  return { cloned, unshared: made & ~cloned & ~ofRoot, ofRoot, joined, makesUser, joinsUser, needsChild }
}

function hasTimeOffsets({ linux: { timeOffsets } }: Config): boolean {
  return timeOffsets.monotonic !== null || timeOffsets.boottime !== null
}

/**
 * A privileged runtime joins the user namespace last, because the others may belong to the host;
 * an unprivileged one first, because only there it may join what belongs to it.
 */
function inJoinOrder({ facts }: Work, joined: readonly Namespace[]): Namespace[] {
  const user = joined.filter(({ type }) => type === 'user')
  const others = joined.filter(({ type }) => type !== 'user')
  return isRootless(facts) ? [...user, ...others] : [...others, ...user]
}

function joinNamespace({ draft }: Work, { path, flag, origin }: Namespace): void {
  if (path === null) return
  const slot = draft.slot({ kind: 'namespace', path, type: flag, origin: `${origin}/path` })
  draft.op('setns', { slot, type: flag }, `${origin}/path`)
}

/** The JSON pointer of the container's namespace of that type. */
export function namespaceOrigin({ linux }: Config, type: NamespaceType): string {
  return linux.namespaces.find(namespace => namespace.type === type)?.origin ?? ''
}
