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

/** All processes that were saved; a pre-dump has it not. */
const PROCESSES = 'pstree.img'
const PROCESS = { pid: [1, 'int'] } as const satisfies Schema

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
  for (const [id, pages] of await neededIn(directory, signal)) {
    const path = `${directory}/pages-${id}.img`
    const [size, wanted] = [await sizeOfFile(path), pages * pageSize()]
    if (pages === 0 || (size !== null && size >= wanted)) continue
    throw imageError(
      path,
      `${path} ${size === null ? 'is not there' : `is cut off: it has ${size} bytes of ${wanted}`}`,
    )
  }
}

/**
 * How many pages each file of pages has to have, by its number. A directory that has been written to before may have lists of then, with
 * numbers that are others' now: those of processes that are not saved are none, and of lists of shared memory the least is what is needed.
 */
async function neededIn(directory: string, signal: AbortSignal | undefined): Promise<ReadonlyMap<number, number>> {
  const files = listDirectory(directory)
  const saved = files.includes(PROCESSES) ? await processesOf(`${directory}/${PROCESSES}`) : null
  const [ofProcesses, ofMemory] = [new Map<number, number>(), new Map<number, number>()]
  for (const name of files) {
    const [, shared, number] = /^pagemap-(shmem-)?([0-9]+)\.img$/.exec(name) ?? []
    if (number === undefined || (shared === undefined && saved?.has(Number(number)) === false)) continue
    signal?.throwIfAborted()
    const { pagesId, pages } = await pagesOf(`${directory}/${name}`)
    const needed = shared === undefined ? ofProcesses : ofMemory
    needed.set(pagesId, Math.min(pages, needed.get(pagesId) ?? pages))
  }
  return new Map([...ofMemory, ...ofProcesses])
}

async function processesOf(path: string): Promise<ReadonlySet<number>> {
  const pids = new Set<number>()
  for await (const bytes of messagesOf(path)) pids.add(decoded(path, PROCESS, bytes).pid ?? 0)
  return pids
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
