/** The files of an archive or of a directory, by their names, as an import needs them: only plain files, each with its digest. */
import { ImageError, LayerError } from '../errors.js'
import { bounded } from '../layer/bounded.js'
import { byteSource } from '../layer/byte-source.js'
import { limitsOf } from '../layer/layer-limits.js'
import { type TarReader, tarReader } from '../layer/tar-reader.js'
import { readRegular } from '../sys/file.js'
import { runningSha256 } from '../sys/hash.js'
import { openGrowing, readChunks } from '../sys/large-file.js'
import { entryAt } from '../sys/named-entry.js'
import type { Lease } from './depot/leases.js'

export interface ArchiveFile {
  readonly path: string
  readonly size: number
  /** null: it has not been looked at. */
  readonly digest: string | null
}

export interface ArchiveFiles {
  /** null: there is none of that name. */
  find(name: string): ArchiveFile | null
  /** Whether they may be moved away. */
  readonly areOurs: boolean
}

const MOST_FILES = 20_000
const PIECE_BYTES = 256 * 1024

/** A name as archives may write it; null for what leads elsewhere. */
function plainName(name: string): string | null {
  const parts = name.split('/').filter(part => part !== '' && part !== '.')
  return name.startsWith('/') || parts.includes('..') ? null : parts.join('/')
}

/** An archive of images is as large as it is: what is unpacked of it has limits of its own. */
const LIMITS = limitsOf({ bytes: Number.MAX_SAFE_INTEGER })

/** The decompressed content of a file, by its first bytes: gzip, zstd or neither. @throws {ImageError} ERR_IMAGE_INVALID for a bomb */
export async function* plainChunks(path: string): AsyncGenerator<Buffer> {
  try {
    yield* bounded({ stream: readChunks(path), compression: await compressionIn(path), limits: LIMITS })
  } catch (error) {
    if (!(error instanceof LayerError) || error.limit !== 'ratio') throw error
    const why = `a byte of it becomes more than ${LIMITS.ratio}: decompress it first if you trust it`
    throw refused(path, why)
  }
}

/** How a file is compressed, as its first bytes say. */
export async function compressionIn(path: string): Promise<'gzip' | 'zstd' | 'none'> {
  for await (const chunk of readChunks(path, { end: 4 })) {
    const hex = Buffer.from(chunk).toString('hex')
    return hex.startsWith('1f8b') ? 'gzip' : hex === '28b52ffd' ? 'zstd' : 'none'
  }
  return 'none'
}

const openTar = (path: string): { tar: TarReader; end(): Promise<void> } => {
  const chunks = plainChunks(path)
  return {
    tar: tarReader(byteSource(chunks), LIMITS),
    end: async () => {
      await chunks.return(undefined)
    },
  }
}

/** Writes the files of an archive into the lease's directory, under names of our own. @throws {ImageError} ERR_IMAGE_INVALID */
export async function extractFiles(path: string, lease: Lease, signal: AbortSignal | undefined): Promise<ArchiveFiles> {
  const found = new Map<string, ArchiveFile>()
  const links = new Map<string, string>()
  const { tar, end } = openTar(path)
  try {
    for (let entry = await tar.next(); entry !== null; entry = await tar.next()) {
      signal?.throwIfAborted()
      const name = plainName(entry.name)
      if (name === null) throw refused(path, `the entry ${JSON.stringify(entry.name)} leads out of it`)
      if (found.size + links.size >= MOST_FILES) throw refused(path, `it has more than ${MOST_FILES} files`)
      if (entry.kind === 'file') found.set(name, await extract(tar, `${lease.directory}/file-${found.size}`, signal))
      // What Docker wrote before 25 for a layer that is there twice.
      else if (entry.kind === 'symlink') links.set(name, plainTarget(name, entry.linkName))
    }
  } finally {
    await end()
  }
  return { areOurs: true, find: name => found.get(name) ?? found.get(links.get(name) ?? '') ?? null }
}

const refused = (path: string, why: string): ImageError =>
  new ImageError('ERR_IMAGE_INVALID', `${path}: ${why}`, { path })

/** In the archive, wherever it points. */
function plainTarget(name: string, target: string): string {
  const parts = name.split('/').slice(0, -1)
  for (const part of target.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  return parts.join('/')
}

async function extract(tar: TarReader, path: string, signal: AbortSignal | undefined): Promise<ArchiveFile> {
  const hash = runningSha256()
  const file = await openGrowing(path)
  try {
    await file.cut(0)
    for (let piece = await tar.piece(PIECE_BYTES); piece.length > 0; piece = await tar.piece(PIECE_BYTES)) {
      signal?.throwIfAborted()
      hash.add(piece)
      await file.append(piece)
    }
    await file.sync()
    return { path, size: file.size, digest: `sha256:${hash.hex()}` }
  } finally {
    await file.close()
  }
}

/** The files of a directory, where they are. Links are not followed. */
export function filesOfDirectory(directory: string): ArchiveFiles {
  const find = (name: string): ArchiveFile | null => {
    const path = `${directory}/${name}`
    const entry = plainName(name) === name ? entryAt(path) : null
    return entry?.kind === 'file' ? { path, size: entry.size, digest: null } : null
  }
  return { areOurs: false, find }
}

/** @throws {ImageError} ERR_IMAGE_INVALID if it is missing, or larger than `limit` */
export function bytesOfFile(files: ArchiveFiles, name: string, limit: number): Uint8Array {
  const file = files.find(name)
  if (file === null) throw refused(name, 'it is missing')
  const content = readRegular(file.path, limit)
  if (typeof content === 'string') throw refused(name, `it is ${content}`)
  return content
}
