/**
 * System calls that may block for long, or for ever, each on a native thread of its own: neither the event loop nor its thread
 * pool is held, however many of them hang.
 */
import { check } from './errno.js'
import { native } from './native.js'
import { READABLE, watch } from './watch.js'

/** As native/sys/job.h numbers them. */
const KINDS = { openTree: 0, open: 1, connect: 2, writeBeneath: 3, start: 4 } as const

export interface Job {
  readonly kind: keyof typeof KINDS
  readonly path: string
  readonly first?: number
  readonly second?: number
  readonly data?: Uint8Array
  /** The directory of `writeBeneath`; stays the caller's. */
  readonly fd?: number
  /** Those of `start`; they stay the caller's. */
  readonly stdio?: readonly [number, number, number]
  /** Gives up waiting: what comes of the call later is undone, and the signal's reason thrown. */
  readonly signal?: AbortSignal | undefined
}

export interface JobResult {
  readonly result: number
  /** The descriptor that came of it, which is the caller's; -1: none. */
  readonly fd: number
}

/** @throws {SystemError} that the call failed with, named `syscall`; the reason of `signal` */
export async function runJob(job: Job, syscall: string): Promise<JobResult> {
  job.signal?.throwIfAborted()
  const { done, handle } = begin(job)
  const ready = watch(done, READABLE)
  const aborted = abortOf(job.signal)
  try {
    await Promise.race([ready.ready, aborted.promise])
  } finally {
    aborted.stop()
    ready.stop()
    if (job.signal?.aborted) native().ts_job_give_up(handle)
  }
  job.signal?.throwIfAborted()
  const fd = Buffer.alloc(4)
  const result = check(native().ts_job_end(handle, fd), syscall, job.path)
  return { result, fd: fd.readInt32LE(0) }
}

function begin({ kind, path, first = 0, second = 0, data, fd = -1, stdio = [-1, -1, -1] }: Job) {
  const fds = Buffer.from(Int32Array.of(fd, ...stdio).buffer)
  const handle = Buffer.alloc(8)
  const bytes = data ?? Buffer.alloc(0)
  const given = [KINDS[kind], first, second, fds, path, bytes, bytes.length, handle] as const
  const done = check(native().ts_job_begin(...given), 'pthread_create')
  return { done, handle: handle.readBigUInt64LE(0) }
}

/** Rejects with the signal's reason; never, if there is no signal. */
function abortOf(signal: AbortSignal | undefined): { readonly promise: Promise<never>; stop(): void } {
  let abort = (): void => {}
  const promise = new Promise<never>((_, reject) => {
    abort = () => reject(signal?.reason)
  })
  promise.catch(() => {})
  signal?.addEventListener('abort', abort, { once: true })
  return { promise, stop: () => signal?.removeEventListener('abort', abort) }
}
