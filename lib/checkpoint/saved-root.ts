/** What of a root of layers is kept beside the images: which layers these were and, if it was in memory, what was written to them. */
import { optionError } from '../config/option.js'
import type { CheckpointError, ConfigError } from '../errors.js'
import { isThere, removeFile, replaceFile, unlessGone } from '../sys/file.js'
import { type ImagePaths, imageError, readBeside } from './image-directory.js'

/** A root that is made of layers. */
export interface RootOfLayers {
  /** Absolute paths, the lowest first. */
  readonly layers: readonly string[]
  readonly isInMemory: boolean
}

interface SavedRoot extends RootOfLayers {
  /** Of the archive of what was written to memory; null: there is none. */
  readonly digest: string | null
}

const DOCUMENT = 'layers.json'
const VERSION = 1

/** The archive of what was written to memory. */
export const upperArchive = ({ images }: ImagePaths): string => `${images}/upper.tar`

/** Before a dump. null: the root is one directory. What is there of an earlier one goes. */
export function beginRoot(paths: ImagePaths, root: RootOfLayers | null): void {
  for (const path of [`${paths.images}/${DOCUMENT}`, upperArchive(paths)]) unlessGone(() => removeFile(path))
  if (root !== null) write(paths, { ...root, digest: null })
}

/** Once the archive is whole. */
export const finishRoot = (paths: ImagePaths, root: RootOfLayers, digest: string): void =>
  write(paths, { ...root, digest })

function write({ images }: ImagePaths, root: SavedRoot): void {
  replaceFile(`${images}/${DOCUMENT}`, JSON.stringify({ version: VERSION, ...root }))
}

/**
 * The digest of the archive that the root has to be filled from; null: of none.
 * @throws {ConfigError} for another root than that of the checkpoint, {CheckpointError} ERR_CHECKPOINT_IMAGE if that can't be read
 */
export function checkRoot(paths: ImagePaths, root: RootOfLayers | null): string | null {
  const path = `${paths.images}/${DOCUMENT}`
  // Of one directory, which may be a layer of many roots now.
  if (!isThere(path)) return null
  const saved = readBeside(path)
  if (!isSavedRoot(saved)) throw unreadable(path)
  const wrong = differenceOf(saved, root)
  if (wrong !== null) throw wrong
  if (!saved.isInMemory) return null
  if (saved.digest === null || !isThere(upperArchive(paths)))
    throw imageError(paths.images, `${upperArchive(paths)}, what was written to the root, is not there or not whole`)
  return saved.digest
}

const unreadable = (path: string): CheckpointError =>
  imageError(path, `${path}: expected the layers of a root, as version ${VERSION} has them`)

function isSavedRoot(value: unknown): value is SavedRoot {
  if (typeof value !== 'object' || value === null) return false
  const { version, layers, isInMemory, digest } = value as Partial<Record<string, unknown>>
  return (
    version === VERSION &&
    Array.isArray(layers) &&
    layers.every(path => typeof path === 'string') &&
    typeof isInMemory === 'boolean' &&
    (digest === null || typeof digest === 'string')
  )
}

const inWords = (isInMemory: boolean): string => (isInMemory ? 'memory' : 'a directory')

function differenceOf(saved: SavedRoot, root: RootOfLayers | null): ConfigError | null {
  const expected = `the layers of the checkpoint (${saved.layers.join(', ')})`
  if (root === null) return optionError({ option: 'rootfs', expected, received: 'one directory' })
  if (JSON.stringify(root.layers) !== JSON.stringify(saved.layers))
    return optionError({ option: 'rootfs.layers', expected, received: root.layers.join(', ') })
  if (root.isInMemory === saved.isInMemory) return null
  return optionError({
    option: 'rootfs.upper',
    expected: `${inWords(saved.isInMemory)}, as it was at the checkpoint`,
    received: inWords(root.isInMemory),
  })
}
