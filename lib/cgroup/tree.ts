/** Directories and files of a cgroup, always below the root of its hierarchy and never through a link. */
import { HostError } from '../errors.js'
import {
  closeFd,
  isThereBeneath,
  mkdirBeneath,
  openBeneath,
  openDirectory,
  readBeneath,
  rmdirBeneath,
  writeBeneath,
  writeLinesBeneath,
} from '../sys/beneath.js'
import { isErrno } from '../sys/errno.js'
import { fileSystemMagic } from '../sys/file.js'
import { runWriteJob } from '../sys/job.js'
import type { Place } from './place.js'

const MAGIC = { 1: 0x27e0eb, 2: 0x63677270 } as const

/** The roots of the hierarchies, opened once per process. */
const roots = new Map<string, number>()

/** @throws {HostError} ERR_HOST_CGROUP if no cgroup file system of the right version is mounted there (any more) */
export function rootOf({ mountpoint, version }: Place): number {
  const known = roots.get(mountpoint)
  if (known !== undefined) return known
  const root = openDirectory(mountpoint)
  const magic = fileSystemMagic(root)
  if (magic !== MAGIC[version]) {
    closeFd(root)
    throw new HostError('ERR_HOST_CGROUP', {
      needs: `cgroup v${version} mounted on ${mountpoint}`,
      found: `a file system with the magic number 0x${magic.toString(16)}`,
      remedy: 'mount it again where it was when the container was created',
    })
  }
  roots.set(mountpoint, root)
  return root
}

/** To be opened anew when next needed: the hierarchy may have been mounted again since. */
function forgetRoot({ mountpoint }: Place): void {
  const root = roots.get(mountpoint)
  roots.delete(mountpoint)
  if (root !== undefined) closeFd(root)
}

/** The path for people and for the kernel's mount calls. */
export const hostPath = ({ mountpoint, path }: Place): string => `${mountpoint}/${path}`

/** The same place, some levels up; level 0 is the place itself. */
export function ancestor(place: Place, levels: number): Place {
  const parts = place.path.split('/')
  return { ...place, path: parts.slice(0, parts.length - levels).join('/') }
}

export const depthOf = ({ path }: Place): number => path.split('/').length

const inside = ({ path }: Place, file: string): string => (path === '' ? file : `${path}/${file}`)

export const readFile = (place: Place, file: string): string => readBeneath(rootOf(place), inside(place, file))

export const writeFile = (place: Place, file: string, value: string): void =>
  writeBeneath(rootOf(place), inside(place, file), value)

/** The same on a thread of its own, for what the kernel may let wait for. */
export async function writeFileLater(place: Place, file: string, value: string): Promise<void> {
  const path = inside(place, file)
  const fd = openBeneath(rootOf(place), path, 'write')
  try {
    await runWriteJob(fd, value, path)
  } finally {
    closeFd(fd)
  }
}

/** Each line with one write; returns the first one that was refused. */
export const writeLines = (place: Place, file: string, lines: readonly string[]) =>
  writeLinesBeneath(rootOf(place), inside(place, file), lines)

/** True for the errors of a cgroup, or a file of it, that is not there (any more). */
export const isGone = (error: unknown): boolean => isErrno(error, 'ENOENT', 'ENODEV')

/** null: there is no such file. */
export function readFileIfThere(place: Place, file: string): string | null {
  try {
    return readFile(place, file)
  } catch (error) {
    if (isGone(error)) return null
    throw error
  }
}

/** False: there is no such file. */
export function writeFileIfThere(place: Place, file: string, value: string): boolean {
  try {
    writeFile(place, file, value)
    return true
  } catch (error) {
    if (isGone(error)) return false
    throw error
  }
}

/** How many directories at the end of the path are not there. */
export function countMissing(place: Place): number {
  const root = rootOf(place)
  const depth = depthOf(place)
  for (let missing = 0; missing < depth; missing++) {
    if (isThereBeneath(root, ancestor(place, missing).path)) return missing
  }
  return depth
}

const TRIES = 10

/** Makes the directory and those above it; returns how many of them, at the end of the path, were not there. */
export function makeCgroupDirectory(place: Place): number {
  let above = 0
  for (let attempt = 1; ; attempt++) {
    try {
      return mkdirBeneath(rootOf(place), place.path, 0o755) ? above + 1 : 0
    } catch (error) {
      if (!isGone(error) || attempt === TRIES) throw error
      // Either the one above is missing (perhaps again: its last user may be removing it), or the whole hierarchy.
      if (depthOf(place) === 1) forgetRoot(place)
      else above = makeCgroupDirectory(ancestor(place, 1))
    }
  }
}

/** True: it is gone. False: it has processes, or cgroups below it. */
export function removeCgroupDirectory(place: Place): boolean {
  try {
    rmdirBeneath(rootOf(place), place.path)
    return true
  } catch (error) {
    if (isGone(error)) return true
    if (isErrno(error, 'EBUSY', 'ENOTEMPTY')) return false
    throw error
  }
}
