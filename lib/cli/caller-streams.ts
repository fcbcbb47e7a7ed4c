/**
 * The caller's standard streams, for a command that is not to have them themselves: bytes go by pipes. Nothing waits on the event loop,
 * so that time-outs come in time however slow the reader is.
 */
import { write } from 'node:fs'
import { type Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

/** The streams of a process that was started. */
interface Piped {
  readonly stdin: Writable | null
  readonly stdout: Readable | null
  readonly stderr: Readable | null
}

/** Resolves when all that it wrote has been passed on. @throws {Error} if that can't be written */
export async function passOn({ stdin, stdout, stderr }: Piped): Promise<void> {
  // It ends without having read all of it, or at once.
  if (stdin !== null) void pipeline(process.stdin, stdin).catch(() => {})
  await Promise.all([carry(stdout, 1), carry(stderr, 2)])
}

async function carry(from: Readable | null, fd: number): Promise<void> {
  try {
    if (from !== null) await pipeline(from, writerOf(fd))
  } catch (error) {
    // Nobody reads it any more: the pipe is closed by now, which the command hears of as it would without us.
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error
  }
}

const FULL_MS = 5

/** `process.stdout` of a pipe writes on the event loop, and waits there. */
function writerOf(fd: number): Writable {
  const all = (chunk: Uint8Array, done: (error?: Error | null) => void): void =>
    write(fd, chunk, (error, written) => {
      // Somebody else made the pipe non-blocking, and it is full.
      if (error?.code === 'EAGAIN') setTimeout(() => all(chunk, done), FULL_MS)
      else if (error !== null || written === chunk.length) done(error)
      else all(chunk.subarray(written), done)
    })
  return new Writable({ write: (chunk: Uint8Array, _encoding, done) => all(chunk, done) })
}
