/** Where errors and warnings go: a file that engines read (`--log`), or standard error. */
import { openSync, writeSync } from 'node:fs'

export type LogFormat = 'text' | 'json'
type Level = 'error' | 'warning' | 'info' | 'debug'

export interface LogOptions {
  /** Appended to, made with mode 0644; undefined: standard error. */
  readonly file: string | undefined
  readonly format: LogFormat
  /** Log everything. Else JSON gets errors only: Podman takes the whole file for one object. */
  readonly isDebug: boolean
}

export interface Log {
  error(message: string): void
  warning(message: string): void
  info(message: string): void
  debug(message: string): void
}

/** @throws if the file can't be opened */
export function openLog({ file, format, isDebug }: LogOptions): Log {
  const fd = file === undefined ? null : openSync(file, 'a', 0o644)
  const write = (level: Level, message: string): void => {
    const line = format === 'json' ? jsonLine(level, message) : textLine(level, message)
    if (fd === null) printError(line)
    else append(fd, line)
  }
  return {
    error: message => {
      // Engines show what is on standard error, and people look there too.
      if (fd !== null) printError(`${message}\n`)
      write('error', message)
    },
    warning: message => {
      if (isDebug || format === 'text') write('warning', message)
    },
    info: message => {
      if (isDebug) write('info', message)
    },
    debug: message => {
      if (isDebug) write('debug', message)
    },
  }
}

/** A log that can't be written must not hide what was to be said. */
function append(fd: number, line: string): void {
  try {
    writeSync(fd, line)
  } catch (error) {
    printError(`the log cannot be written: ${(error as Error).message}\n`)
  }
}

/** RFC 3339 in seconds. */
const now = (): string => new Date().toISOString().replace(/\.\d+Z$/, 'Z')

const jsonLine = (level: Level, message: string): string => `${JSON.stringify({ level, msg: message, time: now() })}\n`

const textLine = (level: Level, message: string): string =>
  `time=${JSON.stringify(now())} level=${level} msg=${JSON.stringify(message)}\n`

const STDOUT = 1
const STDERR = 2

/** Writes to standard output at once: the streams of `process` would cost a millisecond to make. */
export const print = (text: string): void => writeAll(STDOUT, text)
export const printError = (text: string): void => writeAll(STDERR, text)

function writeAll(fd: number, text: string): void {
  let bytes = Buffer.from(text)
  while (bytes.length > 0) bytes = bytes.subarray(writeSome(fd, bytes))
}

/** How many bytes were written. Of what can't be written to standard error nobody can be told. */
function writeSome(fd: number, bytes: Uint8Array): number {
  try {
    return writeSync(fd, bytes)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code !== 'EAGAIN' && fd === STDERR) return bytes.length
    if (code === 'EPIPE') throw new Error('standard output: EPIPE: nobody reads it any more', { cause: error })
    if (code !== 'EAGAIN') throw new Error(`standard output: ${message}`, { cause: error })
    // Somebody else made the pipe non-blocking, and it is full.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
    return 0
  }
}
