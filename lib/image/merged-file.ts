/**
 * A file or a directory as a container on these layers would see it, without a mount. Links of the image lead around in the image only. The layers
 * are in the store and nobody changes them, so that a name that is no link stays none.
 */

import { closeFd } from '../sys/beneath.js'
import { openRead, readRegular } from '../sys/file.js'
import { attributeOf } from '../sys/foreign-tree.js'
import { type Entry, entryAt } from '../sys/named-entry.js'

/** As many as the kernel follows. */
const MOST_LINKS = 40

/** Its text; null if there is no regular file of at most `limit` bytes. `layers`: base first. */
export function readMerged(layers: readonly string[], path: string, limit: number): string | null {
  const file = find(layers.toReversed(), path)?.file ?? null
  const content = file === null ? null : readRegular(file, limit)
  return content === null || typeof content === 'string' ? null : Buffer.from(content).toString('utf8')
}

/** The directories that are merged there, the uppermost first; none if there is none. `layers`: base first. */
export function mergedDirectories(layers: readonly string[], path: string): readonly string[] {
  return find(layers.toReversed(), path)?.directories ?? []
}

interface FoundPlace {
  /** null: it is a directory. */
  readonly file: string | null
  readonly directories: readonly string[]
}

function find(layers: readonly string[], path: string): FoundPlace | null {
  let left = partsOf(path)
  let passed: string[] = []
  let directories = layers
  for (let links = 0; links <= MOST_LINKS; ) {
    const [name, ...rest] = left
    if (name === undefined) return { file: null, directories }
    const { below, entry, at } = look(directories, name)
    if (below.length > 0) {
      directories = below
      passed.push(name)
      left = rest
    } else if (entry?.kind === 'link') {
      links += 1
      left = [...partsOf(entry.target.startsWith('/') ? entry.target : `${passed.join('/')}/${entry.target}`), ...rest]
      passed = []
      directories = layers
    } else return entry?.kind === 'file' && rest.length === 0 ? { file: at, directories: [] } : null
  }
  return null
}

/** The names in a path, without `.`, and with `..` taken away from what is before it; above the root is the root. */
export function partsOf(path: string): string[] {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  return parts
}

interface Seen {
  /** The directories of that name that are merged, the uppermost first; none if it is something else. */
  readonly below: readonly string[]
  readonly entry: Entry | null
  readonly at: string
}

function look(directories: readonly string[], name: string): Seen {
  const below: string[] = []
  for (const [index, directory] of directories.entries()) {
    const at = `${directory}/${name}`
    const entry = entryAt(at)
    if (entry === null) continue
    if (entry.kind !== 'directory') return { below, entry: below.length > 0 ? null : entry, at }
    below.push(at)
    if (index < directories.length - 1 && hidesLower(at)) break
  }
  return { below, entry: null, at: '' }
}

/** Root writes the first, a user the second. */
const OPAQUE = ['trusted.overlay.opaque', 'user.overlay.opaque']

function hidesLower(directory: string): boolean {
  const fd = openRead(directory)
  try {
    return OPAQUE.some(name => attributeOf(fd, name) === 'y')
  } finally {
    closeFd(fd)
  }
}
