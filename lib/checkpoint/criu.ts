/** One run of `criu swrk`: a request, the notifications on the way, and a response, over a socket that it gets as descriptor 3. */
import { CheckpointError, HostError } from '../errors.js'
import { type Child, followChild } from '../launch/child.js'
import { closeFd, closeFds } from '../sys/beneath.js'
import { errnoName, isErrno } from '../sys/errno.js'
import { isDirectory, openNull, openPath, realPath } from '../sys/file.js'
import { readTail } from '../sys/file-tail.js'
import { findProgram, startProgram } from '../sys/host-program.js'
import type { ExitStatus } from '../sys/processes.js'
import { environment } from '../sys/self.js'
import { packetPair, receiveMessage, sendMessage } from '../sys/socket.js'
import { collectTail, duplicate, makePipe } from '../sys/stream.js'
import { trace } from '../sys/trace.js'
import type { ImagePaths } from './image-directory.js'
import { errorLines, remediesOf } from './log-lines.js'
import { type CriuRequest, type CriuResponse, decodeResponse, encodeRequest, REQUEST_TYPES } from './rpc.js'

const debug = trace('checkpoint')
const SIGKILL = 9
/** Where its descriptor for requests is, and the first of those that it inherits. */
const SOCKET = 3
export const FIRST_INHERITED = 4
const LONGEST_MESSAGE = 64 * 1024
/** Of the end of its log: the errors are there. */
const LOG_BYTES = 256 * 1024

/** A step that has been reached; CRIU waits until it is answered. */
export interface CriuStep {
  /** Such as `pre-dump`, `post-restore`. */
  readonly name: string
  /** The container's first process, if it is told; else 0. */
  readonly pid: number
  /** What came with it, which is closed after the step; -1: nothing did. */
  readonly fd: number
}

/** Descriptors of this process. */
export interface CriuDirectories {
  readonly imagesDirectory?: number
  readonly workDirectory?: number
}

export interface CriuCall {
  /** Absolute path, or a name that is looked for. Default `criu`. */
  readonly program: string | undefined
  readonly type: keyof typeof REQUEST_TYPES
  /** Gets the directories as CRIU sees them. */
  readonly request: (directories: CriuDirectories) => Omit<CriuRequest, 'type'>
  /** Default: it has none. */
  readonly paths?: ImagePaths
  /** The directory of the images, open, in place of the one in `paths`; it stays the caller's. */
  readonly imagesView?: number | null
  /** The name of the log, in the directory for work. Default: it has none. */
  readonly logFile?: string
  /** What becomes its descriptor 4 and so on; they stay the caller's. */
  readonly inherited?: readonly number[]
  /** It gets these as its standard streams in place of /dev/null. They stay the caller's. */
  readonly stdio?: readonly [number, number, number]
  /** See `StartedProgram`. */
  readonly cgroups?: readonly number[]
  readonly mountPoint?: string
  readonly tree?: number | null
  readonly isReadOnly?: boolean
  /** A step that is refused by an error ends the run, and so does the signal at the next one. */
  readonly onStep?: (step: CriuStep) => Promise<void>
  readonly signal?: AbortSignal | undefined
  /** An abort kills it at once. Default false: it may be in the middle of processes that go on. */
  readonly diesAtOnce?: boolean
  /** So does the end of this process. Default false: it gives up at the next step, when nobody answers. */
  readonly diesWithUs?: boolean
}

/** Beside PATH, since services are often started without them. */
const USUAL = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/local/bin', '/usr/bin', '/bin']

/** The variables of this process, with a PATH that has the folders for programs of root. */
function criuEnvironment(): string[] {
  const { PATH = '', ...others } = environment()
  const folders = [...PATH.split(':').filter(folder => folder !== ''), ...USUAL]
  const variables = Object.entries(others).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]))
  return [`PATH=${[...new Set(folders)].join(':')}`, ...variables]
}

/** @throws {HostError} ERR_HOST_INSTALL if it is not there */
function findCriu(program = 'criu'): string {
  const found = findProgram(program, criuEnvironment())
  if (found !== null) return found
  throw new HostError('ERR_HOST_INSTALL', {
    needs: 'CRIU, for checkpoint and restore',
    found: `no program ${program}`,
    remedy: 'install the package criu (https://criu.org), or name the program with the option criu',
  })
}

interface Running {
  readonly child: Child
  readonly socket: number
  /** What it writes to its standard error, if that is not the container's. */
  readonly errors: { stop(): Promise<string> } | null
}

function startCriu(call: CriuCall, path: string): Running {
  const nothing = openNull()
  const [socket, theirs] = packetPair()
  const [errors, errorsEnd] = call.stdio === undefined ? makePipe() : [-1, -1]
  const stdio = call.stdio ?? [nothing, nothing, errorsEnd]
  const { cgroups = [], mountPoint = '', tree = null, isReadOnly = false, diesWithUs = false, inherited = [] } = call
  try {
    const fds = [...stdio, theirs, ...inherited]
    const program = { path, args: ['criu', 'swrk', String(SOCKET)], env: criuEnvironment() }
    const spawned = startProgram({
      ...program,
      fds,
      cgroups,
      mountPoint,
      tree,
      isReadOnly,
      diesWithUs,
      hasSession: call.stdio === undefined,
      told: SOCKET,
    })
    debug('criu %d: %s', spawned.pid, call.type)
    return { child: followChild(spawned), socket, errors: errors < 0 ? null : collectTail(errors) }
  } catch (error) {
    closeFds([socket, ...(errors < 0 ? [] : [errors])])
    throw error
  } finally {
    closeFds([nothing, theirs, ...(errorsEnd < 0 ? [] : [errorsEnd])])
  }
}

