/** The directory that takes what is written to a layered root: one container at a time, or the kernel promises nothing. */

import { optionError } from '../config/option.js'
import { type ConfigError, StateError } from '../errors.js'
import type { ContainerRecord } from '../store/container-record.js'
import { parseObject } from '../store/container-record.js'
import { isErrno } from '../sys/errno.js'
import { makeDirectories, readLink, replaceFile } from '../sys/file.js'
import { lockDirectory } from '../sys/lock.js'
import { closeDirectory, pathIn, readOwn } from '../sys/own-directory.js'
import { processStat } from '../sys/processes.js'

/** Who uses it, in a file of that name in it. */
const USER_FILE = 'container'
const LONGEST = 4096

export interface UpperClaim {
  /** The container has a process by now, and has the directory as long as that lives. */
  settle(record: ContainerRecord): void
  /** Lets go of the lock that stands for a container without a process. */
  release(): void
}

/**
 * Makes the directory if it is missing, and takes it for a new container.
 * @throws {StateError} ERR_STATE_LOCKED if another container has it, {ConfigError} for what is no directory of this user
 */
export function claimUpper(directory: string, id: string): UpperClaim {
  make(directory)
  const lock = lockDirectory(directory)
  if (lock === 'busy') throw inUse(directory, id, 'a container that is being created')
  if (lock === 'gone') throw unfit(directory, 'is gone')
  if (typeof lock === 'object') throw unfit(directory, lock.because)
  const user = userOf(lock)
  if (user !== null) {
    closeDirectory(lock)
    throw inUse(directory, id, user)
  }
  return {
    settle: ({ pid, startTime }) => {
      const note = { version: 1, id, pid, startTime, pidNamespace: readLink('/proc/self/ns/pid') }
      replaceFile(pathIn(lock, USER_FILE), JSON.stringify(note))
    },
    release: () => closeDirectory(lock),
  }
}

function make(directory: string): void {
  try {
    makeDirectories(directory, 0o700)
  } catch (error) {
    if (!isErrno(error)) throw error
    throw unfit(directory, `can't be made (${error.errno})`)
  }
}

/** The container that has it, in words; null: nobody. */
function userOf(directory: number): string | null {
  const content = readOwn(directory, USER_FILE, LONGEST)
  if (content === null) return null
  const note = 'because' in content ? null : parseObject(content.toString('utf8'))
  if (note === null || typeof note.pid !== 'number' || typeof note.startTime !== 'string') return null
  const { id, pid, startTime, pidNamespace } = note
  // The pid of another namespace says nothing here.
  if (pidNamespace !== readLink('/proc/self/ns/pid')) return `container "${id}" of another pid namespace`
  const found = processStat(pid)
  return found !== null && !found.zombie && found.startTime === startTime ? `container "${id}"` : null
}

function inUse(directory: string, id: string, user: string): StateError {
  const message = `rootfs.upper.dir: ${directory} is in use by ${user}: each container needs one of its own`
  return new StateError('ERR_STATE_LOCKED', message, { id })
}

function unfit(directory: string, because: string): ConfigError {
  return optionError({
    option: 'rootfs.upper.dir',
    expected: 'a directory of this user, or one that can be made',
    received: `${directory}, which ${because}`,
  })
}
