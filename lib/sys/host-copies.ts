/**
 * Trees of this machine that are copied into a container, or are made by copying out of one. Both may be where programs of the container can write (a
 * mount): each is opened once, what is below it is resolved in it, and nothing that is there is written to.
 */
import { constants, fstatSync, mkdirSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import type { Readable } from 'node:stream'
import { closeFd } from './beneath.js'
import { named } from './errno.js'
import { openPath } from './file.js'
import { at, later, makeFileRooted, openParent, openRooted, type RootedStatus, statusFrom } from './rooted.js'
import { readStreamRooted } from './rooted-streams.js'
import { listRooted, type RootedEntry } from './rooted-trees.js'

interface Listing {
  readonly limit: number
  readonly signal: AbortSignal | undefined
}

/** All paths begin with that of the source. */
export interface HostSource {
  readonly status: RootedStatus
  /** @throws as `listRooted` */
  entries(path: string, listing: Listing): Promise<RootedEntry[]>
  /** Of a plain file. It is to be read to its end, or destroyed. */
  read(path: string): Promise<Readable>
  close(): void
}

/** `source` itself may be a link. */
export function openHostSource(source: string): HostSource {
  const root = openPath(source)
  const within = (path: string) => ({ root, path: path.slice(source.length) || '/' })
  const readRoot = async (): Promise<Readable> => {
    const flags = constants.O_RDONLY | constants.O_NONBLOCK
    return (await later({ path: source }, () => open(`/proc/self/fd/${root}`, flags))).createReadStream()
  }
  return {
    status: statusFrom(at(source, () => fstatSync(root))),
    entries: async (path, listing) => {
      try {
        return await listRooted({ ...within(path), ...listing })
      } catch (error) {
        return named(path, () => {
          throw error
        })
      }
    },
    read: path => (path === source ? readRoot() : later({ path }, () => readStreamRooted(within(path)))),
    close: () => closeFd(root),
  }
}

/** All paths begin with that of the target, which is made first. */
export interface HostTarget {
  /** @throws {SystemError} EEXIST */
  makeDirectory(path: string): void
  /** A new file. @throws {SystemError} EEXIST; what `chunks` throws, then what has come by then stays */
  write(path: string, mode: number, chunks: AsyncIterable<Uint8Array>): Promise<void>
  close(): void
}

export function openHostTarget(target: string): HostTarget {
  const parent = openPath(dirname(target), { directory: true })
  let root: number | null = null
  const within = (path: string) =>
    root === null ? { root: parent, path: `/${basename(target)}` } : { root, path: path.slice(target.length) }
  return {
    makeDirectory: path => {
      const { directory, name } = at(path, () => openParent(within(path), undefined))
      try {
        at(path, () => mkdirSync(`/proc/self/fd/${directory}/${name}`, { mode: 0o755 }))
        const noLink = constants.O_DIRECTORY | constants.O_NOFOLLOW
        root ??= at(path, () => openRooted({ root: directory, path: `/${name}` }, noLink))
      } finally {
        closeFd(directory)
      }
    },
    write: async (path, mode, chunks) => {
      const file = await later({ path }, () => makeFileRooted(within(path), undefined, mode))
      try {
        for await (const chunk of chunks) await later({ path }, () => file.writeFile(chunk))
      } finally {
        await file.close()
      }
    },
    close: () => {
      for (const fd of [parent, root]) if (fd !== null) closeFd(fd)
    },
  }
}
