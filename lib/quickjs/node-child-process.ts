/** The part of node:child_process that lib uses. */

import { host } from './host.js'
import { closeSync, constants, openSync, readFileSync, unlinkSync } from './node-fs.js'
import { process } from './node-process.js'
import { systemError } from './tables.js'

interface Ended {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
  readonly error?: Error
}

const { O_RDWR = 0, O_CREAT = 0, O_EXCL = 0 } = constants
let files = 0

/** A file for what a program writes, which nobody else can open: one of its two streams could fill a pipe while the other is read. */
function openOutput(): number {
  const path = `/dev/shm/tsrun-output-${process.pid}-${files++}`
  const fd = openSync(path, O_RDWR | O_CREAT | O_EXCL, 0o600)
  unlinkSync(path)
  return fd
}

export function spawnSync(file: string, args: readonly string[]): Ended {
  const [stdin, stdout, stderr] = [openSync('/dev/null'), openOutput(), openOutput()] as const
  try {
    const pid = host.start(file, [file, ...args], stdin, stdout, stderr)
    if (pid < 0) {
      const error = systemError(pid, { syscall: `spawnSync ${file}`, path: undefined })
      error.message = `spawnSync ${file} ${(error as Error & { readonly code: string }).code}`
      return { status: null, stdout: '', stderr: '', error }
    }
    const ended = host.wait(pid)
    const status = (ended & 0x7f) === 0 ? (ended >> 8) & 0xff : null
    return { status, stdout: textFrom(stdout), stderr: textFrom(stderr) }
  } finally {
    for (const fd of [stdin, stdout, stderr]) closeSync(fd)
  }
}

/** From its beginning: it has been written through the same descriptor. */
const textFrom = (fd: number): string => String(readFileSync(`/proc/self/fd/${fd}`, 'utf8'))
