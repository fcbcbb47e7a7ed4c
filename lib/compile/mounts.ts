import { MOUNT_ATTR } from '../plan/flags.js'
import { RESOLVE, RESOLVE_IN_ROOT } from '../plan/ops.js'
import type { Cleared } from '../plan/plan.js'
import type { Mount } from '../spec/config.js'
import { mountCgroups } from './cgroup-mounts.js'
import type { Work } from './draft.js'
import { optionsOf } from './filesystem-options.js'
import { idmapOf } from './idmap.js'
import { hasNamespace } from './namespaces.js'
import { cleanPath, isBelow } from './paths.js'
import { isRootless } from './privilege.js'

const RDONLY = BigInt(MOUNT_ATTR.RDONLY)

/** `mounts`, in their order. What must stay writable until all is made is made read-only by `sealMounts`. */
export function mountAll(work: Work): void {
  for (const mount of work.config.mounts) {
    MOUNTS[mount.kind](work, mount)
    propagateFurther(work, mount)
  }
}

function propagateFurther({ draft }: Work, { destination, laterPropagation, origin }: Mount): void {
  const path = cleanPath(destination)
  for (const propagation of laterPropagation) {
    draft.op('set_attributes', { path, set: 0n, clear: 0n, recSet: 0n, recClear: 0n, propagation }, origin)
  }
}

const MOUNTS: { readonly [K in Mount['kind']]: (work: Work, mount: Mount) => void } = {
  bind: attachTree,
  filesystem: mountFilesystem,
  cgroup: mountCgroups,
  remount,
}

function attachTree(work: Work, mount: Mount): void {
  const { options, draft } = work
  const { source, recursive, set, clear, recSet, recClear, propagation, origin } = mount
  const path = cleanPath(mount.destination)
  const host = source.startsWith('/') ? source : `${options.bundle}/${source}`
  const idmap = idmapOf(work, mount)
  const inside = insideOfMounts(work, mount, host)
  const common = { path, set, clear, recSet, recClear, propagation, resolve: resolveOf(mount) }
  if (inside !== null && idmap === null) {
    draft.op('attach_inside', { source: inside, recursive: recursive ? 1 : 0, ...common }, origin)
    return
  }
  const tree = { path: host, recursive, ...clearedBy(work, mount), origin: `${origin}/source` }
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

/**
 * Where in the root a source is that an earlier mount has a part in, or that has a part in the source: only the helper sees what is there
 * by then. null for all others, which are opened on the host before the first mount.
 */
function insideOfMounts({ config, options }: Work, mount: Mount, host: string): string | null {
  if (!isBelow(host, options.rootfs)) return null
  const inside = cleanPath(cleanPath(host).slice(cleanPath(options.rootfs).length))
  const isConcerned = ({ destination }: Mount): boolean => {
    const path = cleanPath(destination)
    return path === inside || isBelow(inside, path) || (mount.recursive && isBelow(path, inside))
  }
  return config.mounts.slice(0, config.mounts.indexOf(mount)).some(isConcerned) ? inside : null
}

/** What the kernel locks where an unprivileged process copies a mount; a privileged one that copies it for a container must ask. */
const LOCKABLE = BigInt(MOUNT_ATTR.RDONLY | MOUNT_ATTR.NOSUID | MOUNT_ATTR.NODEV | MOUNT_ATTR.NOEXEC)

function clearedBy({ config }: Work, { clear, recClear }: Mount): { cleared?: Cleared } {
  if (!hasNamespace(config, 'user') || ((clear | recClear) & LOCKABLE) === 0n) return {}
  return { cleared: { mount: Number(clear & LOCKABLE), tree: Number(recClear & LOCKABLE) } }
}

function mountFilesystem(work: Work, mount: Mount): void {
  const { type, source, set, clear, recSet, recClear, propagation, origin } = mount
  const { draft } = work
  const path = cleanPath(mount.destination)
  const attributes = isSealedLate(work, mount) ? set & ~RDONLY : set
  const options = optionsOf(work, mount)
  const common = { path, recSet, recClear, propagation, resolve: resolveOf(mount) }
  const idmap = idmapOf(work, mount)
  if (idmap === null) {
    draft.op('mount_fs', { ...common, type, source, options, attributes }, origin)
    return
  }
  const slot = draft.slot({ kind: 'idmapped_filesystem', type, source, options, idmap, origin })
  // Made by the runtime, which can't know what it covers.
  const resolve = common.resolve & ~RESOLVE.KEEP_MODE
  draft.op('attach', { ...common, resolve, slot, set: attributes, clear }, origin)
}

function remount(work: Work, mount: Mount): void {
  const { destination, set, clear, recSet, recClear, propagation, origin } = mount
  const path = cleanPath(destination)
  const options = [...mount.superblock, ...mount.data]
  if (options.length > 0) work.draft.op('reconfigure', { path, options }, origin)
  work.draft.op('set_attributes', { path, set, clear, recSet, recClear, propagation }, origin)
}

/**
 * Where a link in the image may not send what the runtime itself relies on (CVE-2019-19921), and what may be on a procfs:
 * another one, and the files that `mounts` of a valid configuration name below /proc (CVE-2019-16884).
 */
function resolveOf({ kind, type, destination, copyUp, data }: Mount): number {
  const path = cleanPath(destination)
  if (type === 'proc') return RESOLVE.NO_SYMLINKS | RESOLVE.ON_PROCFS
  if (kind === 'bind' && path === '/proc') return RESOLVE.NO_SYMLINKS | RESOLVE.ON_PROCFS | RESOLVE.IS_PROCFS
  if (isBelow(path, '/proc')) return RESOLVE.ON_PROCFS
  if (copyUp) return RESOLVE.COPY_UP | (data.some(option => /^(?:mode|uid|gid)=/.test(option)) ? 0 : RESOLVE.COPY_MODE)
  if (type === 'tmpfs') return data.some(option => option.startsWith('mode=')) ? RESOLVE_IN_ROOT : RESOLVE.KEEP_MODE
  return type === 'sysfs' ? RESOLVE.NO_SYMLINKS : RESOLVE_IN_ROOT
}

/** Makes read-only what had to be writable while mount points, devices, the console and the working directory were made in it. */
export function sealMounts(work: Work): void {
  const { config, draft } = work
  for (const mount of config.mounts.filter(each => isSealedLate(work, each))) {
    const { origin } = mount
    const path = cleanPath(mount.destination)
    const args = { path, set: RDONLY, clear: 0n, recSet: 0n, recClear: 0n, propagation: 0 }
    draft.op('set_attributes', args, `${origin}/options`)
  }
}

function isSealedLate({ config }: Work, mount: Mount): boolean {
  if (mount.kind !== 'filesystem' || (mount.set & RDONLY) === 0n) return false
  const path = cleanPath(mount.destination)
  if (mount.copyUp) return true
  if (mount.type !== 'tmpfs' && path !== '/dev') return false
  const made = [...config.mounts, ...config.linux.devices].map(entry =>
    'path' in entry ? entry.path : entry.destination,
  )
  return [...made, config.process?.cwd ?? '/', '/dev/null'].some(each => isBelow(each, path))
}
