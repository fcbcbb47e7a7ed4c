/** Files that are too large to be read or written at one go: nothing here holds the event loop, and all errors are SystemErrors. */
import { constants } from 'node:fs'
import { type FileHandle, lstat, open, rename, rm } from 'node:fs/promises'
import { SystemError } from '../errors.js'
import { isErrno } from './errno.js'
import { ownPid } from './self.js'

const O_CLOEXEC = 0o2000000
/** What is read at once. */
const CHUNK_BYTES = 256 * 1024

async function viaPromise<T>(promise: Promise<T>, file: string): Promise<T> {
  try {
    return await promise
  } catch (cause) {
    const { syscall = 'fs', code = '', path = file } = cause as NodeJS.ErrnoException
    if (code === '') throw cause
    throw new SystemError({ syscall, errno: code, path }, { cause })
  }
}

/** A file that is being written; whoever opened it closes it. */
export interface GrowingFile {
  /** How many bytes it has. */
  readonly size: number
  /** Writes all of it at the end. */
  append(bytes: Uint8Array): Promise<void>
  /** Cuts it to so many bytes. */
  cut(size: number): Promise<void>
  /** What has been written is on the disk when it resolves (fsync(2)). */
  sync(): Promise<void>
  close(): Promise<void>
}

/** Opens a file to go on with it, and makes it (0600) if there is none. A link is not followed. @throws {SystemError} */
export async function openGrowing(path: string): Promise<GrowingFile> {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | O_CLOEXEC
  const file = await viaPromise(open(path, flags, 0o600), path)
  let size = (await viaPromise(file.stat(), path)).size
  return {
    get size() {
      return size
    },
    append: async bytes => {
      await viaPromise(writeAll(file, bytes, size), path)
      size += bytes.length
    },
    cut: async to => {
      await viaPromise(file.truncate(to), path)
      size = to
    },
    sync: () => viaPromise(file.sync(), path),
    close: () => viaPromise(file.close(), path),
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done)
    done += bytesWritten
  }
}

/** The bytes of a regular file, from `start` up to `end` (not included; default: all). @throws {SystemError} EINVAL for what is no regular file */
export async function* readChunks(
  path: string,
  { start = 0, end = Number.POSITIVE_INFINITY } = {},
): AsyncGenerator<Uint8Array> {
  const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY | O_CLOEXEC
  const file = await viaPromise(open(path, flags), path)
  try {
    if (!(await viaPromise(file.stat(), path)).isFile())
      throw new SystemError({ syscall: 'read', errno: 'EINVAL', path })
    for (let at = start; at < end; ) {
      const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, end - at))
      const { bytesRead } = await viaPromise(file.read(buffer, 0, buffer.length, at), path)
      if (bytesRead === 0) return
      at += bytesRead
      yield buffer.subarray(0, bytesRead)
    }
  } finally {
    await file.close()
  }
}

/** Writes a file (0600), which appears when it is whole and on the disk. @throws {SystemError}; what `chunks` throws */
export async function writeWhole(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const temporary = `${path}.${ownPid()}.part`
  try {
    const file = await openGrowing(temporary)
    try {
      await file.cut(0)
      for await (const chunk of chunks) await file.append(chunk)
      await file.sync()
    } finally {
      await file.close()
    }
    await renamePath(temporary, path)
  } catch (error) {
    await removeLater(temporary)
    throw error
  }
}

/** In bytes; null if there is no regular file of that name (a link is none). */
export async function sizeOfFile(path: string): Promise<number | null> {
  try {
    const status = await viaPromise(lstat(path), path)
    return status.isFile() ? status.size : null
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return null
    throw error
  }
}

export const renamePath = (from: string, to: string): Promise<void> => viaPromise(rename(from, to), to)

/** Removes a file, or a directory with all in it, without holding the event loop; fine when it is gone. Links are not followed. */
export const removeLater = (path: string): Promise<void> => viaPromise(rm(path, { recursive: true, force: true }), path)

/** The names in a directory are on the disk when it resolves (fsync(2)). */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await viaPromise(open(path, constants.O_RDONLY | constants.O_DIRECTORY | O_CLOEXEC), path)
  try {
    await viaPromise(directory.sync(), path)
  } finally {
    await directory.close()
  }
}
