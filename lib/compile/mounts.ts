import type { Mount } from '../config/config.js'
import { makeIssue } from '../config/issues.js'
import { ConfigError, HostError } from '../errors.js'
import { MOUNT_ATTR } from '../plan/flags.js'
import { RESOLVE, RESOLVE_IN_ROOT } from '../plan/ops.js'
import { attachTree, idmapOf } from './bind-mounts.js'
import { mountCgroups } from './cgroup-mounts.js'
import type { Work } from './draft.js'
import { cleanPath, isBelow } from './paths.js'

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
  bind: (work, mount) => attachTree(work, mount, resolveOf(mount)),
  filesystem: mountFilesystem,
  cgroup: mountCgroups,
  remount,
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
  draft.op('attach', { ...common, resolve, slot, set: attributes, clear, implied: 0n }, origin)
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
