/** The process that writes (native/layer): started, fed with orders, and ended whatever happens. */
import type { Writable } from 'node:stream'
import { LayerError } from '../../errors.js'
import { closeFd, closeFds } from '../../sys/beneath.js'
import { layerExecutable } from '../../sys/memory.js'
import { type ExitStatus, reap, signalPidfd } from '../../sys/processes.js'
import { type Spawned, spawn } from '../../sys/spawn.js'
import { makePipe, readableOf, writableOf } from '../../sys/stream.js'
import { READABLE, watch } from '../../sys/watch.js'
import { MOST_ORDER_BYTES, type Order, writeOrder } from './orders.js'
import { errorOf, parseAnswer, type WriterAnswer } from './verdict.js'

export type OverlayKind = 'trusted' | 'user'

export interface WriterOptions {
  /** A descriptor of the directory, which stays the caller's. */
  readonly target: number
  readonly overlay: OverlayKind
  /** Whether files get the owners of the layer. */
  readonly owners: boolean
  /** Whether devices may be made. */
  readonly devices: boolean
}

export interface LayerWriter {
  /** Null: the next order may come at once; else when the promise has resolved. */
  order(order: Order): Promise<void> | null
  /** Content of the file that is open. The bytes must stay as they are until the promise has resolved. */
  data(bytes: Buffer): Promise<void> | null
  /** All of it has been carried out when this resolves. */
  finish(): Promise<void>
  /** Rejects as soon as the writer fails; never resolves. It need not be looked at. */
  readonly failed: Promise<never>
  /** Ends the process if it still runs, and waits for its end. May be called more than once. */
  stop(): Promise<void>
}

const VERSION = '1'
const FLAGS = { newUser: 1, trusted: 2, owners: 4, devices: 8 } as const
const SIGKILL = 9

/** @throws {SystemError} if it can't be started; @throws {HostError} ERR_HOST_INSTALL */
export function startWriter(options: WriterOptions): LayerWriter {
  const { process, orders, answers } = startProcess(options)
  const stream = writableOf(orders)
  const end = endOf(process)
  const verdict = readVerdict(answers, end.exited)
  const failed = (async (): Promise<never> => {
    const answer = await verdict
    if (answer.kind !== 'done') throw errorOf(answer)
    return new Promise<never>(() => {})
  })()
  failed.catch(() => {})
  const { order, data, flush } = batches(stream, failed)
  const finish = async (): Promise<void> => {
    void order({ order: 'end' })
    await flush()
    const answer = await verdict
    if (answer.kind !== 'done') throw errorOf(answer)
  }
  const stop = async (): Promise<void> => {
    stream.destroy()
    end.kill()
    await end.exited
    await verdict.catch(() => {})
  }
  return { order, data, finish, failed, stop }
}

interface Started {
  readonly process: Spawned
  /** Our ends of the pipes. */
  readonly orders: number
  readonly answers: number
}

function startProcess({ target, overlay, owners, devices }: WriterOptions): Started {
  const flags =
    (overlay === 'trusted' ? FLAGS.trusted : 0) | (owners ? FLAGS.owners : 0) | (devices ? FLAGS.devices : 0)
  const [ours, theirs]: [number[], number[]] = [[], []]
  try {
    const [read, orders] = makePipe()
    theirs.push(read)
    ours.push(orders)
    const [answers, write] = makePipe()
    theirs.push(write)
    ours.push(answers)
    const executable = layerExecutable()
    theirs.push(executable)
    const process = spawn({ executable, arguments: [VERSION, String(flags)], fds: [read, target, write] })
    return { process, orders, answers }
  } catch (error) {
    closeFds(ours)
    throw error
  } finally {
    closeFds(theirs)
  }
}

interface End {
  readonly exited: Promise<ExitStatus | null>
  kill(): void
}

function endOf({ pidfd }: Spawned): End {
  let isOpen = true
  const exited = (async () => {
    await watch(pidfd, READABLE).ready
    const status = reap(pidfd)
    isOpen = false
    closeFd(pidfd)
    // Somebody else has reaped it: nothing is known.
    return typeof status === 'string' ? null : status
  })()
  exited.catch(() => {})
  const kill = (): void => {
    if (isOpen) signalPidfd(pidfd, SIGKILL)
  }
  return { exited, kill }
}

/** The last answer; @throws {LayerError} ERR_LAYER_DIED if there is none. */
async function readVerdict(answers: number, exited: Promise<ExitStatus | null>): Promise<WriterAnswer> {
  let bytes: Buffer = Buffer.alloc(0)
  for await (const chunk of readableOf(answers)) bytes = Buffer.concat([bytes, chunk as Buffer])
  const parsed = parseAnswer(bytes)
  if (parsed !== null) return parsed.answer
  const status = await exited
  const how = status?.signal ?? (status === null ? 'an unknown status' : `status ${status.exitCode}`)
  throw new LayerError('ERR_LAYER_DIED', `the layer writer (tsrun-layer) ended with ${how} before it was done`)
}

/** Two of them: one is filled while the other is written. */
const BATCH_BYTES = 256 * 1024
/** From so many bytes on, data is not copied into a batch. */
const LARGE_BYTES = 32 * 1024

type Batches = Pick<LayerWriter, 'order' | 'data'> & { flush(): Promise<void> }

function batches(stream: Writable, failed: Promise<never>): Batches {
  let [filling, other] = [Buffer.allocUnsafe(BATCH_BYTES), Buffer.allocUnsafe(BATCH_BYTES)]
  let at = 0
  const write = (bytes: Buffer): Promise<void> =>
    new Promise<void>((resolve, reject) => {
      stream.write(bytes, error => (error == null ? resolve() : reject(error)))
      // The writer's own words are better than EPIPE, which comes with its end.
    }).catch(async error => {
      await failed
      throw error
    })
  let written: Promise<void> = Promise.resolve()
  const flush = async (): Promise<void> => {
    const [full, size, before] = [filling, at, written]
    ;[filling, other] = [other, filling]
    at = 0
    written = size === 0 ? before : before.then(() => write(full.subarray(0, size)))
    written.catch(() => {})
    await before
  }
  const order = (given: Order): Promise<void> | null => {
    at = writeOrder(filling, at, given)
    return at + MOST_ORDER_BYTES > BATCH_BYTES ? flush() : null
  }
  const large = async (bytes: Buffer): Promise<void> => {
    at = writeOrder(filling, at, { order: 'data', bytes: bytes.length })
    await flush()
    written = written.then(() => write(bytes))
    written.catch(() => {})
    await written
  }
  const data = (bytes: Buffer): Promise<void> | null => {
    if (bytes.length >= LARGE_BYTES) return large(bytes)
    at = writeOrder(filling, at, { order: 'data', bytes: bytes.length })
    at += bytes.copy(filling, at)
    return at + MOST_ORDER_BYTES > BATCH_BYTES ? flush() : null
  }
  const flushAll = async (): Promise<void> => {
    await flush()
    await written
  }
  return { order, data, flush: flushAll }
}
