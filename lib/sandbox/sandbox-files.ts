/** The files of a sandbox, as its commands see them: links lead nowhere else. */
import { optionError, readByteCount } from '../config/option.js'
import { closeFd } from '../sys/beneath.js'
import { isErrno } from '../sys/errno.js'
import {
  listRooted,
  makeRooted,
  openRootOf,
  type RootedStatus,
  readRooted,
  removeRooted,
  renameRooted,
  statRooted,
  writeRooted,
} from '../sys/rooted.js'

export type SandboxFileStatus = RootedStatus
export interface FileEntry extends RootedStatus {
  readonly name: string
}

interface Home {
  readonly pid: number
  /** Where relative paths begin. */
  readonly cwd: string
  /** Of what is made; null: this process. */
  readonly owner: { readonly uid: number; readonly gid: number } | null
  /** @throws if the sandbox has ended */
  readonly check: () => void
}

const LARGEST = 256 * 1024 * 1024

/**
 * Paths are absolute in the sandbox, or begin in its working directory. All methods throw {SystemError}, with the path: ENOENT, EISDIR, and EPERM for
 * what is the kernel's own (/proc, /sys), to which a link may lead.
 */
export class SandboxFiles {
  readonly #home: Home

  /** @internal They are `sandbox.files`. */
  constructor(home: Home) {
    this.#home = home
  }

  /** A plain file as text. `limit`: bytes above which it is EFBIG; default 256 MiB. */
  async read(path: string, options: { readonly limit?: number | string } = {}): Promise<string> {
    return (await this.readBytes(path, options)).toString('utf8')
  }

  async readBytes(path: string, options: { readonly limit?: number | string } = {}): Promise<Buffer> {
    const limit = readByteCount({ option: 'limit', value: options.limit, otherwise: LARGEST })
    return this.#within(path, place => readRooted(place, limit))
  }

  /** Makes the file, with the directories that it is in, or replaces what is in it. */
  async write(path: string, data: string | Uint8Array): Promise<void> {
    if (typeof data !== 'string' && !(data instanceof Uint8Array))
      throw optionError({ option: 'data', expected: 'a string or bytes', received: data })
    const bytes = typeof data === 'string' ? Buffer.from(data) : data
    await this.#within(path, place => writeRooted({ ...place, data: bytes, owner: this.#home.owner }))
  }

  /** What is in a directory, sorted by name. */
  async list(path: string): Promise<FileEntry[]> {
    return this.#within(path, async place => listRooted(place).map(({ name, status }) => ({ name, ...status })))
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
    await this.#within(path, async place => makeRooted(place, this.#home.owner))
  }

  /** A file, a link, or an empty directory; with `recursive` also one that is not empty. */
  async remove(path: string, { recursive = false }: { readonly recursive?: boolean } = {}): Promise<void> {
    await this.#within(path, async place => removeRooted(place, recursive))
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#within(from, async place =>
      renameRooted(place, { root: place.root, path: this.#absolute(to) }, this.#home.owner),
    )
  }

  async #within<T>(path: string, act: (place: { root: number; path: string }) => Promise<T>): Promise<T> {
    this.#home.check()
    const root = openRootOf(this.#home.pid)
    try {
      return await act({ root, path: this.#absolute(path) })
    } finally {
      closeFd(root)
    }
  }

  #absolute(path: unknown): string {
    if (typeof path !== 'string' || path === '' || path.includes('\0'))
      throw optionError({ option: 'path', expected: 'a path', received: path })
    return path.startsWith('/') ? path : `${this.#home.cwd}/${path}`
  }
}
