/** The content of the store, by its digest: a blob is there whole, or not at all. */
import { ImageError } from '../../errors.js'
import { isErrno } from '../../sys/errno.js'
import { readRegular } from '../../sys/file.js'
import { runningSha256, sha256 } from '../../sys/hash.js'
import {
  type GrowingFile,
  openGrowing,
  removeLater,
  renamePath,
  sizeOfFile,
  syncDirectory,
} from '../../sys/large-file.js'
import { hexOf } from '../digest.js'
import type { Descriptor } from '../documents.js'
import type { Depot } from './depot.js'
import { holdDirectory } from './directory-lock.js'
import type { Lease } from './leases.js'

type Content = Pick<Descriptor, 'digest' | 'size'>

export const hasBlob = async (depot: Depot, { digest, size }: Content): Promise<boolean> =>
  (await sizeOfFile(depot.blobPath(digest))) === size

interface Fetching {
  readonly depot: Depot
  readonly content: Content
  /** Completes the file: all of it is there, checked and on the disk when it resolves. */
  readonly fetch: (file: GrowingFile, path: string) => Promise<void>
  readonly signal: AbortSignal | undefined
}

/**
 * Has a blob fetched unless it is there; of several who want it at the same time, in whatever process, one does. What came before a
 * failure stays, and the next one goes on from there.
 */
export async function ensureBlob({ depot, content, fetch, signal }: Fetching): Promise<'exists' | 'fetched'> {
  if (await hasBlob(depot, content)) return 'exists'
  const lock = await holdDirectory(depot.own('partial', hexOf(content.digest)), signal)
  const path = `${lock.path}/data`
  let isOver = false
  try {
    if (await hasBlob(depot, content)) {
      isOver = true
      return 'exists'
    }
    const file = await openGrowing(path)
    try {
      await fetch(file, path)
    } finally {
      isOver = file.size === 0
      await file.close()
    }
    await renamePath(path, depot.blobPath(content.digest))
    await syncDirectory(`${depot.directory}/blobs/sha256`)
    isOver = true
    return 'fetched'
  } finally {
    if (isOver) await removeLater(path)
    lock.release({ remove: true })
  }
}

interface SmallContent {
  readonly depot: Depot
  readonly lease: Lease
  readonly bytes: Uint8Array
  readonly mediaType: string
}

/** Keeps a small one. Returns what points to it. */
export async function putBytes({ depot, lease, bytes, mediaType }: SmallContent): Promise<Descriptor> {
  const descriptor = { mediaType, digest: `sha256:${sha256(bytes)}`, size: bytes.length }
  await lease.claim([descriptor.digest])
  const fetch = async (file: GrowingFile): Promise<void> => {
    await file.cut(0)
    await file.append(bytes)
    await file.sync()
  }
  await ensureBlob({ depot, content: descriptor, fetch, signal: undefined })
  return descriptor
}

interface Incoming {
  readonly depot: Depot
  readonly lease: Lease
  readonly stream: AsyncIterable<Uint8Array>
  readonly signal: AbortSignal | undefined
}

let incoming = 0

/** Keeps what comes, whose digest nobody knows yet. */
export async function putStream({ depot, lease, stream, signal }: Incoming): Promise<Content> {
  const path = `${lease.directory}/incoming-${incoming++}`
  const hash = runningSha256()
  const file = await openGrowing(path)
  let size: number
  try {
    for await (const chunk of stream) {
      signal?.throwIfAborted()
      hash.add(chunk)
      await file.append(chunk)
    }
    await file.sync()
    size = file.size
  } finally {
    await file.close()
  }
  const content = { digest: `sha256:${hash.hex()}`, size }
  await lease.claim([content.digest], signal)
  if (await hasBlob(depot, content)) await removeLater(path)
  else await renamePath(path, depot.blobPath(content.digest))
  await syncDirectory(`${depot.directory}/blobs/sha256`)
  return content
}

/** A small blob. @throws {ImageError} ERR_IMAGE_STORE if it is not there or not what it was */
export function readBlob(depot: Depot, { digest, size }: Content): Uint8Array {
  const path = depot.blobPath(digest)
  const content = readPlain(path, size)
  if (typeof content !== 'string' && `sha256:${sha256(content)}` === digest) return content
  const why = typeof content === 'string' ? content : 'its content has changed'
  throw new ImageError('ERR_IMAGE_STORE', `${path}: ${why}: pull or import the image again`, { path: digest })
}

function readPlain(path: string, size: number): Uint8Array | string {
  try {
    return readRegular(path, size)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return 'it is missing'
    throw error
  }
}
