/** The part of node:fs that lib uses. */

import { type EngineHost, host } from './host.js'
import { Buffer } from './node-buffer.js'
import { succeed, systemError } from './tables.js'

const MODE = { S_IFMT: 0o170000, S_IFREG: 0o100000, S_IFDIR: 0o040000, S_IFCHR: 0o020000, S_IFBLK: 0o060000 } as const
const OTHER = { S_IFIFO: 0o010000, S_IFLNK: 0o120000, S_IFSOCK: 0o140000, F_OK: 0, X_OK: 1, W_OK: 2, R_OK: 4 } as const

export const constants: Readonly<Record<string, number>> = { ...host.fileConstants, ...MODE, ...OTHER }

const { O_RDONLY = 0, O_WRONLY = 0, O_RDWR = 0, O_CREAT = 0, O_TRUNC = 0, O_APPEND = 0, O_EXCL = 0 } = constants

const FLAGS: Readonly<Record<string, number>> = {
  r: O_RDONLY,
  'r+': O_RDWR,
  w: O_WRONLY | O_CREAT | O_TRUNC,
  wx: O_WRONLY | O_CREAT | O_EXCL,
  'w+': O_RDWR | O_CREAT | O_TRUNC,
  a: O_WRONLY | O_CREAT | O_APPEND,
}

type Path = string | URL
const textOf = (path: Path): string => (typeof path === 'string' ? path : path.pathname)

const flagsOf = (flags: string | number): number => {
  const number = typeof flags === 'number' ? flags : FLAGS[flags]
  if (number === undefined) throw new TypeError(`The argument 'flags' is invalid. Received '${flags}'`)
  return number
}

export function openSync(path: Path, flags: string | number = 'r', mode = 0o666): number {
  const text = textOf(path)
  return succeed(host.open(text, flagsOf(flags), mode), { syscall: 'open', path: text })
}

export function closeSync(fd: number): void {
  succeed(host.close(fd), { syscall: 'close' })
}

export function readSync(
  fd: number,
  bytes: Uint8Array,
  offset = 0,
  length = bytes.length - offset,
  position: number | null = -1,
): number {
  return succeed(host.read(fd, bytes.subarray(offset, offset + length), position ?? -1), { syscall: 'read' })
}

export function writeSync(fd: number, data: string | Uint8Array): number {
  return succeed(host.write(fd, typeof data === 'string' ? host.encode(data) : data), { syscall: 'write' })
}

type Encoding = 'utf8' | 'latin1' | { readonly encoding?: string } | undefined

/** @returns bytes, or with an encoding text */
export function readFileSync(target: Path | number, encoding?: Encoding): Buffer | string {
  const fd = typeof target === 'number' ? target : openSync(target)
  try {
    const bytes = readToEnd(fd)
    const name = typeof encoding === 'object' ? encoding.encoding : encoding
    return name === undefined ? bytes : bytes.toString(name)
  } finally {
    if (typeof target !== 'number') closeSync(fd)
  }
}

const CHUNK_BYTES = 64 * 1024

function readToEnd(fd: number): Buffer {
  let bytes = Buffer.allocUnsafe(Math.max(CHUNK_BYTES, sizeOf(fd) + 1))
  for (let used = 0; ; ) {
    if (used === bytes.length) bytes = Buffer.concat([bytes, Buffer.allocUnsafe(bytes.length)])
    const length = readSync(fd, bytes, used)
    if (length === 0) return Buffer.from(bytes.slice(0, used).buffer)
    used += length
  }
}

function sizeOf(fd: number): number {
  const { size, mode } = fstatSync(fd)
  if ((mode & MODE.S_IFMT) === MODE.S_IFDIR) throw systemError(-EISDIR, { syscall: 'read' })
  return size
}
const EISDIR = 21

interface WriteOptions {
  readonly mode?: number
  readonly flag?: string | number
}

export function writeFileSync(target: Path | number, data: string | Uint8Array, options: WriteOptions = {}): void {
  const { mode = 0o666, flag = 'w' } = options
  const fd = typeof target === 'number' ? target : openSync(target, flag, mode)
  try {
    let bytes: Uint8Array = typeof data === 'string' ? host.encode(data) : data
    do bytes = bytes.subarray(writeSync(fd, bytes))
    while (bytes.length > 0)
  } finally {
    if (typeof target !== 'number') closeSync(fd)
  }
}

export const appendFileSync = (path: Path, data: string | Uint8Array, options: WriteOptions = {}): void =>
  writeFileSync(path, data, { flag: 'a', ...options })

const FIELDS = 9

class FileStats {
  readonly dev: number
  readonly ino: number
  readonly mode: number
  readonly nlink: number
  readonly uid: number
  readonly gid: number
  readonly rdev: number
  readonly size: number
  readonly mtimeMs: number

  constructor(fields: Float64Array) {
    const [dev = 0, ino = 0, mode = 0, nlink = 0, uid = 0, gid = 0, rdev = 0, size = 0, mtimeMs = 0] = fields
    this.dev = dev
    this.ino = ino
    this.mode = mode
    this.nlink = nlink
    this.uid = uid
    this.gid = gid
    this.rdev = rdev
    this.size = size
    this.mtimeMs = mtimeMs
  }

