/** What a container has written, removed: of any size and depth, with names that are no text, and also while it goes on writing. */
import {
  chmodSync,
  closeSync,
  constants,
  type Dir,
  type Dirent,
  lstatSync,
  opendirSync,
  openSync,
  renameSync,
  rmdirSync,
  unlinkSync,
} from 'node:fs'
import { SystemError } from '../errors.js'
import { isErrno, viaNode } from './errno.js'
import { unlessGone } from './file.js'
import { randomName } from './self.js'
import { giveWay } from './turns.js'

const O_PATH = 0o10000000
const DIRECTORY = O_PATH | constants.O_DIRECTORY

/** Each level holds two descriptors: a directory that is deeper is moved up. */
const DEEPEST = 32
/** What is of a lower layer of an overlay can't be moved. Layers have no more levels than this, unless somebody has asked for it. */
const LAST = 256
/** So often a directory in which something has appeared meanwhile is emptied. */
const ROUNDS = 5

interface Tree {
  /** A descriptor of what is removed: what is too deep goes there. */
  readonly top: number
  hasMoved: boolean
  readonly signal: AbortSignal | undefined
}

/**
 * Removes what a container that is gone has written on the host, also directories that it has closed to its own user. Does not hold the event loop. Fine
 * if it is gone, also if another process removes it at the same time.
 * @throws {SystemError}
 */
export async function removeWritten(path: string): Promise<void> {
  const slash = path.lastIndexOf('/')
  const directory = unlessGone(() => openSync(path.slice(0, slash + 1), DIRECTORY))
  if (directory === null) return
  try {
    await removeEntry({ directory, name: Buffer.from(path.slice(slash + 1)) })
  } finally {
    closeSync(directory)
  }
}

interface Entry {
  /** A descriptor, which stays the caller's. */
  readonly directory: number
  readonly name: Buffer
  readonly signal?: AbortSignal | undefined
}

/**
 * The same for an entry of a directory whose container may be at work: no path is resolved but names in open directories, and no link is followed.
 * @throws {SystemError} ENOTEMPTY if something always appears in it; the reason of `signal`
 */
export async function removeEntry({ directory, name, signal }: Entry): Promise<void> {
  const path = pathIn(directory, name)
  if (unlessGone(() => lstatSync(path))?.isDirectory() !== true) {
    unlessGone(() => unlinkSync(path))
    return
  }
  const top = unlessGone(() => openSync(path, DIRECTORY | constants.O_NOFOLLOW))
  if (top === null) return
  try {
    await removeTop(path, { top, hasMoved: false, signal })
  } finally {
    closeSync(top)
  }
}

interface Level {
  /** Through the descriptor of the directory that it is in. */
  readonly path: Buffer
  readonly fd: number
  readonly depth: number
  readonly tree: Tree
}

const pathIn = (directory: number, name: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from(`/proc/self/fd/${directory}/`), name])

/** As long as there is more that was too deep. */
async function removeTop(path: Buffer, tree: Tree): Promise<void> {
  for (;;) {
    tree.hasMoved = false
    try {
      await removeLevel({ path, fd: tree.top, depth: 0, tree })
      return
    } catch (error) {
      if (!tree.hasMoved || !isErrno(error, ...NOT_EMPTY)) throw error
    }
  }
}

const NOT_EMPTY = ['ENOTEMPTY', 'EEXIST'] as const

async function removeLevel(level: Level): Promise<void> {
  let isOpened = false
  for (let round = 1; ; round++) {
    try {
      await emptyLevel(level)
      unlessGone(() => rmdirSync(level.path))
      return
    } catch (error) {
      if (isErrno(error, 'EACCES') && !isOpened) {
        isOpened = true
        open(level.fd)
      } else if (!isErrno(error, ...NOT_EMPTY) || round >= ROUNDS) {
        throw error
      }
    }
  }
}

/** For its owner, who has closed it. By its descriptor: at the name there may be a link by now. */
const open = (fd: number): void => viaNode(() => chmodSync(`/proc/self/fd/${fd}`, 0o700))

async function emptyLevel(level: Level): Promise<void> {
  const directory = viaNode(() => opendirSync(`/proc/self/fd/${level.fd}`, { encoding: 'buffer' as 'utf8' }))
  try {
    for (let entry = next(directory); entry !== null; entry = next(directory)) {
      await giveWay()
      level.tree.signal?.throwIfAborted()
      await removeInside(level, entry)
    }
  } finally {
    directory.closeSync()
  }
}

const next = (directory: Dir): Dirent | null => unlessGone(() => directory.readSync())

async function removeInside(level: Level, entry: Dirent): Promise<void> {
  const path = pathIn(level.fd, entry.name as unknown as Buffer)
  try {
    if (!entry.isDirectory()) unlessGone(() => unlinkSync(path))
    else await removeDirectory(level, path)
  } catch (error) {
    // It is of another kind by now: the next round sees that. (ELOOP: a link.)
    if (!isErrno(error, 'EISDIR', 'ENOTDIR', 'ELOOP')) throw error
  }
}

async function removeDirectory({ depth, tree }: Level, path: Buffer): Promise<void> {
  const fd = unlessGone(() => openSync(path, DIRECTORY | constants.O_NOFOLLOW))
  if (fd === null) return
  try {
    if (depth >= DEEPEST && movedUp(path, fd, tree)) return
    if (depth >= LAST) throw new SystemError({ syscall: 'unlinkat', errno: 'ENAMETOOLONG' }, { hint: `${LAST} levels` })
    await removeLevel({ path, fd, depth: depth + 1, tree })
  } finally {
    closeSync(fd)
  }
}

/** False: the file system does not let it be moved. */
function movedUp(path: Buffer, fd: number, tree: Tree): boolean {
  const move = (): void => {
    unlessGone(() => renameSync(path, pathIn(tree.top, Buffer.from(randomName()))))
    tree.hasMoved = true
  }
  try {
    move()
  } catch (error) {
    if (isErrno(error, 'EXDEV')) return false
    if (!isErrno(error, 'EACCES')) throw error
    // To move a directory takes the right to write to it.
    open(fd)
    move()
  }
  return true
}
