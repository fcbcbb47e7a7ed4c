/** The files of a sandbox, as its commands see them: links lead nowhere else. */
import { optionError, readByteCount } from '../config/option.js'
import { checkShapes, FLAG, isText, type OptionShapes, SIGNAL } from '../config/option-shapes.js'
import type { Readable, Writable } from '../index.js'
import { closeFd } from '../sys/beneath.js'
import { isErrno } from '../sys/errno.js'
import { makeRooted, type RootedStatus, readRooted, renameRooted, statRooted, writeRooted } from '../sys/rooted.js'
import { readStreamRooted, watchRooted, writeStreamRooted } from '../sys/rooted-streams.js'
import { listRooted, removeRooted } from '../sys/rooted-trees.js'
import { textInTurns } from '../sys/text-turns.js'
import { copyIntoSandbox, copyOutOfSandbox } from './file-copies.js'
import type { Entered, EnterPlace } from './file-places.js'
import { type FileChange, fileChanges, type WatchFilesOptions } from './file-watch.js'

export type SandboxFileStatus = RootedStatus
export interface FileEntry extends RootedStatus {
  /** Bytes that are no text are U+FFFD. */
  readonly name: string
}

interface Home {
  readonly enter: EnterPlace
  /** Where relative paths begin. */
  readonly cwd: string
  /** Of what is made; null: this process. */
  readonly owner: { readonly uid: number; readonly gid: number } | null
}

/** What a file is made of; a stream is written as it comes. */
export type FileData = string | Uint8Array | AsyncIterable<string | Uint8Array>

interface At extends Entered {
  readonly owner: Home['owner']
  readonly cwd: string
}

const LARGEST = 256 * 1024 * 1024
const MOST_NAMES = 100_000
const MOST_COPIED = 1024 * 1024 * 1024
const WRITE: OptionShapes<WriteFileOptions> = {
  mode: [value => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 0o777, 'permission bits'],
}

export interface ReadFileOptions {
  /** Bytes above which it is EFBIG. Default 256 MiB. */
  readonly limit?: number | string
}

export interface WriteFileOptions {
  /** Permission bits, such as 0o755. Default: those that it has, 0o644 of a new one. */
  readonly mode?: number
}

export interface CopyFilesOptions {
  readonly signal?: AbortSignal
}

export interface CopyOutOptions extends CopyFilesOptions {
  /** Bytes of all files above which it is EFBIG, or a size such as `64M`. Default 1 GiB. */
  readonly limit?: number | string
}

export interface ListFilesOptions {
  /** Names above which it is EFBIG. Default 100,000. */
  readonly limit?: number
  readonly signal?: AbortSignal
}

export interface RemoveFileOptions {
  /** Also a directory that is not empty. Default false. */
  readonly recursive?: boolean
  readonly signal?: AbortSignal
}

/**
 * Paths are absolute in the sandbox, or begin in its working directory. All methods throw {SystemError}, with the path: ENOENT, EISDIR, and EPERM for
 * what is the kernel's own (/proc, /sys), to which a link may lead.
 */
export class SandboxFiles {
  readonly #find: () => Home

  /** @internal They are `sandbox.files`; `find` throws if the sandbox has ended. */
  constructor(find: () => Home) {
    this.#find = find
  }

  /** A plain file as text, as it is when it is opened. */
  async read(path: string, options: ReadFileOptions = {}): Promise<string> {
    return textInTurns([await this.readBytes(path, options)])
  }

  async readBytes(path: string, options: ReadFileOptions = {}): Promise<Buffer> {
    checkShapes('', options, { limit: null })
    const limit = readByteCount({ option: 'limit', value: options.limit, otherwise: LARGEST })
    return this.#within(path, place => readRooted(place, limit))
  }

  /** The same as a stream of bytes, of any length. It is to be read to its end, or destroyed. */
  async readStream(path: string): Promise<Readable> {
    return this.#within(path, place => readStreamRooted(place))
  }

  /** Makes the file, with the directories that it is in, or replaces what is in it. What a stream has given before it fails stays. */
  async write(path: string, data: FileData, options: WriteFileOptions = {}): Promise<void> {
    checkShapes('', options, WRITE)
    const { mode } = options
    if (typeof data === 'string' || data instanceof Uint8Array) {
      const bytes = typeof data === 'string' ? Buffer.from(data) : data
      return this.#changing(path, place => writeRooted({ ...place, data: bytes, mode }))
    }
    if (typeof data !== 'object' || data === null || !(Symbol.asyncIterator in data))
      throw optionError({ option: 'data', expected: 'a string, bytes or an async iterable of these', received: data })
    await writeAll(await this.writeStream(path, options), data)
  }

  /** The same as a stream that takes bytes and text; `finish` says that all is written. */
  async writeStream(path: string, options: WriteFileOptions = {}): Promise<Writable> {
    checkShapes('', options, WRITE)
    return this.#changing(path, place => writeStreamRooted(place, place.owner, options.mode))
  }

  /**
   * Copies a file or a directory of this machine to `path`, with the permissions of files. `source` may be a link; below it links, and what else is neither
   * file nor directory, are left out. What has been copied before a failure stays.
   * @returns the paths that were left out
   * @throws {SystemError} EFBIG above 100,000 entries; the reason of `signal`
   */
  async copyIn(source: string, path: string, options: CopyFilesOptions = {}): Promise<string[]> {
    checkShapes('', options, { signal: SIGNAL })
    return copyIntoSandbox({ files: this, from: hostPath('source', source), to: path, signal: options.signal })
  }

