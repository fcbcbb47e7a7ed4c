/**
 * The state directory: `<root>/<id>/` with `state` (one JSON record a line, the last one counts), `config.cbor` (see stored-config.ts),
 * `start`, the socket that the waiting init listens on, and `hook` (see hook-note.ts). Making `<id>` is what reserves the id. All of it
 * is reached through a descriptor of `<id>` that is no link and belongs to this user or to root (docs/state-directory.md).
 */
import { ConfigError, StateError } from '../errors.js'
import { isErrno, named } from '../sys/errno.js'
import {
  emptyDirectory,
  isDirectory,
  isThere,
  listDirectoriesAndLinks,
  makeDirectories,
  makeDirectory,
  removeDirectory,
} from '../sys/file.js'
import { lockDirectory } from '../sys/lock.js'
import {
  appendOwn,
  closeDirectory,
  isLink,
  openOwnDirectory,
  pathIn,
  readOwn,
  type Unfit,
} from '../sys/own-directory.js'
import { removeIfThere } from '../sys/own-file.js'
import { monotonicMs, sleep } from '../sys/self.js'
import { listenAt } from '../sys/socket.js'
import { type ContainerRecord, parseObject, parseRecord, recordText } from './container-record.js'
import { type Lock, openLocks } from './held-locks.js'

export type { Lock }

/** How long an operation waits for another process that works on the same container. */
const LOCK_DEADLINE_MS = 10_000
const LOCK_FIRST_PAUSE_MS = 1
const LOCK_LONGEST_PAUSE_MS = 50
/** Far above what create can write, and read at once. */
const LONGEST_STATE = 64 * 1024 * 1024
const LINE_FEED = 0x0a
/** What is in a directory of ours. */
const FILES = ['state', 'config.cbor', 'start']
/** What is there while a hook runs, and of one that was killed. */
const HOOK = 'hook'

export interface LockOptions {
  /** Called, and waited for, each time that somebody else has the lock, with the milliseconds since the first attempt. Default: nothing is done. */
  readonly whenBusy?: (elapsed: number) => Promise<void>
}

export interface Store {
  readonly root: string
  /** True if `read` only finds one certain container (bound-store.ts). */
  readonly isBound: boolean
  /** The directory of a container, whether it exists or not. */
  directory(id: string): string
  /** Reserves the id and locks it, and holds what undoing will take (`freeSpare`). @throws {StateError} ERR_STATE_EXISTS */
  reserve(id: string): Lock
  /** Lets go of the descriptors that `reserve` holds, so that what was made can be removed by a process that has no others left. */
  freeSpare(id: string): void
  /** @throws {StateError} ERR_STATE_NOT_FOUND, ERR_STATE_CORRUPT for what is no directory of ours, or ERR_STATE_LOCKED after 10 s */
  lock(id: string, options?: LockOptions): Promise<Lock>
  /** True while some process works on the container. */
  isLocked(id: string): boolean
  /**
   * `known`: what was read or written here before; it is returned if the file has the same record.
   * @throws {StateError} ERR_STATE_NOT_FOUND, ERR_STATE_CORRUPT, ERR_STATE_VERSION
   */
  read(id: string, known?: ContainerRecord): ContainerRecord
  /** All lines of the record that are objects, the last one first: what is left of one that `read` refuses. */
  fragments(id: string): Record<string, unknown>[]
  /** Needs the lock. */
  write(record: ContainerRecord): void
  /** null: there is no such file. @throws {StateError} ERR_STATE_NOT_FOUND, ERR_STATE_CORRUPT for what is no directory of ours */
  readFile(id: string, file: { readonly name: string; readonly limit: number }): Buffer | null | Unfit
  /** Calls `write` with the path of a file, good while this store has the container locked. An error has the file's own name. */
  writeFile(id: string, name: string, write: (path: string) => void): void
  listenForStart(id: string): number
  startSocket(id: string): string
  /** The ids of all that is there, sorted. */
  ids(): string[]
  /** Needs the lock; takes no descriptor unless there is something in it that is not ours. */
  remove(id: string): void
  /** Removes a link in place of the directory. False: it is none. */
  removeLink(id: string): boolean
}

