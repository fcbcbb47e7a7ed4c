/** The entries of a tree as pieces of an archive. */
import { LayerError } from '../errors.js'
import { archiveEnd, archiveHeader, padding, type WrittenHeader } from './layer-headers.js'
import { shown } from './layer-limits.js'
import { OF_OVERLAY } from './layer-rules.js'
import type { FoundEntry, TreeReader } from './tree-reader.js'

export interface PackedTreeOptions {
  readonly kind: 'directory' | 'upper' | 'merged'
  readonly squashed: boolean
  /** Bytes of the contents of all files together, holes counted: they become zeros. */
  readonly most: number
}

const TYPES: ReadonlyMap<number, WrittenHeader['type']> = new Map([
  [0o100000, '0'],
  [0o120000, '2'],
  [0o020000, '3'],
  [0o060000, '4'],
  [0o040000, '5'],
  [0o010000, '6'],
])
const FORMAT = 0o170000
const SOCKET = 0o140000
const DIRECTORY = 0o040000
const FILE = 0o100000
const CHARACTER = 0o020000
const WHITEOUT = '.wh.'
const OPAQUE = '.wh..wh..opq'
/** Of native/layer/order.h. */
const DEEPEST = 512
/** How many questions are asked ahead. */
const AHEAD = 64

const unfit = (path: string, message: string): LayerError =>
  new LayerError('ERR_LAYER_UNSAFE', message, { entry: shown(path) })

/** A directory, what is in it in the order of names, and then its directories, each with all that is below it: some programs want that. */
export async function* packedTree(reader: TreeReader, options: PackedTreeOptions): AsyncGenerator<Buffer> {
  /** The first name of each file that has several. */
  const linked = new Map<bigint, string>()
  const tally = { bytes: 0 }
  reader.ask('')
  const stack: FoundAt[] = [{ path: '', found: await reader.answer() }]
  for (let folder = stack.pop(); folder !== undefined; folder = stack.pop()) {
    yield* entryOf(reader, { ...folder, linked, tally, options })
    const folders: FoundAt[] = []
    for await (const entry of entriesOf(reader, folder)) {
      if ((entry.found.mode & FORMAT) === DIRECTORY) folders.push(entry)
      else yield* entryOf(reader, { ...entry, linked, tally, options })
    }
    stack.push(...folders.reverse())
  }
  yield archiveEnd()
}

interface FoundAt {
  readonly path: string
  readonly found: FoundEntry
}

async function* entriesOf(reader: TreeReader, { path, found }: FoundAt): AsyncGenerator<FoundAt> {
  // Each character is a byte: the order is that of bytes.
  const sorted = [...found.names].sort()
  const depth = path === '' ? 1 : path.split('/').length + 1
  if (depth > DEEPEST && sorted.length > 0) throw aboveLimit(path, { limit: 'depth', value: depth, most: DEEPEST })
  const pathOf = (index: number): string => (path === '' ? '' : `${path}/`) + (sorted[index] ?? '')
  for (let asked = 0, told = 0; told < sorted.length; told++) {
    for (; asked < Math.min(sorted.length, told + AHEAD); asked++) reader.ask(pathOf(asked))
    yield { path: pathOf(told), found: await reader.answer() }
  }
}

interface Packed extends FoundAt {
  readonly linked: Map<bigint, string>
  /** Of the contents so far. */
  readonly tally: { bytes: number }
  readonly options: PackedTreeOptions
}

async function* entryOf(reader: TreeReader, packed: Packed): AsyncGenerator<Buffer> {
  const { path, found, options } = packed
  const type = typeOf(packed)
  const first = type === '5' || type === null ? null : firstName(packed)
  const isFile = type === '0'
  if (type === null) return
  keepWithin(packed, first)
  if (first !== null) {
    yield archiveHeader({ ...headOf(packed, '1'), linkName: first })
    // Its content has been told too.
    if (isFile) for await (const _ of contentOf(reader, found.size));
    return
  }
  if (isWhiteout(found)) {
    yield whiteoutOf(packed)
    return
  }
  yield archiveHeader({ ...headOf(packed, type), size: isFile ? found.size : 0, linkName: found.target })
  if (type === '5' && options.kind === 'upper' && isOpaqueEntry(packed))
    yield archiveHeader(emptyFile(packed, path, OPAQUE))
  if (isFile) yield* contentOf(reader, found.size)
}

