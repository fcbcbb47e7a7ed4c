/** Trees that are copied into a sandbox, and out of one. */
import { SystemError } from '../errors.js'
import { isErrno } from '../sys/errno.js'
import { openHostSource, openHostTarget } from '../sys/host-copies.js'
import type { RootedStatus } from '../sys/rooted.js'

type Chunks = AsyncIterable<Uint8Array>
interface Entry {
  readonly name: string
  readonly kind: RootedStatus['kind']
  readonly mode: number
}

/** What of the files of a sandbox is needed. */
interface Files {
  list(path: string, options: { readonly limit: number; readonly signal?: AbortSignal }): Promise<readonly Entry[]>
  stat(path: string): Promise<RootedStatus>
  mkdir(path: string): Promise<void>
  readStream(path: string): Promise<Chunks & { destroy(): unknown }>
  write(path: string, data: Chunks, options: { readonly mode: number }): Promise<void>
}

interface Copy {
  readonly files: Files
  readonly from: string
  readonly to: string
  readonly signal: AbortSignal | undefined
}

interface Pending extends Omit<Entry, 'name'> {
  readonly from: string
  readonly to: string
}

/** A program may go on making directories while they are copied. */
const MOST_ENTRIES = 100_000

interface Walk extends Copy {
  readonly first: RootedStatus
  entries(path: string): Promise<readonly Entry[]>
  copyFile(file: Pending): Promise<void>
  makeDirectory(path: string): unknown
}

/** Returns what was left out: what is neither a file nor a directory, or is gone by then. */
async function copyTree({ from, to, signal, first, ...walk }: Walk): Promise<string[]> {
  const left: string[] = []
  const top: Pending = { from, to, kind: first.kind, mode: first.mode }
  const pending = [top]
  let count = 1
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    signal?.throwIfAborted()
    try {
      const found = await copyEntry(next, walk, left)
      // Those that wait count as well: each directory on the way down may have as many.
      count += found.length
      if (count > MOST_ENTRIES) throw new SystemError({ syscall: 'readdir', errno: 'EFBIG', path: from })
      for (const entry of found) pending.push(entry)
    } catch (error) {
      // Names that are no text are not found either.
      if (next === top || !isErrno(error, 'ENOENT', 'ENOTDIR', 'ENXIO')) throw error
      left.push(next.from)
    }
  }
  return left.sort()
}

type Means = Pick<Walk, 'entries' | 'copyFile' | 'makeDirectory'>

/** Returns what is in it. */
async function copyEntry(
  entry: Pending,
  { entries, copyFile, makeDirectory }: Means,
  left: string[],
): Promise<Pending[]> {
  if (entry.kind === 'file') await copyFile(entry)
  else if (entry.kind !== 'directory') left.push(entry.from)
  if (entry.kind !== 'directory') return []
  const found = await entries(entry.from)
  await makeDirectory(entry.to)
  return found.map(({ name, kind, mode }) => ({
    ...{ from: `${entry.from}/${name}`, to: `${entry.to}/${name}`, kind, mode },
  }))
}

export async function copyIntoSandbox(copy: Copy): Promise<string[]> {
  const { files, signal } = copy
  const source = openHostSource(copy.from)
  try {
    return await copyTree({
      ...copy,
      first: source.status,
      entries: path => source.entries(path, { limit: MOST_ENTRIES, signal }),
      copyFile: async ({ from, to, mode }) => {
        const stream = await source.read(from)
        try {
          await files.write(to, chunksOf(stream, signal), { mode: mode & 0o777 })
        } finally {
          stream.destroy()
        }
      },
      makeDirectory: path => files.mkdir(path),
    })
  } finally {
    source.close()
  }
}

/** `limit`: of all files, in bytes. */
export async function copyOutOfSandbox({ limit, ...copy }: Copy & { readonly limit: number }): Promise<string[]> {
  const { files, signal } = copy
  let room = limit
  const bounded = async function* (chunks: Chunks, path: string): AsyncGenerator<Uint8Array, void> {
    for await (const chunk of chunksOf(chunks, signal)) {
      room -= chunk.length
      if (room < 0) throw new SystemError({ syscall: 'read', errno: 'EFBIG', path })
      yield chunk
    }
  }
  const first = await files.stat(copy.from)
  const target = openHostTarget(copy.to)
  try {
    return await copyTree({
      ...copy,
      first,
      entries: path => files.list(path, { limit: MOST_ENTRIES, ...(signal !== undefined && { signal }) }),
      copyFile: async ({ from, to, mode }) => {
        const stream = await files.readStream(from)
        try {
          await target.write(to, mode & 0o777, bounded(stream, from))
        } finally {
          stream.destroy()
        }
      },
      makeDirectory: target.makeDirectory,
    })
  } finally {
    target.close()
  }
}

async function* chunksOf(chunks: Chunks, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array, void> {
  for await (const chunk of chunks) {
    signal?.throwIfAborted()
    yield chunk
  }
}