/**
 * Resolves to its response, which says that it worked, once CRIU has ended.
 * @throws {HostError} ERR_HOST_INSTALL without CRIU; what `onStep` throws; the signal's reason
 * @throws {CheckpointError} ERR_CHECKPOINT_CRIU for all else, with the lines of its log that matter
 */
export async function callCriu(call: CriuCall): Promise<CriuResponse> {
  const { signal, diesAtOnce = false } = call
  signal?.throwIfAborted()
  const criu = startCriu(call, findCriu(call.program))
  const abort = (): void => void criu.child.signal(SIGKILL)
  if (diesAtOnce) signal?.addEventListener('abort', abort, { once: true })
  try {
    const response = await converse(call, criu).finally(() => closeFd(criu.socket))
    const status = await criu.child.wait()
    signal?.throwIfAborted()
    if (response?.success === true) return response
    throw failure({ call, response, status, said: (await criu.errors?.stop()) ?? '' })
  } finally {
    signal?.removeEventListener('abort', abort)
    await criu.child.wait()
    await criu.errors?.stop()
  }
}

/** null: CRIU ended without a response. */
async function converse(call: CriuCall, { socket, child }: Running): Promise<CriuResponse | null> {
  const ready = await receiveMessage(socket, LONGEST_MESSAGE)
  if (ready.bytes.length === 0) return null
  const directories = unlessEnded(child, () => openDirectories(call, child.pid))
  if (directories === null) return null
  try {
    sendMessage(socket, encodeRequest({ ...call.request(directories), type: REQUEST_TYPES[call.type] }))
    return await answerSteps(call, socket)
  } finally {
    closeFds(Object.values(directories))
  }
}

/** null: the process could not become CRIU, and has no view of anything any more. */
function unlessEnded<T>(child: Child, act: () => T): T | null {
  try {
    return act()
  } catch (error) {
    // While it ends its root goes before its number does.
    if (isErrno(error) && (!child.signal(0) || !isDirectory(`/proc/${child.pid}/root`))) return null
    throw error
  }
}

/** As CRIU sees them, so that it can mount there: an absolute link on the way would lead back to what we see. */
function openDirectories({ paths, imagesView = null }: CriuCall, pid: number): CriuDirectories {
  if (paths === undefined) return {}
  const open = (path: string): number => openPath(`/proc/${pid}/root${realPath(path)}`, { directory: true })
  const imagesDirectory = imagesView === null ? open(paths.images) : duplicate(imagesView)
  try {
    return { imagesDirectory, workDirectory: open(paths.work) }
  } catch (error) {
    closeFds([imagesDirectory])
    throw error
  }
}

async function answerSteps(call: CriuCall, socket: number): Promise<CriuResponse | null> {
  let refused: unknown = null
  for (;;) {
    const { bytes, fd } = await receiveMessage(socket, LONGEST_MESSAGE)
    const response = bytes.length === 0 ? null : decodeResponse(bytes)
    if (response?.type !== REQUEST_TYPES.notify || response.notification === undefined) {
      if (fd >= 0) closeFd(fd)
      if (refused !== null) throw refused
      return response
    }
    refused ??= await refusalOf(call, response.notification, fd)
    sendMessage(socket, encodeRequest({ type: REQUEST_TYPES.notify, notifySuccess: refused === null }))
  }
}

type Notification = NonNullable<CriuResponse['notification']>

/** Why CRIU has to stop; null: it goes on. */
async function refusalOf(call: CriuCall, { script = '', pid = 0 }: Notification, fd: number): Promise<unknown> {
  debug('%s %d', script, pid)
  try {
    call.signal?.throwIfAborted()
    await call.onStep?.({ name: script, pid, fd })
    return null
  } catch (error) {
    return error ?? new Error('aborted')
  } finally {
    if (fd >= 0) closeFd(fd)
  }
}

interface Failed {
  readonly call: CriuCall
  readonly response: CriuResponse | null
  readonly status: ExitStatus
  readonly said: string
}

function failure({ call, response, status, said }: Failed): CheckpointError {
  const { type, paths } = call
  const logFile = paths === undefined ? null : `${paths.work}/${call.logFile}`
  const { exitCode, signal } = status
  const how = signal === null ? `it ended with status ${exitCode}` : `it was killed by ${signal}`
  const errno = response?.errno ?? 0
  const what = response === null ? `criu gave no answer: ${how}` : `criu failed: type ${typeName(type)} errno ${errno}`
  const text = logFile === null ? null : readTail(logFile, LOG_BYTES)
  const found = text === null ? [] : errorLines(text)
  const told = found.length > 0 ? found : [response?.message ?? '', ...said.split('\n')]
  const lines = told.map(line => line.trim()).filter(line => line !== '')
  const where = text === null ? [] : [`log file: ${logFile}`]
  const message = [what, ...where, ...lines, ...remediesOf(lines)].join('\n')
  return new CheckpointError('ERR_CHECKPOINT_CRIU', message, {
    log: text === null ? '' : (logFile ?? ''),
    lines,
    errno: errnoOf(errno),
  })
}

/** As CRIU names them. */
const typeName = (type: string): string => type.replace(/[A-Z]/g, '_$&').toUpperCase()

const errnoOf = (number: number): string => (number > 0 ? errnoName(number) : '')
