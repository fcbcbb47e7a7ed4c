/**
 * Compiled seccomp filters on disk, one file each: a line of JSON, a newline, the program.
 * A file is believed only when it is ours, whole, made for this very key, and made by the libseccomp that is installed now.
 */
import { isErrno } from '../sys/errno.js'
import { listDirectory, makeDirectory, replaceFile } from '../sys/file.js'
import { sha256 } from '../sys/hash.js'
import { readOwnFile, removeIfThere, stampOf } from '../sys/own-file.js'

/** Program, header and some: nothing that we write is larger. */
const SIZE_LIMIT = 64 * 1024
const ENTRY_LIMIT = 256
const SUFFIX = '.filter'

interface Header {
  readonly key: string
  /** The library that made the program: an update of it may know more system calls. */
  readonly library: string
  readonly stamp: string
  /** Of key, library, stamp and program. */
  readonly checksum: string
}

interface Entry {
  /** Made with mode 0700 if it is missing; its parent must be there. */
  readonly directory: string
  /** Names the entry; lower-case hexadecimal. */
  readonly key: string
}

const checksumOf = (header: Omit<Header, 'checksum'>, program: Uint8Array): string =>
  sha256(JSON.stringify([header.key, header.library, header.stamp]), program)

/** The program, or in words why there is none that can be used. */
export function readCachedProgram({ directory, key }: Entry): Uint8Array | string {
  try {
    const bytes = readOwnFile(`${directory}/${key}${SUFFIX}`, SIZE_LIMIT)
    return typeof bytes === 'string' ? bytes : verify(bytes, key)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return 'not there'
    if (isErrno(error)) return String(error)
    throw error
  }
}

function verify(bytes: Buffer, key: string): Uint8Array | string {
  const end = bytes.indexOf('\n')
  const header = end < 0 ? null : parseHeader(bytes.toString('utf8', 0, end))
  if (header === null) return 'no header'
  const program = Uint8Array.prototype.slice.call(bytes, end + 1)
  if (header.checksum !== checksumOf(header, program)) return 'checksum differs'
  if (header.key !== key) return 'made for another key'
  if (program.length === 0 || program.length % 8 !== 0) return 'not a whole number of instructions'
  return header.stamp === stampOf(header.library) ? program : 'libseccomp has changed'
}

function parseHeader(text: string): Header | null {
  try {
    const { key, library, stamp, checksum } = JSON.parse(text) as Partial<Record<keyof Header, unknown>>
    const isWhole = [key, library, stamp, checksum].every(field => typeof field === 'string')
    return isWhole ? ({ key, library, stamp, checksum } as Header) : null
  } catch {
    return null
  }
}

/**
 * Keeps a program that the library at that path has made. When there are too many, the directory is emptied first.
 * @throws {SystemError} if it can't be written
 */
export function writeCachedProgram({
  directory,
  key,
  library,
  program,
}: Entry & { library: string; program: Uint8Array }): void {
  makeOwnDirectory(directory)
  makeRoom(directory)
  const identity = { key, library, stamp: stampOf(library) }
  const header = JSON.stringify({ ...identity, checksum: checksumOf(identity, program) })
  replaceFile(`${directory}/${key}${SUFFIX}`, Buffer.concat([Buffer.from(`${header}\n`), program]), 0o600)
}

function makeOwnDirectory(path: string): void {
  try {
    makeDirectory(path)
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error
  }
}

function makeRoom(directory: string): void {
  const entries = listDirectory(directory).filter(name => name.includes(SUFFIX))
  if (entries.length < ENTRY_LIMIT) return
  for (const name of entries) removeIfThere(`${directory}/${name}`)
}
