/** The directories of a checkpoint, and what we keep beside the images. */
import { optionError } from '../config/option.js'
import { CheckpointError, ConfigError } from '../errors.js'
import { errnoMessage, isErrno } from '../sys/errno.js'
import { isDirectory, listDirectory, makeDirectories, readRegular, replaceFile } from '../sys/file.js'
import { currentDirectory } from '../sys/self.js'

/** As runc names it, so that either can restore what the other has saved. */
const DESCRIPTORS = 'descriptors.json'
const LONGEST_DOCUMENT = 4 * 1024 * 1024
/** Every set of images has it. */
const INVENTORY = 'inventory.img'

export interface ImagePaths {
  /** Absolute. */
  readonly images: string
  /** Absolute: where CRIU writes its log. */
  readonly work: string
}

interface GivenPaths {
  readonly imagePath: string
  readonly workPath?: string | undefined
}

const absolute = (path: string): string => (path.startsWith('/') ? path : `${currentDirectory()}/${path}`)

/** @throws {ConfigError} for a path that is empty or left out */
export function pathsOf({ imagePath, workPath }: GivenPaths): ImagePaths {
  for (const [option, value] of Object.entries({ imagePath, workPath: workPath ?? '.' })) {
    if (!value) throw optionError({ option, expected: 'the path of a directory', received: value })
  }
  const images = absolute(imagePath)
  return { images, work: workPath === undefined ? images : absolute(workPath) }
}

/** Makes the directories, for this user alone. @throws {SystemError} */
export function makeImageDirectories({ images, work }: ImagePaths): void {
  for (const path of [images, work]) makeDirectories(path, 0o700)
}

/**
 * The directory of the images before, relative to those.
 * @throws {ConfigError} for one that is absolute, or not there
 */
export function checkParent({ images }: ImagePaths, parent: string): void {
  const expected = 'a directory, by its path relative to the images'
  const isWrong = parent.startsWith('/') ? 'must be relative' : isDirectory(`${images}/${parent}`) ? '' : 'is not there'
  if (isWrong === '') return
  const message = `parentPath: ${JSON.stringify(parent)} ${isWrong}`
  const issue = { path: '', rule: 'tsrun#parentPath', expected, received: JSON.stringify(parent), message }
  throw new ConfigError('ERR_CONFIG_INVALID', [issue])
}

/** Images at `path` that are none. */
export function imageError(path: string, message: string, cause?: unknown): CheckpointError {
  const fields = { log: path, lines: [], errno: isErrno(cause) ? cause.errno : '' }
  return new CheckpointError('ERR_CHECKPOINT_IMAGE', message, fields, { cause })
}

/** @throws {CheckpointError} ERR_CHECKPOINT_IMAGE if there are no images */
export function checkImages({ images }: ImagePaths): void {
  if (!isDirectory(images)) throw imageError(images, `no directory ${images}`)
  if (listDirectory(images).includes(INVENTORY)) return
  throw imageError(images, `no images of a checkpoint in ${images}: it has no ${INVENTORY}`)
}

/** Whether the images have network devices. */
export const hasNetworkImages = ({ images }: ImagePaths): boolean =>
  listDirectory(images).some(name => /^netdev-[0-9]+\.img$/.test(name))

/** What the standard streams of the first process were, such as `pipe:[1234]`. */
export function writeDescriptors({ images }: ImagePaths, names: readonly string[]): void {
  replaceFile(`${images}/${DESCRIPTORS}`, JSON.stringify(names))
}

/** @throws {CheckpointError} ERR_CHECKPOINT_IMAGE if that is not there or can't be read */
export function readDescriptors({ images }: ImagePaths): readonly string[] {
  const path = `${images}/${DESCRIPTORS}`
  const names = readBeside(path)
  if (Array.isArray(names) && names.every(name => typeof name === 'string')) return names
  throw imageError(images, `${path}: expected a list of strings`)
}

/** A small document beside the images, as JSON; null: it is none. @throws {CheckpointError} ERR_CHECKPOINT_IMAGE if it is not there */
export function readBeside(path: string): unknown {
  const content = readContent(path)
  if (typeof content === 'string') return null
  try {
    return JSON.parse(new TextDecoder().decode(content))
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) return null
    throw error
  }
}

function readContent(path: string): Uint8Array | string {
  try {
    return readRegular(path, LONGEST_DOCUMENT)
  } catch (cause) {
    if (!isErrno(cause)) throw cause
    throw imageError(path, `${path}: ${cause.errno}: ${errnoMessage(cause.errno)}`, cause)
  }
}
