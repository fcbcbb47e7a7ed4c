/** Where sandboxes are on the host: a directory of this user's own, with one for each. */
import { HostError } from '../errors.js'
import { isErrno } from '../sys/errno.js'
import {
  isDirectory,
  listDirectory,
  makeDirectories,
  makeDirectory,
  removeDirectory,
  writeNewFile,
} from '../sys/file.js'
import { closeDirectory, openOwnDirectory } from '../sys/own-directory.js'
import { effectiveUid, environment } from '../sys/self.js'
import { changeOwner, removeWritten } from '../sys/written-tree.js'

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
  if (typeof found !== 'number') {
    const because = found === null ? 'is not there' : found.because
    throw new HostError('ERR_HOST_PRIVILEGE', {
      needs: 'a directory of this user for sandboxes',
      found: `${path}, which ${because}`,
      remedy: 'set XDG_RUNTIME_DIR to a directory of your own, or remove it',
    })
  }
  closeDirectory(found)
  return path
}

export interface Box {
  readonly path: string
  /** A directory for what is written to a mount, and one that the overlay needs. */
  overlay(index: number): { upper: string; work: string }
  remove(): void
}

interface Resident {
  readonly id: string
  readonly user: { readonly uid: number; readonly gid: number }
  /** Who that is on the host; null: this process. */
  readonly owner: { readonly uid: number; readonly gid: number } | null
}

/** With `base`, the lowest layer of a root that has the host's programs. */
export function makeBox(place: string, { id, user, owner }: Resident): Box {
  const path = `${place}/boxes/${id}`
  makeDirectories(`${place}/boxes`, 0o700)
  makeDirectory(path, 0o755)
  const own = (made: string): void => {
    if (owner !== null) changeOwner(made, owner)
  }
  const make = (name: string): string => {
    const made = `${path}/${name}`
    makeDirectory(made, 0o755)
    own(made)
    return made
  }
  for (const name of ['base', 'base/etc', 'base/home', 'base/home/sandbox']) make(name)
  for (const [name, text] of accounts(user)) {
    writeNewFile(`${path}/base/etc/${name}`, text, 0o644)
    own(`${path}/base/etc/${name}`)
  }
  return {
    path,
    overlay: index => {
      make(`mount${index}`)
      return { upper: make(`mount${index}/upper`), work: make(`mount${index}/work`) }
    },
    remove: () => removeWritten(path),
  }
}

const accounts = ({ uid, gid }: Resident['user']): readonly (readonly [name: string, text: string])[] => [
  [
    'passwd',
    `sandbox:x:${uid}:${gid}:sandbox:/home/sandbox:/bin/sh\n${uid === 0 ? '' : 'root:x:0:0:root:/root:/bin/sh\n'}`,
  ],
  ['group', `sandbox:x:${gid}:\n${gid === 0 ? '' : 'root:x:0:\n'}`],
  ['hosts', '127.0.0.1 localhost sandbox\n::1 localhost\n'],
]

/** Removes the directories of sandboxes that are none any more. */
export function removeOthers(place: string, living: readonly string[]): void {
  const boxes = `${place}/boxes`
  if (!isDirectory(boxes)) return
  for (const id of listDirectory(boxes)) if (!living.includes(id)) removeQuietly(`${boxes}/${id}`)
}

/** Another process may do the same at the same time. */
function removeQuietly(path: string): void {
  try {
    removeWritten(path)
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTEMPTY')) throw error
    removeDirectory(path)
  }
}
