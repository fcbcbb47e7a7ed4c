/** Orders to the process that writes, in batches. */
import type { Writable } from 'node:stream'
import { type LayerProcess, type ProcessOptions, startLayerProcess } from './layer-process.js'
import { MOST_ORDER_BYTES, type Order, writeOrder } from './orders.js'
import { errorOf, readAnswer } from './verdict.js'

export interface LayerWriter {
  /** Null: the next order may come at once; else when the promise has resolved. */
  order(order: Order): Promise<void> | null
  /** Content of the file that is open. The bytes must stay as they are until the promise has resolved. */
  data(bytes: Buffer): Promise<void> | null
  /** All of it has been carried out when this resolves. */
  finish(): Promise<void>
  /** Rejects as soon as the writer fails; else resolves when it is done. It need not be looked at. */
  readonly verdict: Promise<void>
  /** Ends the process if it still runs, and waits for its end. May be called more than once. */
  stop(): Promise<void>
}

/** @throws as `startLayerProcess` */
export async function startWriter(options: Omit<ProcessOptions, 'reads'>): Promise<LayerWriter> {
  const { orders, answers, died, stop } = await startLayerProcess({ ...options, reads: false })
  const verdict = settled({ answers, died })
  verdict.catch(() => {})
  const { order, data, flush } = batches(orders, verdict)
  const finish = async (): Promise<void> => {
    void order({ order: 'end' })
    await flush()
    await verdict
  }
  return { order, data, finish, verdict, stop }
}

async function settled({ answers, died }: Pick<LayerProcess, 'answers' | 'died'>): Promise<void> {
  const answer = await readAnswer(answers)
  if (answer === null) throw await died()
  if (answer.kind !== 'done') throw errorOf(answer)
}

/** Two of them: one is filled while the other is written. */
const BATCH_BYTES = 256 * 1024
/** From so many bytes on, data is not copied into a batch. */
const LARGE_BYTES = 32 * 1024

type Batches = Pick<LayerWriter, 'order' | 'data'> & { flush(): Promise<void> }

function batches(stream: Writable, verdict: Promise<void>): Batches {
  let [filling, other] = [Buffer.allocUnsafe(BATCH_BYTES), Buffer.allocUnsafe(BATCH_BYTES)]
  let at = 0
  const write = (bytes: Buffer): Promise<void> =>
    new Promise<void>((resolve, reject) => {
      stream.write(bytes, error => (error == null ? resolve() : reject(error)))
    }).catch(async error => {
      // The process's own words are better than EPIPE, which comes with its end.
      await verdict
      throw error
    })
  let written: Promise<void> = Promise.resolve()
  const pass = (bytes: Buffer): void => {
    written = written.then(() => write(bytes))
    written.catch(() => {})
  }
  /** When it resolves, the batch before this one is free. */
  const flush = async (): Promise<void> => {
    const [full, size, before] = [filling, at, written]
    ;[filling, other] = [other, filling]
    at = 0
    if (size > 0) pass(full.subarray(0, size))
    await before
  }
  const order = (given: Order): Promise<void> | null => {
    at = writeOrder(filling, at, given)
    return at + MOST_ORDER_BYTES > BATCH_BYTES ? flush() : null
  }
  const large = async (bytes: Buffer): Promise<void> => {
    at = writeOrder(filling, at, { order: 'data', bytes: bytes.length })
    await flush()
    pass(bytes)
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
