import { writeSync } from 'node:fs'

const STDOUT = 1
const STDERR = 2

/** Writes to standard output at once: the streams of `process` would cost a millisecond to make. */
export const print = (text: string): void => writeAll(STDOUT, text)
export const printError = (text: string): void => writeAll(STDERR, text)

function writeAll(fd: number, text: string): void {
  let bytes = Buffer.from(text)
  while (bytes.length > 0) bytes = bytes.subarray(writeSome(fd, bytes))
}

/** How many bytes were written. Whoever does not listen any more (EPIPE) misses the rest. */
function writeSome(fd: number, bytes: Uint8Array): number {
  try {
    return writeSync(fd, bytes)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EPIPE') return bytes.length
    if (code !== 'EAGAIN') throw error
    // Somebody else made the pipe non-blocking, and it is full.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
    return 0
  }
}
