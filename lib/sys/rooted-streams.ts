/** Files of a container as streams, and what happens to them; see rooted.ts. */
import { constants, type FSWatcher, fstatSync, watch } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import { closeFd } from './beneath.js'
import { viaNode } from './errno.js'
import { type NewOwner, openRooted, openToWrite, type RootedPlace, reopen } from './rooted.js'

/** Of a plain file. It closes the file. */
export async function readStreamRooted(place: RootedPlace): Promise<Readable> {
  const file = await reopen(place, constants.O_RDONLY | constants.O_NONBLOCK)
  return file.createReadStream()
}

/** As `writeRooted` opens it. It closes the file. */
export async function writeStreamRooted(place: RootedPlace, owner: NewOwner | null, mode?: number): Promise<Writable> {
  const file = await openToWrite(place, owner, mode)
  return file.createWriteStream()
}

export interface RootedWatch {
  readonly isDirectory: boolean
  close(): void
}

/** What libuv says: `rename` for a name that has come or gone, `change` for what is in it. */
export type Tell = (kind: 'rename' | 'change', name: string | null) => void

/** Watches a directory, or a file, by inotify: what it is by now, whatever becomes of its path. Keeps the event loop alive. */
export function watchRooted(place: RootedPlace, tell: Tell, failed: (error: Error) => void): RootedWatch {
  const fd = openRooted(place)
  try {
    const isDirectory = viaNode(() => fstatSync(fd)).isDirectory()
    const watcher: FSWatcher = viaNode(() => watch(`/proc/self/fd/${fd}`, { encoding: 'utf8' }))
    watcher.on('change', (kind, name) => tell(kind as 'rename' | 'change', name === null ? null : String(name)))
    watcher.on('error', failed)
    return { isDirectory, close: () => watcher.close() }
  } finally {
    closeFd(fd)
  }
}
