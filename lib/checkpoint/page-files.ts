/** Whether the pages are there that the images speak of: CRIU waits for the others without end. */
import { isErrno } from '../sys/errno.js'
import { isDirectory, listDirectory, realPath } from '../sys/file.js'
import { readChunks, sizeOfFile } from '../sys/large-file.js'
import { nextTurn, pageSize } from '../sys/self.js'
import { imageError } from './image-directory.js'
import { decodeProtobuf, type MessageOf, type Schema } from './protobuf.js'

/** What an image begins with, before its own number. */
const COMMON_MAGIC = 0x54564319
const MAGIC_BYTES = 8
const LENGTH_BYTES = 4
/** Of a message; those of a list of pages have some twenty. */
const MOST_BYTES = 64 * 1024
/** So many are looked at before somebody else gets a turn. */
const AT_ONCE = 1024
const PRESENT = 4n

const HEAD = { pagesId: [1, 'int'] } as const satisfies Schema
/** `pages` has 32 bits, `morePages` is that of newer releases. */
const ENTRY = {
  pages: [2, 'int'],
  inParent: [3, 'bool'],
  flags: [4, 'int'],
  morePages: [5, 'int'],
} as const satisfies Schema

/** Links to the images before, which a dump with a parent makes. */
const PARENT = 'parent'

/**
 * Of a directory of images, and of those before it.
 * @throws {CheckpointError} ERR_CHECKPOINT_IMAGE naming the file that is cut off; the reason of `signal`
 */
export async function checkPageFiles(images: string, signal?: AbortSignal): Promise<void> {
  const seen = new Set<string>()
  for (let directory = images; isDirectory(directory); directory = `${directory}/${PARENT}`) {
    const real = realPath(directory)
    if (seen.has(real)) throw imageError(directory, `${directory} is its own parent`)
    seen.add(real)
    await checkDirectory(real, signal)
  }
}

async function checkDirectory(directory: string, signal: AbortSignal | undefined): Promise<void> {
  const needed = new Map<number, number>()
  for (const name of listDirectory(directory).filter(file => /^pagemap-(shmem-)?[0-9]+\.img$/.test(file))) {
    signal?.throwIfAborted()
    const { pagesId, pages } = await pagesOf(`${directory}/${name}`)
    needed.set(pagesId, (needed.get(pagesId) ?? 0) + pages)
  }
  for (const [id, pages] of needed) {
    const path = `${directory}/pages-${id}.img`
    const [size, wanted] = [await sizeOfFile(path), pages * pageSize()]
    if (pages === 0 || (size !== null && size >= wanted)) continue
    throw imageError(
      path,
      `${path} ${size === null ? 'is not there' : `is cut off: it has ${size} bytes of ${wanted}`}`,
    )
  }
}

/** How many pages an image says that are in its file of pages, and the number of that file. */
async function pagesOf(path: string): Promise<{ pagesId: number; pages: number }> {
  let [pagesId, pages, count] = [-1, 0, 0]
  for await (const bytes of messagesOf(path)) {
    if (pagesId < 0) pagesId = decoded(path, HEAD, bytes).pagesId ?? 0
    else pages += presentIn(decoded(path, ENTRY, bytes))
    if (++count % AT_ONCE === 0) await nextTurn()
  }
  return { pagesId, pages }
}

function presentIn({ flags, inParent = false, pages = 0, morePages = pages }: MessageOf<typeof ENTRY>): number {
  const isPresent = flags === undefined ? !inParent : (BigInt(flags) & PRESENT) !== 0n
  return isPresent ? morePages : 0
}

async function* messagesOf(path: string): AsyncGenerator<Uint8Array> {
  let rest = Buffer.alloc(0)
  let isHead = true
  for await (const chunk of readChunks(path)) {
    rest = Buffer.concat([rest, chunk])
    if (isHead && rest.length < MAGIC_BYTES) continue
    if (isHead && rest.readUInt32LE(0) !== COMMON_MAGIC) throw imageError(path, `${path} is no image of CRIU`)
    if (isHead) rest = rest.subarray(MAGIC_BYTES)
    isHead = false
    for (let length = lengthOf(path, rest); length <= rest.length; length = lengthOf(path, rest)) {
      yield rest.subarray(LENGTH_BYTES, length)
      rest = rest.subarray(length)
    }
  }
  if (isHead || rest.length > 0) throw imageError(path, `${path} is cut off`)
}

/** Of the message at the beginning, with its length itself; more than any if that is not there yet. */
function lengthOf(path: string, bytes: Buffer): number {
  if (bytes.length < LENGTH_BYTES) return Number.POSITIVE_INFINITY
  const length = bytes.readUInt32LE(0)
  if (length > MOST_BYTES) throw imageError(path, `${path} has a message of ${length} bytes: it is damaged`)
  return LENGTH_BYTES + length
}

function decoded<S extends Schema>(path: string, schema: S, bytes: Uint8Array): MessageOf<S> {
  try {
    return decodeProtobuf(schema, bytes)
  } catch (cause) {
    if (isErrno(cause)) throw cause
    throw imageError(path, `${path} is damaged: ${cause instanceof Error ? cause.message : cause}`, cause)
  }
}