function keepWithin({ path, found, tally, options: { most } }: Packed, first: string | null): void {
  if ((found.mode & FORMAT) === FILE && first === null) tally.bytes += found.size
  if (tally.bytes > most) throw aboveLimit(path, { limit: 'bytes', value: tally.bytes, most })
}

interface Above {
  readonly limit: 'bytes' | 'depth'
  readonly value: number
  readonly most: number
}

const aboveLimit = (path: string, { limit, value, most }: Above): LayerError =>
  new LayerError('ERR_LAYER_LIMIT', `${value} is above the limit "${limit}" of ${most}`, {
    entry: shown(path),
    limit,
    value,
  })

const isWhiteout = ({ mode, major, minor }: FoundEntry): boolean =>
  (mode & FORMAT) === CHARACTER && major === 0 && minor === 0

/** Null: it is left out. */
function typeOf({ path, found, options }: Packed): WrittenHeader['type'] | null {
  const name = path.slice(path.lastIndexOf('/') + 1)
  if (name.startsWith(WHITEOUT)) throw unfit(path, 'names that begin with ".wh." are whiteouts in a layer')
  const format = found.mode & FORMAT
  if (format === SOCKET || (options.kind === 'merged' && isWhiteout(found))) return null
  const type = TYPES.get(format)
  if (type === undefined) throw unfit(path, 'it is of a kind that no archive has')
  return type
}

/** The name that the same file has in the archive already. */
function firstName({ path, found, linked }: Packed): string | null {
  const first = linked.get(found.inode) ?? null
  // Overlay makes all whiteouts of a directory links to one of them.
  if (isWhiteout(found)) return null
  if (first === null && found.links > 1) linked.set(found.inode, path)
  return first
}

async function* contentOf(reader: TreeReader, size: number): AsyncGenerator<Buffer> {
  for (let bytes = await reader.content(); bytes.length > 0; bytes = await reader.content()) yield bytes
  yield padding(size)
}

function headOf({ path, found, options }: Packed, type: WrittenHeader['type']): WrittenHeader {
  const { mode, uid, gid, seconds, nanoseconds, major, minor } = found
  return {
    name: type === '5' ? `${path === '' ? '.' : path}/` : path,
    type,
    mode: mode & 0o7777,
    ...(options.squashed ? { uid: 0, gid: 0 } : { uid, gid }),
    ...{ size: 0, seconds, nanoseconds, linkName: '', major, minor },
    xattrs: type === '1' ? [] : keptAttributes(path, found, options),
  }
}

/** As `unpackLayer` keeps them: all else belongs to this machine. */
function keptAttributes(path: string, { xattrs }: FoundEntry, { kind }: PackedTreeOptions): FoundEntry['xattrs'] {
  const partial = xattrs.find(([name]) => /^(trusted|user)\.overlay\.(redirect|metacopy)$/.test(name))
  if (kind === 'upper' && partial !== undefined) {
    throw unfit(
      path,
      `its content is in another layer (${partial[0]}): overlay must be mounted without redirect_dir and metacopy`,
    )
  }
  return xattrs.filter(
    ([name]) =>
      name === 'security.capability' || (name.startsWith('user.') && !OF_OVERLAY.some(own => name.startsWith(own))),
  )
}

export const isOpaqueEntry = ({ found }: Pick<Packed, 'found'>): boolean =>
  found.xattrs.some(([name, value]) => /^(trusted|user)\.overlay\.opaque$/.test(name) && value === 'y')

/** In the directory `folder`. */
function emptyFile({ found }: Packed, folder: string, name: string): WrittenHeader {
  return {
    ...{ name: folder === '' ? name : `${folder}/${name}`, type: '0', mode: 0, uid: 0, gid: 0, size: 0, linkName: '' },
    ...{ seconds: found.seconds, nanoseconds: 0, major: 0, minor: 0, xattrs: [] },
  }
}

function whiteoutOf(packed: Packed): Buffer {
  const { path, options } = packed
  if (options.kind === 'directory') throw unfit(path, 'a device 0:0 is a whiteout, which only an upper directory has')
  const slash = path.lastIndexOf('/')
  return archiveHeader(emptyFile(packed, path.slice(0, Math.max(slash, 0)), `${WHITEOUT}${path.slice(slash + 1)}`))
}
