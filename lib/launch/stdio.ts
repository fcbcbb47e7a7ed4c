/** A container's standard streams: what it gets as descriptors 0 to 2, and what the caller gets to read and write. */
import type { Readable, Writable } from '../streams.js'
import { closeFd, closeFds } from '../sys/beneath.js'
import { openNull } from '../sys/file.js'
import { connectTo, receiveFd, socketPair } from '../sys/socket.js'
import { makePipe, readableOf, type Terminal, terminalOf, writableOf } from '../sys/stream.js'
import type { Child } from './child.js'

/** `inherit`: this process's own; `ignore`: /dev/null; `pipe`: a stream on the handle; a number: a descriptor of this process. */
export type StdioStream = 'inherit' | 'ignore' | 'pipe' | number
/** One for all three, or one each for stdin, stdout and stderr. */
export type Stdio = StdioStream | readonly [stdin: StdioStream, stdout: StdioStream, stderr: StdioStream]

/** The caller's ends; null if the stream is no pipe. */
export interface Streams {
  readonly stdin: Writable | null
  readonly stdout: Readable | null
  readonly stderr: Readable | null
  /** Both directions of the container's terminal, in place of the three. */
  readonly terminal: Terminal | null
}

export interface OpenStdio {
  /** Descriptors 0 to 2 of the container. */
  readonly fds: readonly [number, number, number]
  /** The socket that takes the terminal's master; -1 if there is no terminal. */
  readonly console: number
  /** Closes the container's ends; to be called once the container has them. */
  release(): void
  /** The caller's ends become streams. To be called once, after the container was created. */
  streams(): Streams
  /** Closes everything, after a failure. */
  discard(): void
}

/** A process with the streams that its caller has of it. */
export interface Launched {
  readonly child: Child
  readonly streams: Streams
}

/** Where the streams of a process that is about to be made lead. */
interface WantedStreams {
  /** Default `pipe`. */
  readonly stdio?: Stdio
  /** Default: the terminal becomes the caller's. */
  readonly consoleSocket?: string
  readonly signal?: AbortSignal
  readonly terminal: boolean
}

/** Opens the streams, and has `launch` make the process that gets them. None of them stays open if that fails. */
export async function launchWithStreams(
  wanted: WantedStreams,
  launch: (stdio: OpenStdio) => Promise<Child>,
): Promise<Launched> {
  const { stdio: kinds = 'pipe', consoleSocket = null, signal, terminal } = wanted
  const stdio = await openStdio(kinds, terminal ? { consoleSocket, signal } : null)
  try {
    return withStreams(await launch(stdio), stdio)
  } catch (error) {
    stdio.discard()
    throw error
  } finally {
    stdio.release()
  }
}

/** The caller's ends become streams. */
function withStreams(child: Child, stdio: OpenStdio): Launched {
  const streams = stdio.streams()
  // As node:child_process does it: nobody is left to read it, and a caller that never ends it would hold the pipe for ever.
  void child.exited.then(() => streams.stdin?.destroy())
  return { child, streams }
}

/** A terminal of the caller's own (`consoleSocket` null), or one whose master is sent to a socket. */
interface TerminalInput {
  readonly consoleSocket: string | null
  /** Gives up connecting to it. */
  readonly signal: AbortSignal | undefined
}

export async function openStdio(stdio: Stdio, terminal: TerminalInput | null): Promise<OpenStdio> {
  return terminal === null ? openStreams(stdio) : openTerminal(terminal)
}

async function openTerminal({ consoleSocket, signal }: TerminalInput): Promise<OpenStdio> {
  const [ours, theirs] = consoleSocket === null ? socketPair() : [null, await connectTo(consoleSocket, signal)]
  const nothing = openNull()
  const none = { stdin: null, stdout: null, stderr: null, terminal: null }
  return {
    fds: [nothing, nothing, nothing],
    console: theirs,
    release: () => closeFds([nothing, theirs]),
    streams: () => {
      if (ours === null) return none
      const master = receiveFd(ours)
      closeFd(ours)
      return { ...none, terminal: terminalOf(master) }
    },
    discard: () => {
      if (ours !== null) closeFd(ours)
    },
  }
}

interface Opened {
  readonly fd: number
  /** Ours to close once the container has it. */
  readonly owned: boolean
  /** The caller's end of a pipe, or null. */
  readonly end: number | null
}

function openStreams(stdio: Stdio): OpenStdio {
  const wanted: readonly StdioStream[] = typeof stdio === 'object' ? stdio : [stdio, stdio, stdio]
  const [stdin, stdout, stderr] = openEach(wanted)
  const all = [stdin, stdout, stderr]
  return {
    fds: [stdin.fd, stdout.fd, stderr.fd],
    console: -1,
    release: () => closeFds(new Set(all.filter(({ owned }) => owned).map(({ fd }) => fd))),
    streams: () => ({
      stdin: stdin.end === null ? null : writableOf(stdin.end),
      stdout: stdout.end === null ? null : readableOf(stdout.end),
      stderr: stderr.end === null ? null : readableOf(stderr.end),
      terminal: null,
    }),
    discard: () => closeFds(all.flatMap(({ end }) => end ?? [])),
  }
}

/** Nothing stays open if one of them can't be opened. */
function openEach(wanted: readonly StdioStream[]): [Opened, Opened, Opened] {
  const opened: Opened[] = []
  // One for all that are ignored: the process gets duplicates. The file has no position, and never lets anybody wait.
  let nothing: Opened | null = null
  const ignored = (): Opened => (nothing ??= { fd: openNull(), owned: true, end: null })
  const next = (stream: StdioStream = 'ignore'): Opened => {
    const one = stream === 'ignore' ? ignored() : openStream(stream, opened.length)
    opened.push(one)
    return one
  }
  try {
    return [next(wanted[0]), next(wanted[1]), next(wanted[2])]
  } catch (error) {
    closeFds(new Set(opened.flatMap(({ fd, owned, end }) => [...(owned ? [fd] : []), ...(end === null ? [] : [end])])))
    throw error
  }
}

function openStream(stream: Exclude<StdioStream, 'ignore'>, index: number): Opened {
  if (typeof stream === 'number') return { fd: stream, owned: false, end: null }
  if (stream === 'inherit') return { fd: index, owned: false, end: null }
  const [readEnd, writeEnd] = makePipe()
  return index === 0 ? { fd: readEnd, owned: true, end: writeEnd } : { fd: writeEnd, owned: true, end: readEnd }
}
