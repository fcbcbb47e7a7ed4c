/**
 * Reads a tar archive: ustar, PAX and GNU tar, with sparse files. It says what is written there, and nothing of what to make of it.
 * Where the formats leave a choice it is that of Go's archive/tar, so that other tools that look into the same layer see the same files.
 */
import { LayerError } from '../errors.js'
import type { ByteSource } from './byte-source.js'
import { keepLimit, type Limits } from './layer-limits.js'
import { type PaxTime, parsePax, paxNumber, paxTime } from './pax.js'
import { checkSparse, gnuSparseMap, paxSparseMap, type SparseMap } from './sparse.js'
import { BLOCK, isZero, parseHeader, type TarHeader, textAt } from './tar-header.js'

const KINDS = {
  0: 'file',
  7: 'file',
  S: 'file',
  1: 'link',
  2: 'symlink',
  3: 'character',
  4: 'block',
  5: 'directory',
  6: 'fifo',
} as const

export type EntryKind = (typeof KINDS)[keyof typeof KINDS]

/** All texts are bytes (latin1). */
export interface TarEntry extends PaxTime {
  readonly kind: EntryKind
  /** As it is written, such as `./a/`. */
  readonly name: string
  readonly linkName: string
  /** With the bits for set-user-ID, set-group-ID and sticky. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Of a device. */
  readonly major: number
  readonly minor: number
  /** Bytes of a file, holes counted. */
  readonly size: number
  readonly sparse: SparseMap | null
  readonly xattrs: readonly (readonly [string, string])[]
}

export interface TarReader {
  /** The next entry, whatever is left of the content of the one before; null at the end of the archive. */
  next(): Promise<TarEntry | null>
  /** Some of the bytes that the archive has of the entry's content, at most so many; none at its end. */
  piece(most: number): Promise<Buffer>
}

const XATTR = 'SCHILY.xattr.'
const malformed = (message: string): LayerError => new LayerError('ERR_LAYER_FORMAT', message)
const padded = (size: number): number => (BLOCK - (size % BLOCK)) % BLOCK

/** What headers of extension say about the entry that follows. */
interface Extension {
  name: string | null
  linkName: string | null
  readonly pax: Map<string, string>
  /** The values of GNU.sparse.offset and GNU.sparse.numbytes. */
  readonly listed: number[]
}

export function tarReader(source: ByteSource, limits: Limits): TarReader {
  const globals = new Map<string, string>()
  const content = contentOf(source)
  const extend = async (header: TarHeader, extension: Extension): Promise<void> => {
    keepLimit(limits, { name: 'header', value: header.size })
    // A copy: what it was cut from is larger.
    const bytes = Buffer.from(source.now(header.size) ?? (await source.take(header.size)))
    if (bytes.length < header.size) throw malformed('the archive ends within an extension header')
    content.begin(0, padded(header.size))
    await content.skip()
    if (header.type === 'g') addGlobals(globals, parsePax(bytes), limits)
    else addExtension(header.type, bytes, extension)
  }
  const begin = async (described: Described): Promise<TarEntry> => {
    const { header, extension } = described
    const size = sizeOf(header, extension)
    const sparse = await sparseOf(described)
    const stored = size - (sparse?.mapBytes ?? 0)
    if (stored < 0) throw malformed('a sparse file is smaller than its map')
    if (sparse !== null) checkSparse(sparse, stored)
    content.begin(stored, padded(size))
    return entryOf(header, extension, { size: sparse?.realSize ?? stored, sparse })
  }
  const next = async (): Promise<TarEntry | null> => {
    await content.skip()
    const extension: Extension = { name: null, linkName: null, pax: new Map(), listed: [] }
    for (let bytes = await headerBlock(source); bytes !== null; bytes = await headerBlock(source)) {
      const header = parseHeader(bytes)
      if ('xgLK'.includes(header.type)) await extend(header, extension)
      else return begin({ header, bytes, source, extension: { ...extension, pax: merged(globals, extension.pax) } })
    }
    return null
  }
  return { next, piece: content.piece }
}

interface Content {
  begin(size: number, padding: number): void
  piece(most: number): Promise<Buffer>
  /** What is left of it, and its padding. */
  skip(): Promise<void>
}

function contentOf(source: ByteSource): Content {
  let [left, padding] = [0, 0]
  const some = async (most: number): Promise<number> => {
    const { length } = source.now(most) ?? (await source.some(most))
    if (length === 0) throw malformed('the archive ends within a file')
    return length
  }
  const piece = async (most: number): Promise<Buffer> => {
    const wanted = Math.min(most, left)
    if (wanted === 0) return Buffer.alloc(0)
    const bytes = source.now(wanted) ?? (await source.some(wanted))
    if (bytes.length === 0) throw malformed('the archive ends within a file')
    left -= bytes.length
    return bytes
  }
  const skip = async (): Promise<void> => {
    let rest = left + padding
    while (rest > 0) rest -= await some(rest)
    left = 0
    padding = 0
  }
  const begin = (size: number, after: number): void => {
    left = size
    padding = after
  }
  return { begin, piece, skip }
}

