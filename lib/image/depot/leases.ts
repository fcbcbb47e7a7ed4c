/**
 * What is in use: a lease is a directory that its process holds locked, with the digests that it works with. A lease that is kept for
 * a container lasts as long as the container's own directory, whatever becomes of the process.
 */
import { isErrno } from '../../sys/errno.js'
import { isThere, listDirectory, readRegular, replaceFile } from '../../sys/file.js'
import { removeLater } from '../../sys/large-file.js'
import { closeDirectory } from '../../sys/own-directory.js'
import { randomName } from '../../sys/self.js'
import { removeLayer } from '../fill-once.js'
import type { Depot } from './depot.js'
import { holdDirectory, takeDirectory } from './directory-lock.js'

export interface Lease {
  /** A directory for files that go away with the lease. */
  readonly directory: string
  /** A directory in it, which has to be made, for files that a container may change. */
  readonly volumes: string
  /** From now on nobody removes what has these digests: blobs and unpacked layers. */
  claim(digests: readonly string[], signal?: AbortSignal): Promise<void>
  /** The lease goes on after its release for as long as there is something at `path`; what looks at leases next removes it then. */
  keepWhile(path: string): void
  release(): Promise<void>
}

interface LeaseNote {
  readonly digests: readonly string[]
  /** null: as long as its process. */
  readonly while: string | null
}

const NOTE = 'note.json'
const LARGEST_NOTE = 1024 * 1024

export async function openLease(depot: Depot, signal?: AbortSignal): Promise<Lease> {
  const directory = depot.own('leases', randomName())
  // Nobody looks at leases meanwhile: one that is not locked yet would be taken for a dead one.
  const lock = await depot.exclusively(() => holdDirectory(directory), signal)
  let note: LeaseNote = { digests: [], while: null }
  const write = (change: Partial<LeaseNote>): void => {
    note = { ...note, ...change }
    replaceFile(`${directory}/${NOTE}`, JSON.stringify(note))
  }
  return {
    directory,
    volumes: volumesIn(directory),
    claim: (digests, claiming) =>
      depot.exclusively(async () => write({ digests: [...new Set([...note.digests, ...digests])] }), claiming),
    keepWhile: path => write({ while: path }),
    release: async () => {
      if (note.while === null || !isThere(note.while)) await removeLease(directory)
      lock.release()
    },
  }
}

const volumesIn = (directory: string): string => `${directory}/volumes`

/** What a container has written may have any owner of its, and any depth. */
async function removeLease(directory: string): Promise<void> {
  await removeLayer(volumesIn(directory))
  await removeLater(directory)
}

/** Runs `act` with a lease of its own. */
export async function withLease<T>(
  depot: Depot,
  signal: AbortSignal | undefined,
  act: (lease: Lease) => Promise<T>,
): Promise<T> {
  const lease = await openLease(depot, signal)
  try {
    return await act(lease)
  } finally {
    await lease.release()
  }
}

export interface Claims {
  readonly all: ReadonlySet<string>
  /** Those that a container has, which are not given up by waiting. */
  readonly ofContainers: ReadonlySet<string>
}

/** The digests that are in use; leases of the dead are removed on the way. Needs the depot for itself. */
export async function claimedDigests(depot: Depot): Promise<Claims> {
  const notes = await Promise.all(namesIn(depot.own('leases')).map(name => lookAt(depot.own('leases', name))))
  const alive = notes.filter(note => note !== null)
  const ofContainers = alive.filter(note => note.while !== null && isThere(note.while))
  const all = (some: readonly LeaseNote[]): ReadonlySet<string> => new Set(some.flatMap(({ digests }) => digests))
  return { all: all(alive), ofContainers: all(ofContainers) }
}

/** What a lease says; null: it is one of the dead, and has been removed. */
async function lookAt(directory: string): Promise<LeaseNote | null> {
  const fd = takeDirectory(directory)
  if (fd === 'gone') return null
  const note = readNote(directory) ?? { digests: [], while: null }
  if (fd === 'busy') return note
  try {
    if (note.while !== null && isThere(note.while)) return note
    await removeLease(directory)
    return null
  } finally {
    closeDirectory(fd)
  }
}

function readNote(directory: string): LeaseNote | null {
  try {
    const content = readRegular(`${directory}/${NOTE}`, LARGEST_NOTE)
    return typeof content === 'string' ? null : (JSON.parse(Buffer.from(content).toString('utf8')) as LeaseNote)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null
    throw error
  }
}

/** None if the directory is not there. */
export function namesIn(path: string): readonly string[] {
  try {
    return listDirectory(path)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return []
    throw error
  }
}
