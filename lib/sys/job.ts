/**
 * System calls that may block for long, or for ever, each on a native thread of its own: neither the event loop nor its thread
 * pool is held, however many of them hang.
 */
import { constants, readFileSync } from 'node:fs'
import { constants as numbers } from 'node:os'
import { SystemError } from '../errors.js'
import { abortOf } from './abort.js'
import { closeFd } from './beneath.js'
import { check, named } from './errno.js'
import { readLink, readRegular } from './file.js'
import { native } from './native.js'
import { whyUnread } from './unread.js'
import { READABLE, watch } from './watch.js'

const O_PATH = 0o10000000

/** As native/sys/job.h numbers them. */
const KINDS = { openTree: 0, open: 1, connect: 2, read: 5 } as const

/** The kernel would take it for another path. */
const endsEarly = (path: string): boolean => path.includes('\0')

export interface Job {
  readonly kind: keyof typeof KINDS
  readonly path: string
  readonly first?: number
  readonly second?: number
  /** Gives up waiting: what comes of the call later is undone, and the signal's reason thrown. */
  readonly signal?: AbortSignal | undefined
}

/** The descriptor that comes of it, which is the caller's. @throws {SystemError} that the call failed with, named `syscall`; the reason of `signal` */
export async function runJob(job: Job, syscall: string): Promise<number> {
  job.signal?.throwIfAborted()
  const { kind, path, first = 0, second = 0 } = job
  if (endsEarly(path)) throw new SystemError({ syscall, errno: 'EINVAL', path })
  const start = (handle: Buffer): number => native().ts_job_begin(KINDS[kind], first, second, path, handle)
  return endOf({ ...begun(start), syscall, path, signal: job.signal })
}

interface OverlayJob {
  /** Detached mounts: that of the directory for what is written, then the layers, the topmost first. They stay the caller's. */
  readonly trees: readonly number[]
  /** As native/sys/job.h has them. */
  readonly flags: number
  readonly signal?: AbortSignal | undefined
}

/** The detached mount that comes of it, which is the caller's. @throws {SystemError}; the reason of `signal` */
export async function runOverlayJob({ trees, flags, signal }: OverlayJob): Promise<number> {
  signal?.throwIfAborted()
  const numbers = Buffer.from(Int32Array.from(trees).buffer)
  const start = (handle: Buffer): number => native().ts_overlay_begin(numbers, trees.length, flags, handle)
  return endOf({ ...begun(start), syscall: 'fsconfig', path: 'overlay', signal })
}

/** One write(2) to a descriptor, which stays the caller's. @throws {SystemError} */
export async function runWriteJob(fd: number, text: string, path: string): Promise<void> {
  const start = (handle: Buffer): number => native().ts_write_begin(fd, text, handle)
  await endOf({ ...begun(start), syscall: 'write', path, signal: undefined })
}

export const NO_THREAD = 'no thread can be made: see pids.max of the cgroups of this process, and RLIMIT_NPROC'

/** As `check`, of a call that fails with EAGAIN only if there can be no thread. `otherwise`: what any other failure is of. */
export function checkStarted(result: number, otherwise: string): number {
  if (result !== -numbers.errno.EAGAIN) return check(result, otherwise)
  throw new SystemError({ syscall: 'pthread_create', errno: 'EAGAIN' }, { hint: NO_THREAD })
}

interface Begun {
  readonly done: number
  readonly handle: bigint
}

function begun(start: (handle: Buffer) => number): Begun {
  const handle = Buffer.alloc(8)
  const done = checkStarted(start(handle), 'pthread_create')
  return { done, handle: handle.readBigUInt64LE(0) }
}

interface Ending extends Begun {
  readonly syscall: string
  readonly path: string
  readonly signal: AbortSignal | undefined
}

async function endOf({ done, handle, syscall, path, signal }: Ending): Promise<number> {
  try {
    await doneOrAborted(done, signal)
    signal?.throwIfAborted()
  } catch (error) {
    native().ts_job_give_up(handle)
    throw error
  }
  const fd = Buffer.alloc(4)
  check(native().ts_job_end(handle, fd), syscall, path)
  return fd.readInt32LE(0)
}

async function doneOrAborted(done: number, signal: AbortSignal | undefined): Promise<void> {
  const ready = watch(done, READABLE)
  const aborted = abortOf(signal)
  try {
    await Promise.race([ready.ready, aborted.promise])
  } finally {
    aborted.stop()
    ready.stop()
  }
}

/** An O_PATH descriptor of what the kernel has in its cache; null if it would have to ask a file system, or there is no such thing. */
export function openCached(path: string, flags = 0): number | null {
  const fd = endsEarly(path) ? -1 : native().ts_open_cached(path, flags)
  return fd < 0 ? null : fd
}

interface PathOpen {
  readonly path: string
  readonly directory?: boolean
  readonly nofollow?: boolean
  readonly signal?: AbortSignal | undefined
}

/**
 * An O_PATH descriptor of a path that may be on a file system that does not answer: the event loop goes on.
 * @throws {SystemError}; the reason of `signal`
 */
export async function openPathLater({ path, directory, nofollow, signal }: PathOpen): Promise<number> {
  const flags = (directory ? constants.O_DIRECTORY : 0) | (nofollow ? constants.O_NOFOLLOW : 0)
  const cached = openCached(path, flags)
  if (cached !== null) return cached
  return runJob({ kind: 'open', path, first: flags | O_PATH, signal }, 'open')
}

/** The absolute path of a directory, without links. @throws as `openPathLater` */
export async function realDirectoryLater(path: string, signal?: AbortSignal): Promise<string> {
  const fd = await openPathLater({ path, directory: true, signal })
  try {
    return readLink(`/proc/self/fd/${fd}`)
  } finally {
    closeFd(fd)
  }
}

/** As native/sys/job.h has them. */
const SIZE_AT = 8
const CONTENT_AT = 16

interface Reading {
  readonly path: string
  /** Bytes. */
  readonly limit: number
  readonly signal?: AbortSignal | undefined
}

/** As `readRegular`, of a file that may be on a file system that does not answer. @throws {SystemError}; the reason of `signal` */
export async function readRegularLater({ path, limit, signal }: Reading): Promise<Uint8Array | string> {
  signal?.throwIfAborted()
  const local = endsEarly(path) ? -1 : native().ts_open_local(path)
  if (local < 0) return readByJob({ path, limit, signal })
  try {
    return named(path, () => readRegular(`/proc/self/fd/${local}`, limit))
  } finally {
    closeFd(local)
  }
}

async function readByJob({ path, limit, signal }: Reading): Promise<Uint8Array | string> {
  const memory = await runJob({ kind: 'read', path, first: limit, signal }, 'read')
  try {
    const bytes = readFileSync(memory)
    const status = { mode: bytes.readUInt32LE(0), size: Number(bytes.readBigUInt64LE(SIZE_AT)) }
    return whyUnread(status, limit) ?? bytes.subarray(CONTENT_AT)
  } finally {
    closeFd(memory)
  }
}
