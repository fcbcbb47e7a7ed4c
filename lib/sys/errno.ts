import { constants } from 'node:os'
import { getSystemErrorMap } from 'node:util'
import { SystemError } from '../errors.js'

const NAMES = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]))
// Two names for one number: the one that strace prints.
NAMES.set(constants.errno.EAGAIN, 'EAGAIN')
NAMES.set(constants.errno.EOPNOTSUPP, 'EOPNOTSUPP')

/** The errno's name, such as `ENOENT`; `errno 999` if there is none. */
export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `errno ${errno}`
}

let messages: ReadonlyMap<string, string> | null = null

/** What an errno means, in the words of perror(3), lower case; the name itself if there are none. */
export function errnoMessage(name: string): string {
  // Callers look for the words of perror(3), and libuv has others for this one.
  messages ??= new Map([...getSystemErrorMap().values(), ['EISDIR', 'is a directory']])
  return messages.get(name) ?? name
}

const SIGNALS = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]))
SIGNALS.set(constants.signals.SIGABRT, 'SIGABRT')
SIGNALS.set(constants.signals.SIGIO, 'SIGIO')

/** The signal's name, such as `SIGKILL`; `SIGRTMIN+2` for a real-time one. */
export function signalName(signal: number): string {
  return SIGNALS.get(signal) ?? (signal >= 34 && signal <= 64 ? `SIGRTMIN+${signal - 34}` : `signal ${signal}`)
}

/** The number of `SIGTERM`, `TERM`, `15`, `SIGRTMIN+1`, `RTMAX-1`, in any case; null for what is no signal. */
export function signalNumber(name: string | number): number | null {
  const text = String(name).toUpperCase()
  if (/^(0|[1-9][0-9]?)$/.test(text)) return Number(text) <= 64 ? Number(text) : null
  const bare = text.startsWith('SIG') ? text.slice(3) : text
  const realTime = /^RT(MIN|MAX)(?:([+-])([0-9]{1,2}))?$/.exec(bare)
  if (realTime !== null) return realTimeSignal(realTime)
  return (constants.signals as Record<string, number>)[`SIG${bare}`] ?? null
}

function realTimeSignal([, base, sign = '+', offset = '0']: RegExpExecArray): number | null {
  const number = (base === 'MIN' ? 34 : 64) + (sign === '-' ? -Number(offset) : Number(offset))
  return number >= 34 && number <= 64 ? number : null
}

/** Passes a result >= 0 on; turns -errno into a SystemError. */
export function check(result: number, syscall: string, path = ''): number {
  if (result < 0) throw new SystemError({ syscall, errno: errnoName(-result), path })
  return result
}

/** Runs a function of node:fs; its error becomes a SystemError, of `file` if Node names none, as for a write to a descriptor. */
export function viaNode<T>(run: () => T, file = ''): T {
  try {
    return run()
  } catch (cause) {
    if (cause instanceof SystemError) throw cause
    const { syscall = 'fs', code = '', path = file } = cause as NodeJS.ErrnoException
    // The usual reason of an abort, a DOMException, has a number.
    if (typeof code !== 'string' || code === '') throw cause
    throw new SystemError({ syscall, errno: code, path }, { cause })
  }
}

/** The same, for what is reached through a descriptor: the error is of `file`, which means more to people than /proc/self/fd. */
export function named<T>(file: string, run: () => T): T {
  try {
    return run()
  } catch (cause) {
    if (!(cause instanceof SystemError)) throw cause
    throw new SystemError({ syscall: cause.syscall, errno: cause.errno, path: file }, { cause })
  }
}

/** True for a SystemError with one of these errno names; with any, if none is given. */
export function isErrno(error: unknown, ...names: readonly string[]): error is SystemError {
  return error instanceof SystemError && (names.length === 0 || names.includes(error.errno))
}