/** Opens (and makes, when something is first written) the state directory at `root`, an absolute path other than "/". */
export function openStore(root: string): Store {
  if (!root.startsWith('/') || /^\/+$/.test(root)) throw badRoot(root)
  const directory = (id: string): string => `${root}/${id}`
  const file = (id: string, name: string): string => `${directory(id)}/${name}`
  const { hold, holdNew, heldFd, heldFdIfThere, freeSpare } = openLocks()
  const within = <T>(id: string, use: (fd: number) => T): T => {
    const fd = heldFdIfThere(id)
    return fd === null ? withDirectory(id, directory(id), use) : use(fd)
  }
  return {
    root,
    isBound: false,
    directory,
    reserve: id => holdNew(id, () => reserve({ root, id, path: directory(id) })),
    freeSpare,
    lock: async (id, options = {}) => hold(id, await waitForLock(id, directory(id), options)),
    isLocked: id => {
      const lock = lockDirectory(directory(id))
      if (typeof lock === 'number') closeDirectory(lock)
      return lock === 'busy'
    },
    read: (id, known) => within(id, fd => readRecord({ id, fd, path: directory(id), known })),
    fragments: id => within(id, fragmentsIn),
    // Appended with one write: a reader sees the old last line or the new one, and no rename makes a disk work.
    write: record => {
      const line = recordText(record)
      named(file(record.id, 'state'), () => appendOwn(heldFd(record.id), 'state', line))
      lines.set(record, line)
    },
    readFile: (id, { name, limit }) => within(id, fd => readOwn(fd, name, limit)),
    writeFile: (id, name, write) => named(file(id, name), () => write(pathIn(heldFd(id), name))),
    listenForStart: id => listenAt(file(id, 'start')),
    startSocket: id => file(id, 'start'),
    ids: () =>
      isDirectory(root)
        ? listDirectoriesAndLinks(root)
            .filter(id => !id.startsWith('.'))
            .sort()
        : [],
    remove: id => removeLocked(directory(id), heldFd(id)),
    removeLink: id => {
      const found = isLink(directory(id))
      if (found) removeIfThere(directory(id))
      return found
    },
  }
}

/** @throws {StateError} ERR_STATE_NOT_FOUND, ERR_STATE_CORRUPT */
function withDirectory<T>(id: string, path: string, use: (fd: number) => T): T {
  const fd = openOwnDirectory(path)
  if (fd === null) throw notFound(id)
  if (typeof fd !== 'number') throw unreadable({ id, path, because: fd.because })
  try {
    return use(fd)
  } finally {
    closeDirectory(fd)
  }
}

/**
 * What was read or written. Times and numbers of files do not tell that a file is another one: some file systems count whole seconds, and
 * give the number of a file that was removed to the next one.
 */
const lines = new WeakMap<ContainerRecord, string>()

interface RecordFile {
  readonly id: string
  readonly fd: number
  readonly path: string
  readonly known: ContainerRecord | undefined
}

function readRecord({ id, fd, path, known }: RecordFile): ContainerRecord {
  const content = readOwn(fd, 'state', LONGEST_STATE)
  if (content === null) throw withoutState(id)
  if ('because' in content) throw unreadable({ id, path: `${path}/state`, because: content.because })
  const line = lastLine(content)
  if (known !== undefined && lines.get(known) === line) return known
  const record = parseRecord(id, line)
  lines.set(record, line)
  return record
}

function fragmentsIn(fd: number): Record<string, unknown>[] {
  const content = readOwn(fd, 'state', LONGEST_STATE)
  if (content === null || 'because' in content) return []
  const lines = content.toString('utf8').split('\n').map(parseObject)
  return lines.filter(line => line !== null).reverse()
}

