/** When a command in the background is ready to be used. */
import { optionError, readDuration } from '../config/option.js'
import { StateError } from '../errors.js'
import type { Container, ExecProcess, Readable } from '../index.js'
import { abortOf } from '../sys/abort.js'
import { isErrno } from '../sys/errno.js'
import { readChunks } from '../sys/large-file.js'
import { after } from '../sys/timer.js'

/**
 * `port`: somebody in the sandbox listens on it (TCP). `output`: what the command says has that text, or matches that, within its first MiB. `notify`: it has said
 * READY=1 (sd_notify(3)), for which the sandbox is to be made with `notify`.
 */
export type Readiness = { readonly port: number } | { readonly output: string | RegExp } | { readonly notify: true }

interface Waiting {
  readonly process: ExecProcess
  readonly container: Container
  readonly ready: Readiness
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
}

const DEFAULT_MS = 60_000

/** @throws {ConfigError} naming the option */
export function readReadiness(ready: Readiness, timeoutMs: number | undefined, hasSocket: boolean): number {
  const option = 'ready'
  const expected = '{ port }, { output } or { notify: true }'
  if (typeof ready !== 'object' || ready === null || Object.keys(ready).length !== 1)
    throw optionError({ option, expected, received: ready })
  if ('port' in ready) {
    const { port } = ready
    if (!Number.isInteger(port) || port < 1 || port > 65535)
      throw optionError({ option: 'ready.port', expected: 'a number from 1 to 65535', received: port })
  } else if ('output' in ready) {
    if (!(ready.output instanceof RegExp) && (typeof ready.output !== 'string' || ready.output === ''))
      throw optionError({ option: 'ready.output', expected: 'a text or a regular expression', received: ready.output })
  } else if (!('notify' in ready) || ready.notify !== true) {
    throw optionError({ option, expected, received: ready })
  } else if (!hasSocket) {
    throw optionError({ option: 'ready.notify', expected: 'absent, unless the sandbox has `notify`', received: true })
  }
  return readDuration({ option: 'readyTimeoutMs', value: timeoutMs, otherwise: DEFAULT_MS })
}

/** Resolves when it is. The command is left as it is in any case. @throws {StateError} if it ends before, or is late; the reason of `signal` */
export async function untilReady({ process, container, ready, timeoutMs, signal }: Waiting): Promise<void> {
  const done = new AbortController()
  const aborted = abortOf(signal)
  const late = new Promise<'late'>(resolve => {
    const timer = after(timeoutMs, () => resolve('late'))
    done.signal.addEventListener('abort', () => timer.stop())
  })
  const ended = process.exited.then(() => 'ended' as const)
  try {
    const found = await Promise.race([
      come({ ready, process, container, until: done.signal }),
      late,
      ended,
      aborted.promise,
    ])
    if (found === 'late') throw notReady(container.id, `was not ready within ${timeoutMs} ms`)
    if (found === 'ended') throw notReady(container.id, endOf(await process.exited))
  } finally {
    done.abort()
    aborted.stop()
  }
}

function notReady(id: string, what: string): StateError {
  return new StateError('ERR_STATE_STATUS', `the command ${what}`, { id, expected: 'ready' })
}

const endOf = ({ exitCode, signal }: { exitCode: number | null; signal: string | null }): string =>
  `ended ${signal === null ? `with ${exitCode}` : `by ${signal}`} before it was ready`

interface Coming extends Pick<Waiting, 'ready' | 'process' | 'container'> {
  readonly until: AbortSignal
}

async function come({ ready, process, container, until }: Coming): Promise<'ready'> {
  if ('port' in ready) await listens(container.pid, ready.port, until)
  else if ('output' in ready) await says(process, ready.output, until)
  else if (!(await container.ready({ signal: until }))) await new Promise(() => {})
  return 'ready'
}

const POLL_MS = 10

/** The kernel tells nobody; a connection would be one that the program sees. */
async function listens(pid: number, port: number, until: AbortSignal): Promise<void> {
  // `sl local_address rem_address st`: 0A is TCP_LISTEN.
  const line = new RegExp(`:${port.toString(16).toUpperCase().padStart(4, '0')} [0-9A-F]+:[0-9A-F]{4} 0A `)
  while (!until.aborted) {
    for (const name of ['tcp', 'tcp6']) if (line.test(await beginOf(`/proc/${pid}/net/${name}`))) return
    await new Promise<void>(resolve => after(POLL_MS, resolve))
  }
}

/** Those who listen come first, and a program may have made any number of others. */
async function beginOf(path: string): Promise<string> {
  let text = ''
  try {
    for await (const chunk of readChunks(path, { end: MOST })) text += Buffer.from(chunk).toString('latin1')
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ESRCH', 'EINVAL')) throw error
  }
  return text
}

/** Bytes. */
const MOST = 1024 * 1024

/** Looks at what is said, and puts it back for whoever reads it. */
function says({ stdout, stderr, terminal }: ExecProcess, wanted: string | RegExp, until: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    for (const stream of [terminal ?? stdout, stderr]) if (stream !== null) look(stream, wanted, until, resolve)
  })
}

function look(stream: Readable, wanted: string | RegExp, until: AbortSignal, found: () => void): void {
  let said = Buffer.alloc(0)
  const stop = (): void => {
    stream.off('readable', read)
    if (said.length > 0 && !stream.destroyed) stream.unshift(said)
  }
  const read = (): void => {
    const chunks: Buffer[] = []
    for (let chunk: Buffer | null = stream.read(); chunk !== null; chunk = stream.read()) chunks.push(chunk)
    // Not a list of all chunks: a program may say each byte alone.
    said = Buffer.concat([said, ...chunks])
    const text = said.toString('utf8')
    if (
      typeof wanted === 'string'
        ? text.includes(wanted)
        : new RegExp(wanted.source, wanted.flags.replace(/[gy]/g, '')).test(text)
    )
      found()
    // What comes later is left in the pipe, and the time-out says that it was not ready.
    else if (said.length > MOST) stream.off('readable', read)
  }
  until.addEventListener('abort', stop, { once: true })
  stream.on('readable', read)
}
