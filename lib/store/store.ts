/**
 * The state directory: `<root>/<id>/` with `state` (one JSON record a line, the last one counts), `config.cbor` (see stored-config.ts) and
 * `start`, the socket that the waiting init listens on. Making `<id>` is what reserves the id.
 */
import { ConfigError, StateError } from '../errors.js'
import { closeFd } from '../sys/beneath.js'
import { isErrno } from '../sys/errno.js'
import {
  appendLine,
  isDirectory,
  listDirectory,
  makeDirectories,
  makeDirectory,
  readTextIfThere,
  removeTree,
} from '../sys/file.js'
import { lockDirectory } from '../sys/lock.js'
import { monotonicMs, pause } from '../sys/self.js'
import { listenAt } from '../sys/socket.js'
import { type ContainerRecord, parseRecord } from './container-record.js'

/** How long an operation waits for another process that works on the same container. */
const LOCK_DEADLINE_MS = 10_000
const LOCK_FIRST_PAUSE_MS = 1
const LOCK_LONGEST_PAUSE_MS = 50

export interface Lock {
  release(): void
}

export interface Store {
  readonly root: string
  /** True if `read` only finds one certain container (bound-store.ts). */
  readonly isBound: boolean
  /** The directory of a container, whether it exists or not. */
  directory(id: string): string
  /** Reserves the id and locks it. @throws {StateError} ERR_STATE_EXISTS */
  reserve(id: string): Lock
  /** @throws {StateError} ERR_STATE_NOT_FOUND, or ERR_STATE_LOCKED after 10 s */
  lock(id: string): Promise<Lock>
  /** True while some process works on the container. */
  isLocked(id: string): boolean
  /** @throws {StateError} ERR_STATE_NOT_FOUND, ERR_STATE_CORRUPT */
  read(id: string): ContainerRecord
  write(record: ContainerRecord): void
  listenForStart(id: string): number
  startSocket(id: string): string
  /** The ids of all that is there, sorted. */
  ids(): string[]
  remove(id: string): void
}

/** Opens (and makes, when something is first written) the state directory at `root`, an absolute path other than "/". */
export function openStore(root: string): Store {
  if (!root.startsWith('/') || /^\/+$/.test(root)) throw badRoot(root)
  const directory = (id: string): string => `${root}/${id}`
  const file = (id: string, name: string): string => `${directory(id)}/${name}`
  return {
    root,
    isBound: false,
    directory,
    reserve: id => reserve({ root, id, path: directory(id) }),
    lock: id => waitForLock(id, directory(id)),
    isLocked: id => {
      const lock = lockDirectory(directory(id))
      if (typeof lock === 'number') closeFd(lock)
      return lock === 'busy'
    },
    read: id => {
      const text = readTextIfThere(file(id, 'state'))
      if (text !== null) return parseRecord(id, lastLine(text))
      throw isDirectory(directory(id)) ? unreadable(id) : notFound(id)
    },
    // Appended with one write: a reader sees the old last line or the new one, and no rename makes a disk work.
    write: record => appendLine(file(record.id, 'state'), JSON.stringify(record)),
    listenForStart: id => listenAt(file(id, 'start')),
    startSocket: id => file(id, 'start'),
    ids: () =>
      isDirectory(root)
        ? listDirectory(root)
            .filter(id => isDirectory(directory(id)) && !id.startsWith('.'))
            .sort()
        : [],
    remove: id => removeTree(directory(id)),
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
function lastLine(text: string): string {
  const end = text.lastIndexOf('\n')
  return end < 0 ? '' : text.slice(text.lastIndexOf('\n', end - 1) + 1, end)
}

export const notFound = (id: string): StateError =>
  new StateError('ERR_STATE_NOT_FOUND', `container "${id}" does not exist`, { id })

const unreadable = (id: string): StateError =>
  new StateError(
    'ERR_STATE_CORRUPT',
    `container "${id}" has no state: its create has just begun or was cut off, or the file was removed`,
    { id },
  )

function reserve({ root, id, path }: { root: string; id: string; path: string }): Lock {
  if (!makeIfNew(path, root)) {
    throw new StateError('ERR_STATE_EXISTS', `container with given ID already exists: ${id}`, { id })
  }
  const lock = lockReserved(path)
  // Between mkdir and flock nobody but a `delete --force` of this id can have come.
  if (typeof lock !== 'number') throw notFound(id)
  return { release: () => closeFd(lock) }
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
    removeTree(path)
    throw error
  }
}

async function waitForLock(id: string, path: string): Promise<Lock> {
  const deadline = monotonicMs() + LOCK_DEADLINE_MS
  for (let wait = LOCK_FIRST_PAUSE_MS; ; wait = Math.min(wait * 2, LOCK_LONGEST_PAUSE_MS)) {
    const lock = lockDirectory(path)
    if (typeof lock === 'number') return { release: () => closeFd(lock) }
    if (lock === 'gone') throw notFound(id)
    if (monotonicMs() > deadline) {
      throw new StateError('ERR_STATE_LOCKED', `another process has been working on container "${id}" for 10 s`, { id })
    }
    await pause(wait)
  }
}