/** Null: the archive ends here, by two blocks of zeros, by one, or without any. */
async function headerBlock(source: ByteSource): Promise<Buffer | null> {
  const bytes = source.now(BLOCK) ?? (await source.take(BLOCK))
  if (bytes.length === 0) return null
  if (bytes.length < BLOCK) throw malformed('the archive ends within a header')
  if (!isZero(bytes)) return bytes
  const second = source.now(BLOCK) ?? (await source.take(BLOCK))
  if (second.length === BLOCK && !isZero(second)) throw malformed('a header follows a block of zeros')
  return null
}

function addExtension(type: string, bytes: Buffer, extension: Extension): void {
  if (type === 'L') extension.name = textAt(bytes, 0, bytes.length)
  else if (type === 'K') extension.linkName = textAt(bytes, 0, bytes.length)
  else for (const [key, value] of parsePax(bytes)) addRecord(extension, key, value)
}

function addRecord({ listed, pax }: Extension, key: string, value: string): void {
  if (key === 'GNU.sparse.offset' || key === 'GNU.sparse.numbytes') listed.push(paxNumber(key, value))
  else pax.set(key, value)
}

/** An empty value takes a global one back. */
function merged(globals: ReadonlyMap<string, string>, own: ReadonlyMap<string, string>): Map<string, string> {
  if (globals.size === 0 && own.size === 0) return NO_RECORDS
  return new Map(
    [...globals, ...own].filter(([key]) => key.startsWith(XATTR) || (own.get(key) ?? globals.get(key)) !== ''),
  )
}

const NO_RECORDS = new Map<string, string>()

function addGlobals(globals: Map<string, string>, records: readonly [string, string][], limits: Limits): void {
  for (const [key, value] of records) globals.set(key, value)
  const value = [...globals].reduce((sum, [key, text]) => sum + key.length + text.length, 0)
  keepLimit(limits, { name: 'header', value })
}

/** Only files have content, whatever a header says. */
function sizeOf({ type, size }: TarHeader, { pax }: Extension): number {
  const kind = KINDS[type as keyof typeof KINDS]
  if (kind === undefined)
    throw malformed(`the archive has an entry of type ${JSON.stringify(type)}, which layers have not`)
  if (kind !== 'file') return 0
  const text = pax.get('size')
  return text === undefined ? size : paxNumber('size', text)
}

interface Described {
  readonly header: TarHeader
  readonly bytes: Buffer
  readonly extension: Extension
  readonly source: ByteSource
}

async function sparseOf({ header, bytes, extension, source }: Described): Promise<SparseMap | null> {
  if (header.type === 'S') return gnuSparseMap(bytes, source)
  return KINDS[header.type as keyof typeof KINDS] === 'file'
    ? paxSparseMap(extension.pax, extension.listed, source)
    : null
}

function entryOf(header: TarHeader, extension: Extension, content: Pick<TarEntry, 'size' | 'sparse'>): TarEntry {
  const { pax } = extension
  const number = (key: 'uid' | 'gid'): number => (pax.has(key) ? paxNumber(key, pax.get(key) ?? '') : header[key])
  const name = pax.get('GNU.sparse.name') ?? pax.get('path') ?? extension.name ?? header.name
  const kind = KINDS[header.type as keyof typeof KINDS]
  const mtime = pax.get('mtime')
  const { seconds, nanoseconds } = mtime === undefined ? { seconds: header.seconds, nanoseconds: 0 } : paxTime(mtime)
  return {
    // From before there was a type for directories.
    kind: header.type === '0' && name.endsWith('/') ? 'directory' : kind,
    name,
    linkName: pax.get('linkpath') ?? extension.linkName ?? header.linkName,
    mode: header.mode & 0o7777,
    uid: number('uid'),
    gid: number('gid'),
    major: header.major,
    minor: header.minor,
    seconds,
    nanoseconds,
    size: content.size,
    sparse: content.sparse,
    xattrs: pax.size === 0 ? [] : xattrsOf(pax),
  }
}

const xattrsOf = (pax: ReadonlyMap<string, string>): [string, string][] =>
  [...pax].flatMap(([key, value]): [string, string][] =>
    key.startsWith(XATTR) ? [[key.slice(XATTR.length), value]] : [],
  )