  /**
   * Copies a file or a directory to `target` on this machine, where nothing may be yet. As `copyIn`; a link in the sandbox makes none on the host.
   * @returns the paths that were left out
   * @throws {SystemError} EEXIST; EFBIG above `limit` bytes or 100,000 entries; the reason of `signal`
   */
  async copyOut(path: string, target: string, options: CopyOutOptions = {}): Promise<string[]> {
    checkShapes('', options, { limit: null, signal: SIGNAL })
    const limit = readByteCount({ option: 'limit', value: options.limit, otherwise: MOST_COPIED })
    return copyOutOfSandbox({ files: this, from: path, to: hostPath('target', target), limit, signal: options.signal })
  }

  /**
   * What happens to a file, or to what is directly in a directory, by whomever, from the first step on. It is over when its `signal` aborts, whose reason is
   * thrown, or when the loop is left; it holds no sandbox back from its end.
   */
  watch(path: string, options: WatchFilesOptions = {}): AsyncGenerator<FileChange, void> {
    checkShapes('', options, { signal: SIGNAL })
    const { signal } = options
    const { cwd } = this.#find()
    return fileChanges({
      ...{ path: absoluteIn(cwd, path), signal },
      open: (tell, failed) => {
        const { root, path: inside } = this.#find().enter(absoluteIn(cwd, path), false)
        try {
          return watchRooted({ root, path: inside }, tell, failed)
        } finally {
          closeFd(root)
        }
      },
      exists: changed => this.exists(changed),
    })
  }

  /** What is in a directory, sorted by name. @throws {SystemError} EFBIG if there is more than the limit; the reason of `signal` */
  async list(path: string, options: ListFilesOptions = {}): Promise<FileEntry[]> {
    checkShapes('', options, { limit: [value => typeof value === 'number' && value >= 0, 'a number'], signal: SIGNAL })
    const { limit = MOST_NAMES, signal } = options
    return this.#within(path, ({ root, path }) => listRooted({ root, path, limit, signal }))
  }

  async stat(path: string): Promise<SandboxFileStatus> {
    return this.#within(path, async place => statRooted(place))
  }

  async exists(path: string): Promise<boolean> {
    try {
      await this.stat(path)
      return true
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ENOTDIR')) return false
      throw error
    }
  }

  /** With all that is missing above it; fine if it is there. */
  async mkdir(path: string): Promise<void> {
    await this.#changing(path, async place => makeRooted(place, place.owner))
  }

  /**
   * A file, a link, or an empty directory; with `recursive` also one that is not empty.
   * @throws {SystemError} ENOTEMPTY, also if something always appears in it meanwhile; the reason of `signal`
   */
  async remove(path: string, options: RemoveFileOptions = {}): Promise<void> {
    checkShapes('', options, { recursive: FLAG, signal: SIGNAL })
    const { recursive = false, signal } = options
    await this.#changing(path, ({ root, path }) => removeRooted({ root, path, recursive, signal }))
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#changing(from, async ({ root, owner, cwd, path, other }) =>
      renameRooted({ root, path }, { root, path: other(absoluteIn(cwd, to)) }, owner),
    )
  }

  async #within<T>(path: string, act: (place: At) => Promise<T>, changes = false): Promise<T> {
    const { enter, cwd, owner } = this.#find()
    const place = enter(absoluteIn(cwd, path), changes)
    try {
      return await act({ ...place, owner, cwd })
    } finally {
      closeFd(place.root)
    }
  }

  async #changing<T>(path: string, act: (place: At) => Promise<T>): Promise<T> {
    return this.#within(path, act, true)
  }
}

function hostPath(option: string, value: unknown): string {
  if (isText(value)) return String(value).replace(/(?<=.)\/+$/, '')
  throw optionError({ option, expected: 'a path', received: value })
}

function absoluteIn(cwd: string, path: unknown): string {
  if (typeof path !== 'string' || path === '' || path.includes('\0'))
    throw optionError({ option: 'path', expected: 'a path', received: path })
  const whole = path.startsWith('/') ? path : `${cwd}/${path}`
  // What `..` leads to is for the kernel to say: there may be a link before it.
  return `/${whole
    .split('/')
    .filter(part => part !== '' && part !== '.')
    .join('/')}`
}

/** Not faster than it is written. */
async function writeAll(stream: Writable, data: AsyncIterable<string | Uint8Array>): Promise<void> {
  const done = whenFinished(stream)
  try {
    for await (const chunk of data) if (!stream.write(chunk)) await Promise.race([whenDrained(stream), done])
    stream.end()
  } catch (error) {
    stream.end()
    await done.catch(() => {})
    throw error
  }
  await done
}

const whenDrained = (stream: Writable): Promise<void> => new Promise(resolve => stream.once('drain', () => resolve()))

/** Resolves when the file is closed. */
function whenFinished(stream: Writable): Promise<void> {
  const done = new Promise<void>((resolve, reject) => {
    stream.once('error', reject)
    stream.once('close', () => resolve())
  })
  done.catch(() => {})
  return done
}
