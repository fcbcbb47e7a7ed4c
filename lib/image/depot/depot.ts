/**
 * The directory of the image store: an OCI image layout (image-spec, image-layout.md) that other tools read, with a directory
 * `tsrun` in it for what is ours: see docs/images.md. Any number of processes may work on it at the same time.
 */
import { ImageError } from '../../errors.js'
import { isErrno } from '../../sys/errno.js'
import { isThere, makeDirectories, readRegular } from '../../sys/file.js'
import { openGrowing, renamePath, syncDirectory } from '../../sys/large-file.js'
import { removeIfThere } from '../../sys/own-file.js'
import { effectiveUid, environment } from '../../sys/self.js'
import { hexOf } from '../digest.js'
import { type Descriptor, type ImageIndex, readLayoutIndex } from '../documents.js'
import { OCI_INDEX } from '../media-types.js'
import { whileHeld } from './directory-lock.js'

export interface Depot {
  readonly directory: string
  /** Where the blob of a digest is, if it is there. */
  blobPath(digest: string): string
  /** A path below `tsrun`. */
  own(...names: readonly string[]): string
  /** What index.json has, as it is now. @throws {ImageError} ERR_IMAGE_STORE */
  entries(): readonly Descriptor[]
  /** Changes index.json, by one process at a time, and returns what `change` did. */
  updateEntries(change: (entries: readonly Descriptor[]) => readonly Descriptor[], signal?: AbortSignal): Promise<void>
  /** Runs `act` while nobody changes index.json, takes content into use, or removes any. */
  exclusively<T>(act: () => Promise<T>, signal?: AbortSignal): Promise<T>
}

const LARGEST_INDEX = 16 * 1024 * 1024
const LAYOUT = '{"imageLayoutVersion":"1.0.0"}'

/** The store of this user, if none is named. @throws {ImageError} ERR_IMAGE_STORE for a user without a home */
export function defaultDepot(): string {
  if (effectiveUid() === 0) return '/var/lib/tsrun/images'
  const { XDG_DATA_HOME: data = '', HOME: home = '' } = environment()
  if (data.startsWith('/')) return `${data}/tsrun/images`
  if (home.startsWith('/')) return `${home}/.local/share/tsrun/images`
  throw new ImageError(
    'ERR_IMAGE_STORE',
    'there is no place for the store: set XDG_DATA_HOME or HOME, or name a directory',
  )
}

/** Nothing is made before something is written. @throws {ImageError} ERR_IMAGE_STORE for a path that is not absolute */
export function openDepot(directory: string): Depot {
  if (!/^\/+[^/]/.test(directory)) {
    throw new ImageError(
      'ERR_IMAGE_STORE',
      `${JSON.stringify(directory)} cannot be a store: it must be an absolute path, and not /`,
    )
  }
  const own = (...names: readonly string[]): string => [directory, 'tsrun', ...names].join('/')
  const entries = (): readonly Descriptor[] => readEntries(directory)
  const exclusively = async <T>(act: () => Promise<T>, signal?: AbortSignal): Promise<T> => {
    await makeLayout(directory)
    return whileHeld(own('lock'), signal, act)
  }
  return {
    directory,
    own,
    entries,
    exclusively,
    blobPath: digest => `${directory}/blobs/sha256/${hexOf(digest)}`,
    updateEntries: (change, signal) =>
      exclusively(async () => {
        const before = entries()
        const after = change(before)
        if (after !== before) await writeEntries(directory, after)
      }, signal),
  }
}

async function makeLayout(directory: string): Promise<void> {
  const file = `${directory}/oci-layout`
  if (isThere(file)) return checkLayout(file)
  makeDirectories(`${directory}/blobs/sha256`, 0o700)
  makeDirectories(`${directory}/tsrun`, 0o700)
  await whileHeld(`${directory}/tsrun/lock`, undefined, async () => {
    if (!isThere(`${directory}/index.json`)) await writeEntries(directory, [])
    if (!isThere(file)) await writeDurably(file, LAYOUT)
  })
}

function checkLayout(file: string): void {
  const content = readRegular(file, 4096)
  const version = typeof content === 'string' ? content : versionIn(Buffer.from(content).toString('utf8'))
  if (version === '1.0.0') return
  throw new ImageError('ERR_IMAGE_STORE', `${file}: the version of the layout is ${version}, not 1.0.0`)
}

function versionIn(text: string): string {
  try {
    return String((JSON.parse(text) as { imageLayoutVersion?: unknown }).imageLayoutVersion)
  } catch {
    return 'no JSON'
  }
}

function readEntries(directory: string): readonly Descriptor[] {
  const path = `${directory}/index.json`
  try {
    const content = readRegular(path, LARGEST_INDEX)
    if (typeof content === 'string') throw new ImageError('ERR_IMAGE_STORE', `${path} is ${content}`)
    return readLayoutIndex(content, path).manifests
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return []
    throw error
  }
}

async function writeEntries(directory: string, manifests: readonly Descriptor[]): Promise<void> {
  const index: ImageIndex = { schemaVersion: 2, mediaType: OCI_INDEX, manifests }
  await writeDurably(`${directory}/index.json`, `${JSON.stringify(index)}\n`)
  await syncDirectory(directory)
}

/** What a process that was killed has left of `writeDurably`. Needs the depot for itself. */
export function removeUnfinished(directory: string): void {
  for (const name of ['index.json', 'oci-layout']) removeIfThere(`${directory}/${name}.new`)
}

/** Readers see the old or the new, never a half, and that also after a power cut. By one process at a time. */
async function writeDurably(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`
  try {
    const file = await openGrowing(temporary)
    try {
      await file.cut(0)
      await file.append(Buffer.from(text))
      await file.sync()
    } finally {
      await file.close()
    }
    await renamePath(temporary, path)
  } catch (error) {
    removeIfThere(temporary)
    throw error
  }
}