  isFile = (): boolean => this.#is(MODE.S_IFREG)
  isDirectory = (): boolean => this.#is(MODE.S_IFDIR)
  isCharacterDevice = (): boolean => this.#is(MODE.S_IFCHR)
  isBlockDevice = (): boolean => this.#is(MODE.S_IFBLK)
  isFIFO = (): boolean => this.#is(OTHER.S_IFIFO)
  isSymbolicLink = (): boolean => this.#is(OTHER.S_IFLNK)
  isSocket = (): boolean => this.#is(OTHER.S_IFSOCK)

  #is(type: number): boolean {
    return (this.mode & MODE.S_IFMT) === type
  }
}

export type { FileStats as Stats }

interface StatOptions {
  /** Only of `rdev` is a bigint made, which is what is asked for. */
  readonly bigint?: boolean
}

function statusOf(
  target: string | number,
  call: { syscall: string; follow: boolean },
  { bigint }: StatOptions,
): FileStats {
  const fields = new Float64Array(FIELDS)
  const result = host.status(target, call.follow ? 1 : 0, new Uint8Array(fields.buffer))
  succeed(result, { syscall: call.syscall, ...(typeof target === 'string' && { path: target }) })
  const stats = new FileStats(fields)
  return bigint === true ? Object.assign(stats, { rdev: BigInt(stats.rdev) as unknown as number }) : stats
}

export const statSync = (path: Path, options: StatOptions = {}): FileStats =>
  statusOf(textOf(path), { syscall: 'stat', follow: true }, options)
export const lstatSync = (path: Path, options: StatOptions = {}): FileStats =>
  statusOf(textOf(path), { syscall: 'lstat', follow: false }, options)
export const fstatSync = (fd: number, options: StatOptions = {}): FileStats =>
  statusOf(fd, { syscall: 'fstat', follow: true }, options)

export const existsSync = (path: Path): boolean => host.access(textOf(path), OTHER.F_OK) === 0

export function accessSync(path: Path, mode: number = OTHER.F_OK): void {
  succeed(host.access(textOf(path), mode), { syscall: 'access', path: textOf(path) })
}

const DT = { directory: 4, link: 10, file: 8 } as const

class Entry {
  readonly name: string
  readonly #type: number
  constructor(name: string, type: number) {
    this.name = name
    this.#type = type
  }
  isDirectory = (): boolean => this.#type === DT.directory
  isSymbolicLink = (): boolean => this.#type === DT.link
  isFile = (): boolean => this.#type === DT.file
}

/** @returns names, or with `withFileTypes` entries */
export function readdirSync(path: Path, { withFileTypes = false } = {}): (string | Entry)[] {
  const text = textOf(path)
  const listed = host.list(text)
  if (typeof listed === 'number') throw systemError(listed, { syscall: 'scandir', path: text })
  const entries: Entry[] = []
  for (let at = 0; at < listed.length; at += 2) entries.push(new Entry(String(listed[at]), Number(listed[at + 1])))
  return withFileTypes ? entries : entries.map(({ name }) => name).sort()
}

export function mkdirSync(
  path: Path,
  options: number | { readonly mode?: number; readonly recursive?: boolean } = {},
): void {
  const { mode = 0o777, recursive = false } = typeof options === 'number' ? { mode: options } : options
  const text = textOf(path)
  let made = host.mkdir(text, mode)
  if (recursive && made === -ENOENT) {
    mkdirSync(text.slice(0, text.lastIndexOf('/')) || '/', { mode, recursive })
    made = host.mkdir(text, mode)
  }
  if (recursive && made === -EEXIST && statSync(text).isDirectory()) return
  if (made < 0) throw systemError(made, { syscall: 'mkdir', path: text })
}
const [ENOENT, EEXIST] = [2, 17]

const onPath =
  (name: 'rmdir' | 'unlink') =>
  (path: Path): void =>
    void succeed((host[name] as EngineHost['rmdir'])(textOf(path)), { syscall: name, path: textOf(path) })

export const rmdirSync = onPath('rmdir')
export const unlinkSync = onPath('unlink')

export function chmodSync(path: Path, mode: number): void {
  succeed(host.chmod(textOf(path), mode), { syscall: 'chmod', path: textOf(path) })
}

export function lchownSync(path: Path, uid: number, gid: number): void {
  succeed(host.lchown(textOf(path), uid, gid), { syscall: 'lchown', path: textOf(path) })
}

/** A file only: nothing that is called here removes a tree by it. */
export function rmSync(path: Path, { force = false } = {}): void {
  const removed = host.unlink(textOf(path))
  if (force && removed === -ENOENT) return
  succeed(removed, { syscall: 'rm', path: textOf(path) })
}

export function renameSync(from: Path, to: Path): void {
  succeed(host.rename(textOf(from), textOf(to)), { syscall: 'rename', path: textOf(from), to: textOf(to) })
}

function targetOf(found: string | number, syscall: string, path: Path): string {
  if (typeof found === 'number') throw systemError(found, { syscall, path: textOf(path) })
  return found
}

export const readlinkSync = (path: Path): string => targetOf(host.readLink(textOf(path)), 'readlink', path)
/** Node's own names the part of the path that it got to with lstat. */
export const realpathSync = (path: Path): string => targetOf(host.realPath(textOf(path)), 'lstat', path)

export const statfsSync = (path: Path): { type: number } => ({
  type: succeed(host.fileSystem(textOf(path)), { syscall: 'statfs', path: textOf(path) }),
})