function removeLocked(directory: string, fd: number): void {
  for (const name of FILES) unlessDirectory(() => removeIfThere(pathIn(fd, name)))
  // Asked beforehand: most have none, and an error costs more than all of this.
  if (isThere(pathIn(fd, HOOK))) unlessDirectory(() => removeIfThere(pathIn(fd, HOOK)))
  try {
    removeDirectory(directory)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return
    if (!isErrno(error, 'ENOTEMPTY', 'EEXIST')) throw error
    emptyDirectory(pathIn(fd, ''))
    removeDirectory(directory)
  }
}

/** A directory in place of a file goes with all that is not ours. */
function unlessDirectory(act: () => void): void {
  try {
    act()
  } catch (error) {
    if (!isErrno(error, 'EISDIR', 'EPERM')) throw error
  }
}

function badRoot(root: string): ConfigError {
  return new ConfigError('ERR_CONFIG_INVALID', [
    {
      path: '',
      rule: 'tsrun#root',
      expected: 'an absolute path other than "/"',
      received: JSON.stringify(root),
      message: `the state directory must be an absolute path other than "/", received ${JSON.stringify(root)}`,
    },
  ])
}

/** The last whole line: one that a crash cut off does not count. */
function lastLine(content: Buffer): string {
  const end = content.lastIndexOf(LINE_FEED)
  return end < 0 ? '' : content.toString('utf8', content.lastIndexOf(LINE_FEED, end - 1) + 1, end)
}

const notFound = (id: string): StateError =>
  new StateError('ERR_STATE_NOT_FOUND', `container "${id}" does not exist`, { id })

const withoutState = (id: string): StateError =>
  new StateError(
    'ERR_STATE_CORRUPT',
    `container "${id}" has no state: its create has just begun or was cut off, or the file was removed`,
    { id },
  )

function unreadable({ id, path, because }: { id: string; path: string; because: string }): StateError {
  const message = `the state of container "${id}" can not be read: ${path} ${because}`
  return new StateError('ERR_STATE_CORRUPT', message, { id })
}

function reserve({ root, id, path }: { root: string; id: string; path: string }): number {
  if (!makeIfNew(path, root)) {
    throw new StateError('ERR_STATE_EXISTS', `container with given ID already exists: ${id}`, { id })
  }
  const lock = lockReserved(path)
  if (typeof lock === 'number') return lock
  if (typeof lock === 'object') throw unreadable({ id, path, because: lock.because })
  // Between mkdir and flock nobody but a `delete --force` of this id can have come.
  throw notFound(id)
}

/** False: it is there already. The state directory itself is made if it is missing. */
function makeIfNew(path: string, root: string): boolean {
  try {
    makeDirectory(path, 0o700)
    return true
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false
    if (!isErrno(error, 'ENOENT')) throw error
  }
  makeDirectories(root, 0o700)
  return makeIfNew(path, root)
}

/** Where it can't be locked (no native library, no descriptor left) it was not reserved. */
function lockReserved(path: string): ReturnType<typeof lockDirectory> {
  try {
    return lockDirectory(path)
  } catch (error) {
    removeDirectory(path)
    throw error
  }
}

async function waitForLock(id: string, path: string, { whenBusy = async () => {} }: LockOptions): Promise<number> {
  const started = monotonicMs()
  for (let wait = LOCK_FIRST_PAUSE_MS; ; wait = Math.min(wait * 2, LOCK_LONGEST_PAUSE_MS)) {
    const lock = lockDirectory(path)
    if (typeof lock === 'number') return lock
    if (lock === 'gone') throw notFound(id)
    if (typeof lock === 'object') throw unreadable({ id, path, because: lock.because })
    const elapsed = monotonicMs() - started
    if (elapsed > LOCK_DEADLINE_MS) {
      throw new StateError('ERR_STATE_LOCKED', `another process has been working on container "${id}" for 10 s`, { id })
    }
    await whenBusy(elapsed)
    await sleep(wait)
  }
}
