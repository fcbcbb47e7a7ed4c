/** Bind mounts: where their source is, which host object that makes of it, and what they may take away. */
import { capabilityBit } from '../capabilities.js'
import type { Config, Mount } from '../config/config.js'
import { makeIssue } from '../config/issues.js'
import { ConfigError, HostError } from '../errors.js'
import { MOUNT_ATTR, MOUNT_ATTR_ATIME } from '../plan/flags.js'
import { RESOLVE } from '../plan/ops.js'
import type { Cleared, Idmap } from '../plan/plan.js'
import type { Work } from './draft.js'
import { copyOf, placeInRoot } from './inside-sources.js'
import { hasNamespace } from './namespaces.js'
import { cleanPath } from './paths.js'
import { isRootless } from './privilege.js'

/** `resolve`: how the destination is looked up. */
export function attachTree(work: Work, mount: Mount, resolve: number): void {
  const inside = placeInRoot(work, mount)
  const { mounted } = work.draft
  const isMade = inside !== null && (mounted.hasAt(inside) || (mount.recursive && mounted.hasBelow(inside)))
  // Only the helper sees what earlier mounts have made there; all else is opened on the host before the first mount.
  if (isMade) attachInside(work, { mount, inside, resolve: resolve | lockedInside(work) })
  else attachOfHost(work, mount, resolve)
}

const lockedInside = ({ config }: Work): number => (hasNamespace(config, 'user') ? RESOLVE.KEEP_LOCKS : 0)

function attributesOf({ config }: Work, mount: Mount, resolve: number) {
  const { set, clear, recSet, recClear, propagation } = mount
  // The helper may change what the runtime has copied for it, and must not lift what the host's mount forbids.
  const implied = hasNamespace(config, 'user') ? mount.implied & ~LOCKABLE : mount.implied
  return { path: cleanPath(mount.destination), set, clear, implied, recSet, recClear, propagation, resolve }
}

function attachOfHost(work: Work, mount: Mount, resolve: number): void {
  const { options, draft } = work
  const { source, recursive, origin } = mount
  const host = source.startsWith('/') ? source : `${options.bundle}/${source}`
  const idmap = idmapOf(work, mount)
  const common = attributesOf(work, mount, resolve)
  const tree = { path: host, recursive, ...clearedBy(work.config, mount), origin: `${origin}/source` }
  if (isRootless(work.facts)) {
    const slot = draft.slot({ kind: 'place', ...tree })
    draft.op('attach_checked', { slot, source: host, recursive: recursive ? 1 : 0, ...common }, origin)
    return
  }
  const slot = draft.slot(
    idmap === null ? { kind: 'tree', ...tree, nofollow: false } : { kind: 'idmapped_tree', ...tree, idmap },
  )
  draft.op('attach', { slot, ...common }, origin)
}

interface Inside {
  readonly mount: Mount
  /** The source in the root. */
  readonly inside: string
  readonly resolve: number
}

/** Ids can only be mapped of what has never been visible, and in a user namespace by the runtime alone: it copies the source itself. */
function attachInside(work: Work, { mount, inside, resolve }: Inside): void {
  const { draft, config } = work
  const { recursive, origin } = mount
  const idmap = idmapOf(work, mount)
  const common = attributesOf(work, mount, resolve)
  if (idmap === null) {
    draft.op('attach_inside', { source: inside, recursive: recursive ? 1 : 0, ...common }, origin)
    return
  }
  const copy = copyOf(work, mount, inside)
  if (copy === null || (copy.below.length > 0 && (idmap.recursive || (mount.recSet | mount.recClear) !== 0n)))
    throw notMapped(mount)
  const tree = { path: copy.host, recursive: copy.recursive, ...clearedBy(config, mount), origin: `${origin}/source` }
  const slot = draft.slot({ kind: 'idmapped_tree', ...tree, idmap })
  draft.op('attach_mapped', { slot, source: inside, below: copy.below, ...common }, origin)
}

function notMapped({ origin, source }: Mount): ConfigError {
  const expected =
    'a bind of the host where ids are mapped, with nothing mounted below it where that is to be changed as well'
  return new ConfigError('ERR_CONFIG_UNSUPPORTED', [
    makeIssue({ path: `${origin}/source`, expected, received: source }),
  ])
}

/** What the kernel locks if an unprivileged process copies a mount; a privileged one that copies it for a container must ask. */
const LOCKABLE = BigInt(MOUNT_ATTR.RDONLY | MOUNT_ATTR.NOSUID | MOUNT_ATTR.NODEV | MOUNT_ATTR.NOEXEC)

const TIMES = BigInt(MOUNT_ATTR_ATIME | MOUNT_ATTR.NODIRATIME)

function clearedBy(config: Config, { set, clear, recClear }: Mount): { cleared?: Cleared } {
  const isTimed = (clear & BigInt(MOUNT_ATTR_ATIME)) !== 0n
  if (!hasNamespace(config, 'user') || (((clear | recClear) & LOCKABLE) === 0n && !isTimed)) return {}
  const times = isTimed ? Number(set & TIMES) : null
  return { cleared: { mount: Number(clear & LOCKABLE), tree: Number(recClear & LOCKABLE), times } }
}

const CAP_SYS_ADMIN = capabilityBit('CAP_SYS_ADMIN')

/**
 * How the ids of a mount are mapped: by its own mappings, else as in the container's user namespace. Null: not at all.
 * @throws HostError ERR_HOST_PRIVILEGE if the runtime may not map the ids of the host's file systems
 */
export function idmapOf(
  { config, facts }: Pick<Work, 'config' | 'facts'>,
  { idmap, origin }: Pick<Mount, 'idmap' | 'origin'>,
): Idmap | null {
  if (idmap === null) return null
  if ((facts.permitted & CAP_SYS_ADMIN) === 0n) throw needsPrivilege(origin, facts.euid)
  const { recursive, uidMappings, gidMappings } = idmap
  if (uidMappings.length > 0) return { recursive, by: { uid: uidMappings, gid: gidMappings }, origin }
  const { namespaces, uidMappings: uid, gidMappings: gid } = config.linux
  const joined = namespaces.find(({ type }) => type === 'user')?.path ?? null
  return { recursive, by: joined === null ? { uid, gid } : { namespace: joined }, origin }
}

function needsPrivilege(origin: string, euid: number): HostError {
  return new HostError('ERR_HOST_PRIVILEGE', {
    needs: `CAP_SYS_ADMIN to map the ids of a mount (${origin})`,
    found: `uid ${euid} without it`,
    remedy: 'run as root, or leave the mappings of the mount out',
  })
}
