/** Directories of the host that a container has written to, once it is gone. */
import { chmodSync, type Dir, type Dirent, lstatSync, opendirSync, renameSync, rmdirSync, unlinkSync } from 'node:fs'
import { isErrno } from './errno.js'
import { unlessGone } from './file.js'
import { randomName } from './self.js'
import { giveWay } from './turns.js'

/** Bytes. A directory below a longer path is moved up: the kernel takes no path of more than 4096, and a name has up to 255. */
const LONGEST = 2048
/** Each level holds a descriptor. */
const DEEPEST = 32

interface Level {
  readonly path: Buffer
  readonly depth: number
  /** What is removed: what is too deep goes there. */
  readonly top: Buffer
}

/**
 * Removes what a container that is gone has written on the host: of any size and depth, with names that are no text, and directories that it has closed to
 * its own user. Does not hold the event loop. Fine if it is gone, also if another process removes it at the same time. Nobody else may be able to write there.
 * @throws {SystemError}
 */
export async function removeWritten(path: string): Promise<void> {
  const top = Buffer.from(path)
  const status = unlessGone(() => lstatSync(top))
  if (status?.isDirectory()) await removeLevel({ path: top, depth: 0, top })
  else unlessGone(() => unlinkSync(top))
}

async function removeLevel(level: Level): Promise<void> {
  for (;;) {
    unlessGone(() => chmodSync(level.path, 0o700))
    await emptyLevel(level)
    if (isRemoved(level.path)) return
  }
}

/** False: something has been moved into it meanwhile, or has not been seen. */
function isRemoved(path: Buffer): boolean {
  try {
    unlessGone(() => rmdirSync(path))
    return true
  } catch (error) {
    if (isErrno(error, 'ENOTEMPTY', 'EEXIST')) return false
    throw error
  }
}

async function emptyLevel(level: Level): Promise<void> {
  const directory = unlessGone(() => opendirSync(level.path as unknown as string, { encoding: 'buffer' as 'utf8' }))
  if (directory === null) return
  try {
    for (let entry = next(directory); entry !== null; entry = next(directory)) {
      await giveWay()
      await removeEntry(level, entry)
    }
  } finally {
    directory.closeSync()
  }
}

const next = (directory: Dir): Dirent | null => unlessGone(() => directory.readSync())

async function removeEntry({ path, depth, top }: Level, entry: Dirent): Promise<void> {
  const inner = Buffer.concat([path, Buffer.from('/'), entry.name as unknown as Buffer])
  if (!entry.isDirectory()) unlessGone(() => unlinkSync(inner))
  else if (depth < DEEPEST && inner.length < LONGEST) await removeLevel({ path: inner, depth: depth + 1, top })
  else moveUp(inner, top)
}

/** To move a directory takes the right to write to it. */
function moveUp(path: Buffer, top: Buffer): void {
  unlessGone(() => chmodSync(path, 0o700))
  unlessGone(() => renameSync(path, Buffer.concat([top, Buffer.from(`/${randomName()}`)])))
}
