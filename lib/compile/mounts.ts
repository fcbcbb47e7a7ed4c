import { capabilityBit } from '../capabilities.js'
import type { Mount } from '../config/config.js'
import { makeIssue } from '../config/issues.js'
import { ConfigError, HostError } from '../errors.js'
import { MOUNT_ATTR } from '../plan/flags.js'
import { RESOLVE, RESOLVE_IN_ROOT } from '../plan/ops.js'
import type { Cleared, Idmap } from '../plan/plan.js'
import { mountCgroups } from './cgroup-mounts.js'
import type { Work } from './draft.js'
import { hasNamespace } from './namespaces.js'
import { cleanPath, isBelow } from './paths.js'
import { isRootless } from './privilege.js'

const RDONLY = BigInt(MOUNT_ATTR.RDONLY)

/** `mounts`, in their order. What must stay writable until all is made is made read-only by `sealMounts`. */
export function mountAll(work: Work): void {
  const { config, draft } = work
  for (const { destination } of config.mounts) draft.made.add(destination)
  for (const { path } of config.linux.devices) draft.made.add(path)
  draft.made.add(config.process?.cwd ?? '/')
  draft.made.add('/dev/null')
  for (const mount of config.mounts) {
    MOUNTS[mount.kind](work, mount)
    propagateFurther(work, mount)
    draft.mounted.add(mount.destination)
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
function insideOfMounts({ draft, options }: Work, mount: Mount, host: string): string | null {
  if (!isBelow(host, options.rootfs)) return null
  const inside = cleanPath(cleanPath(host).slice(cleanPath(options.rootfs).length))
  const isConcerned = draft.mounted.hasAt(inside) || (mount.recursive && draft.mounted.hasBelow(inside))
  return isConcerned ? inside : null
}

/** What the kernel locks if an unprivileged process copies a mount; a privileged one that copies it for a container must ask. */
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

function isSealedLate({ draft }: Work, mount: Mount): boolean {
  if (mount.kind !== 'filesystem' || (mount.set & RDONLY) === 0n) return false
  const path = cleanPath(mount.destination)
  if (mount.copyUp) return true
  if (mount.type !== 'tmpfs' && path !== '/dev') return false
  return draft.made.hasBelow(path)
}

/** File systems that take no SELinux context, or refuse one. */
const WITHOUT_CONTEXT = ['proc', 'sysfs', 'mqueue', 'cgroup', 'cgroup2']

/** How long a value may be that fsconfig(2) takes, in bytes. */
const LONGEST_VALUE = 255

/** The first kernel whose overlay takes its layers one by one. */
const LAYER_BY_LAYER = [6, 8] as const

/**
 * What a new file system is configured with, `key` or `key=value`.
 * @throws HostError ERR_HOST_KERNEL for an overlay with a long list of layers on a kernel that only takes a short one
 * @throws ConfigError for any other option that is longer than the kernel takes
 */
export function optionsOf(work: Work, mount: Mount): string[] {
  const options = [...superblockOptions(mount), ...mount.superblock, ...mount.data, ...contextOption(work, mount)]
  const fitting = mount.type === 'overlay' ? options.flatMap(option => layersOf(work, mount, option)) : options
  const long = fitting.find(isTooLong)
  if (long === undefined) return fitting
  const path = `${mount.origin}/options`
  const expected = `options with values of at most ${LONGEST_VALUE} bytes, more than which the kernel does not take`
  throw new ConfigError('ERR_CONFIG_INVALID', [makeIssue({ path, expected, received: long })])
}

/** A device that can't be written is only mounted by a superblock that does not want to. */
function superblockOptions({ set, source }: Mount): string[] {
  return (set & RDONLY) !== 0n && source.startsWith('/') ? ['ro'] : []
}

function contextOption({ config }: Work, { type }: Mount): string[] {
  const { mountLabel } = config.linux
  return !mountLabel || WITHOUT_CONTEXT.includes(type) ? [] : [`context=${mountLabel}`]
}

function isTooLong(option: string): boolean {
  const value = option.slice(option.indexOf('=') + 1)
  return new TextEncoder().encode(value).length > LONGEST_VALUE
}

/** `lowerdir=a:b::data` that is too long, layer by layer: `lowerdir+` and, for layers of data only, `datadir+`. */
function layersOf({ facts }: Work, { origin }: Mount, option: string): string[] {
  const [key, value] = [option.slice(0, option.indexOf('=')), option.slice(option.indexOf('=') + 1)]
  if (key !== 'lowerdir' || !isTooLong(option)) return [option]
  const [major, minor] = facts.kernel
  const [since, sinceMinor] = LAYER_BY_LAYER
  if (major < since || (major === since && minor < sinceMinor)) {
    throw new HostError('ERR_HOST_KERNEL', {
      needs: `Linux ${since}.${sinceMinor} for an overlay with a lowerdir of more than ${LONGEST_VALUE} bytes (${origin}/options)`,
      found: `Linux ${major}.${minor}`,
      remedy: 'use shorter paths or fewer layers, or boot a newer kernel',
    })
  }
  const [layers = '', ...data] = splitUnescaped(value, '::')
  return [
    ...splitUnescaped(layers, ':').map(layer => `lowerdir+=${unescaped(layer)}`),
    ...data.map(layer => `datadir+=${unescaped(layer)}`),
  ]
}

function splitUnescaped(text: string, separator: ':' | '::'): string[] {
  const parts: string[] = ['']
  for (const [piece] of text.matchAll(separator === ':' ? /\\.|:|[^\\:]+|\\/gs : /\\.|::|:|[^\\:]+|\\/gs)) {
    if (piece === separator) parts.push('')
    else parts[parts.length - 1] += piece
  }
  return parts
}

/** In a list colons and backslashes have a backslash before them, alone a path is taken as it is. */
function unescaped(path: string): string {
  return path.replace(/\\(.)/gs, '$1')
}

const CAP_SYS_ADMIN = capabilityBit('CAP_SYS_ADMIN')

/**
 * How the ids of a mount are mapped: by its own mappings, else as in the container's user namespace. Null: not at all.
 * @throws HostError ERR_HOST_PRIVILEGE if the runtime may not map the ids of the host's file systems
 */
export function idmapOf({ config, facts }: Pick<Work, 'config' | 'facts'>, { idmap, origin }: Mount): Idmap | null {
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
