import { ConfigError, HostError } from '../errors.js'
import { MOUNT_ATTR } from '../plan/flags.js'
import type { Mount } from '../spec/config.js'
import { makeIssue } from '../spec/issue.js'
import type { Work } from './draft.js'

const RDONLY = BigInt(MOUNT_ATTR.RDONLY)

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
