/** Where sandboxes are on the host: a directory of this user's own, with one for each. */
import { HostError } from '../errors.js'
import { isErrno } from '../sys/errno.js'
import { isDirectory, isThere, listDirectory, makeDirectories, makeDirectory, writeNewFile } from '../sys/file.js'
import { renamePath } from '../sys/large-file.js'
import { lockDirectory } from '../sys/lock.js'
import { closeDirectory, openOwnDirectory } from '../sys/own-directory.js'
import { changeOwner } from '../sys/path-access.js'
import { effectiveUid, environment, randomName } from '../sys/self.js'
import { removeWritten } from '../sys/written-tree.js'

/** @throws {HostError} ERR_HOST_PRIVILEGE if it is not this user's own */
export function sandboxDirectory(): string {
  const uid = effectiveUid()
  const { XDG_RUNTIME_DIR: runtime = '' } = environment()
  const path =
    uid === 0
      ? '/run/tsrun-sandbox'
      : runtime.startsWith('/')
        ? `${runtime}/tsrun-sandbox`
        : `/tmp/tsrun-sandbox-${uid}`
  makeDirectories(path, 0o700)
  const found = openOwnDirectory(path)
  if (typeof found !== 'number') throw notOwn(path, found === null ? 'is not there' : found.because)
  closeDirectory(found)
  return path
}

const notOwn = (path: string, because: string): HostError =>
  new HostError('ERR_HOST_PRIVILEGE', {
    needs: 'a directory of this user for sandboxes',
    found: `${path}, which ${because}`,
    remedy: 'set XDG_RUNTIME_DIR to a directory of your own, or remove it',
  })

export interface Box {
  /** Of the container that it is for, too. */
  readonly id: string
  readonly path: string
  /** The lowest layer of a root that has the host's programs. Others have it too. */
  base(): Promise<string>
  /** A directory for what is written to a mount, and one that the overlay needs. */
  overlay(index: number): { upper: string; work: string }
  /** With all that has been written there; the container is gone. */
  remove(): Promise<void>
  /** Once there is the container, or nothing is to be: until then no process takes the box for one that was left behind. */
  unlock(): void
}

interface Resident {
  readonly user: { readonly uid: number; readonly gid: number }
  /** Who that is on the host; null: this process. */
  readonly owner: { readonly uid: number; readonly gid: number } | null
}

export function makeBox(place: string, resident: Resident): Box {
  const { id, path, lock } = claimDirectory(`${place}/boxes`)
  const make = (name: string): string => {
    const made = `${path}/${name}`
    makeDirectory(made, 0o755)
    own(made, resident)
    return made
  }
  return {
    ...{ id, path },
    base: () => sharedBase(place, path, resident),
    overlay: index => {
      make(`mount${index}`)
      return { upper: make(`mount${index}/upper`), work: make(`mount${index}/work`) }
    },
    remove: () => removeWritten(path),
    unlock: () => closeDirectory(lock),
  }
}

function own(path: string, { owner }: Resident): void {
  if (owner !== null) changeOwner(path, owner)
}

/** Whoever prunes may lock a directory, and remove it, before the one who has made it locks it: then it is another one. */
function claimDirectory(boxes: string): { id: string; path: string; lock: number } {
  makeDirectories(boxes, 0o700)
  for (;;) {
    const id = randomName()
    const path = `${boxes}/${id}`
    makeDirectory(path, 0o755)
    const lock = lockDirectory(path)
    if (typeof lock === 'number') return { id, path, lock }
    if (typeof lock === 'object') throw notOwn(path, lock.because)
  }
}

const DIRECTORIES = ['', '/etc', '/home', '/home/sandbox']

/**
 * One for each user that sandboxes have: nobody writes there. It is made in the box, and moved when it is whole. In /tmp somebody may clean up what is old:
 * then another one takes its place.
 */
async function sharedBase(place: string, box: string, resident: Resident): Promise<string> {
  const { uid, gid } = resident.user
  const base = `${place}/bases/${uid}.${gid}`
  const files = accounts(resident.user)
  if (isWhole(base, files)) return base
  makeDirectories(`${place}/bases`, 0o700)
  const made = `${box}/base`
  for (const name of DIRECTORIES) makeDirectory(`${made}${name}`, 0o755)
  for (const [name, text] of files) writeNewFile(`${made}${name}`, text, 0o644)
  for (const name of [...DIRECTORIES, ...files.map(([file]) => file)]) own(`${made}${name}`, resident)
  while (!(await takes(made, base)) && !isWhole(base, files)) await takes(base, `${box}/old-${randomName()}`)
  return base
}

const isWhole = (base: string, files: Accounts): boolean =>
  isThere(`${base}/home/sandbox`) && files.every(([name]) => isThere(`${base}${name}`))

/** False: there is another one at that path, or nothing to be moved. */
async function takes(made: string, path: string): Promise<boolean> {
  try {
    await renamePath(made, path)
    return true
  } catch (error) {
    if (isErrno(error, 'ENOTEMPTY', 'EEXIST', 'ENOENT')) return false
    throw error
  }
}

type Accounts = readonly (readonly [name: string, text: string])[]

const accounts = ({ uid, gid }: Resident['user']): Accounts => [
  [
    '/etc/passwd',
    `sandbox:x:${uid}:${gid}:sandbox:/home/sandbox:/bin/sh\n${uid === 0 ? '' : 'root:x:0:0:root:/root:/bin/sh\n'}`,
  ],
  ['/etc/group', `sandbox:x:${gid}:\n${gid === 0 ? '' : 'root:x:0:\n'}`],
  ['/etc/hosts', '127.0.0.1 localhost sandbox\n::1 localhost\n'],
]

interface Sweep {
  readonly isLiving: (id: string) => Promise<boolean>
  /** What is to be done with the directory of one that is none any more. If that throws it stays. */
  readonly before: (path: string) => Promise<void>
}

/**
 * Removes the directories of sandboxes that are none any more. One that is being made is locked, in whatever process. One that can't be removed does not keep
 * the others; its error is thrown at the end.
 */
export async function removeOthers(place: string, { isLiving, before }: Sweep): Promise<void> {
  const boxes = `${place}/boxes`
  if (!isDirectory(boxes)) return
  const failures: unknown[] = []
  for (const id of listDirectory(boxes))
    await removeLeftBehind(`${boxes}/${id}`, {
      isLiving: () => isLiving(id),
      before,
    }).catch((error: unknown) => failures.push(error))
  if (failures.length > 0) throw failures[0]
}

interface SweepOfOne extends Pick<Sweep, 'before'> {
  readonly isLiving: () => Promise<boolean>
}

async function removeLeftBehind(path: string, { isLiving, before }: SweepOfOne): Promise<void> {
  const lock = lockDirectory(path)
  if (typeof lock === 'string') return
  try {
    // Asked with the lock held: it may have come to life since the names were read.
    if (await isLiving()) return
    await before(path)
    await removeWritten(path)
  } finally {
    if (typeof lock === 'number') closeDirectory(lock)
  }
}
