/** Directories of a container, of whatever size it has made them; see rooted.ts. Nothing here holds the event loop. */
import { constants, type Dir, lstatSync, opendirSync, rmdirSync, unlinkSync } from 'node:fs'
import { SystemError } from '../errors.js'
import { closeFd } from './beneath.js'
import { isErrno, viaNode } from './errno.js'
import { at, later, openParent, openRooted, type RootedPlace, type RootedStatus, statusFrom } from './rooted.js'
import { giveWay, sortedInTurns } from './turns.js'
import { removeEntry } from './written-tree.js'

export interface RootedEntry extends RootedStatus {
  /** As text; bytes that are none are U+FFFD. */
  readonly name: string
}

interface Listing extends RootedPlace {
  readonly limit: number
  readonly signal: AbortSignal | undefined
}

/**
 * What is in a directory, sorted by name, with what it is; links are not followed.
 * @throws {SystemError} EFBIG above `limit` names; the reason of `signal`
 */
export async function listRooted({ limit, signal, ...place }: Listing): Promise<RootedEntry[]> {
  const fd = openRooted(place, constants.O_DIRECTORY)
  try {
    const path = `/proc/self/fd/${fd}`
    const directory = at(place.path, () => opendirSync(path, { encoding: 'buffer' as 'utf8' }))
    try {
      const entries = await readEntries(directory, path, { ...place, limit, signal })
      return await sortedInTurns(entries, (one, other) => one.name < other.name)
    } finally {
      directory.closeSync()
    }
  } finally {
    closeFd(fd)
  }
}

async function readEntries(directory: Dir, parent: string, { limit, signal, path }: Listing): Promise<RootedEntry[]> {
  const entries: RootedEntry[] = []
  const read = () => at(path, () => directory.readSync())
  for (let entry = read(); entry !== null; entry = read()) {
    await giveWay()
    signal?.throwIfAborted()
    const name = entry.name as unknown as Buffer
    const inner = Buffer.concat([Buffer.from(`${parent}/`), name])
    const status = at(path, () => lstatSync(inner, { throwIfNoEntry: false }))
    if (status !== undefined) entries.push({ name: name.toString('utf8'), ...statusFrom(status) })
    if (entries.length > limit) throw new SystemError({ syscall: 'readdir', errno: 'EFBIG', path })
  }
  return entries
}

interface Removal extends RootedPlace {
  readonly recursive: boolean
  readonly signal: AbortSignal | undefined
}

/** A file, a link or a directory, with `recursive` also one with something in it. @throws {SystemError}; the reason of `signal` */
export async function removeRooted({ recursive, signal, ...place }: Removal): Promise<void> {
  const { directory, name } = openParent(place, undefined)
  const path = `/proc/self/fd/${directory}/${name}`
  try {
    if (!recursive) return at(place.path, () => removeSingle(path))
    // What is not there is an error here, and none for what removes a tree.
    at(place.path, () => lstatSync(path))
    await later(place, () => removeEntry({ directory, name: Buffer.from(name), signal }))
  } finally {
    closeFd(directory)
  }
}

/** Not asked beforehand what it is: it may be a directory with something in it by then. */
function removeSingle(path: string): void {
  try {
    viaNode(() => unlinkSync(path))
  } catch (error) {
    if (!isErrno(error, 'EISDIR')) throw error
    rmdirSync(path)
  }
}
