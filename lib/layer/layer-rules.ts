/** Which attributes, devices and owners of a layer reach the disk. */
import { LayerError } from '../errors.js'
import { keepLimit, type Limits, shown } from './layer-limits.js'
import type { TarEntry } from './tar-reader.js'

const unsafe = (entry: string, message: string): LayerError =>
  new LayerError('ERR_LAYER_UNSAFE', message, { entry: shown(entry) })

/** `(uid_t)-1` is nobody: for chown it means "leave it". */
const MOST_ID = 0xfffffffe

/** @throws {LayerError} ERR_LAYER_UNSAFE for ids that a kernel has not */
export function checkIds({ uid, gid }: TarEntry, path: string): void {
  const wrong = [uid, gid].find(id => !(id >= 0 && id <= MOST_ID))
  if (wrong !== undefined) throw unsafe(path, `the owner ${wrong} is no id`)
}

/** Namespaces that overlay keeps its own notes in: a layer that writes them would change what other layers look like. */
export const OF_OVERLAY = ['trusted.overlay.', 'user.overlay.']
const VALUE_BYTES = 65536
const NAME_BYTES = 255

export interface AttributeRules {
  /** Whether security.capability can be set: not with a single id. */
  readonly capabilities: boolean
  readonly limits: Limits
}

export interface Attributes {
  readonly kept: readonly (readonly [string, string])[]
  /** How many were left out. */
  readonly dropped: number
}

/**
 * Kept: `user.*`, and `security.capability` of a file. Left out: all else, such as labels, ACLs, and what a link or a device has, which the
 * kernel refuses.
 * @throws {LayerError} ERR_LAYER_UNSAFE for an attribute of overlay's; ERR_LAYER_LIMIT
 */
export function layerAttributes(entry: TarEntry, path: string, { capabilities, limits }: AttributeRules): Attributes {
  const { xattrs, kind } = entry
  if (xattrs.length === 0) return { kept: [], dropped: 0 }
  const value = xattrs.reduce((sum, [name, text]) => sum + name.length + text.length, 0)
  keepLimit(limits, { name: 'xattrs', value, entry: path })
  for (const [name, text] of xattrs) checkAttribute(path, name, text)
  const kept = xattrs.filter(([name]) => {
    if (name.startsWith('user.')) return kind === 'file' || kind === 'directory'
    return name === 'security.capability' && kind === 'file' && capabilities
  })
  return { kept, dropped: xattrs.length - kept.length }
}

function checkAttribute(path: string, name: string, text: string): void {
  if (OF_OVERLAY.some(prefix => name.startsWith(prefix))) {
    throw unsafe(path, `the attribute ${JSON.stringify(shown(name))} is overlay's own, which no layer may set`)
  }
  if (name === '' || name.length > NAME_BYTES || name.includes('\0') || text.length > VALUE_BYTES) {
    throw unsafe(path, 'an attribute has no name, or a name or a value that is too long')
  }
}

/** As mknod(2) has it. */
const deviceNumber = (major: number, minor: number): number =>
  ((minor & 0xff) | ((major & 0xfff) << 8) | ((minor & ~0xff) << 12)) >>> 0

const TYPES = { fifo: 0o010000, character: 0o020000, block: 0o060000 } as const

export interface Node {
  readonly mode: number
  readonly device: number
}

/**
 * A fifo or a device.
 * @throws {LayerError} ERR_LAYER_UNSAFE for numbers that no device has, and for 0/0, which is how overlay writes a whiteout
 */
export function nodeOf({ kind, mode, major, minor }: TarEntry, path: string): Node {
  if (kind !== 'character' && kind !== 'block') return { mode: TYPES.fifo | (mode & 0o1777), device: 0 }
  const isDevice = major >= 0 && major <= 0xfff && minor >= 0 && minor <= 0xfffff
  if (!isDevice) throw unsafe(path, `${major}:${minor} is no device`)
  if (major === 0 && minor === 0)
    throw unsafe(path, 'a device 0:0 is how overlay writes a whiteout; in a layer that is ".wh.NAME"')
  return { mode: TYPES[kind] | (mode & 0o1777), device: deviceNumber(major, minor) }
}
