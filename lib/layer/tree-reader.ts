/** Asks the process that reads (native/layer/read.c) for one entry after the other. */
import { LayerError } from '../errors.js'
import type { ByteSource } from './byte-source.js'
import { shown } from './layer-limits.js'
import { type LayerProcess, type ProcessOptions, startLayerProcess } from './layer-process.js'
import { MOST_ORDER_BYTES, writeOrder } from './orders.js'
import { ANSWER_BYTES, answerOf, errorOf } from './verdict.js'

/** All texts are bytes (latin1). */
export interface FoundEntry {
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly major: number
  readonly minor: number
  /** How many names it has. */
  readonly links: number
  readonly size: number
  readonly seconds: number
  readonly nanoseconds: number
  /** The same for all names of a file. */
  readonly inode: bigint
  /** What a link says. */
  readonly target: string
  readonly xattrs: readonly (readonly [string, string])[]
  /** Of a directory: what is in it. */
  readonly names: readonly string[]
}

export interface TreeReader {
  /** Asks for it, and does not wait: answers come in the order of the questions. "" is the root. */
  ask(path: string): void
  /** The answer to the oldest question that has none. A file's content must be read before the next one. */
  answer(): Promise<FoundEntry>
  /** Of the file of the last answer: some more bytes; none at the end. */
  content(): Promise<Buffer>
  stop(): Promise<void>
}

const RECORD_BYTES = 64
const KINDS = { entry: 16, attribute: 17, name: 18, content: 19, end: 20 } as const

interface FoundRecord {
  readonly head: Buffer
  readonly kind: number
  readonly first: string
  readonly second: string
}

/** @throws as `startLayerProcess` */
export async function startTreeReader(
  options: Pick<ProcessOptions, 'target' | 'overlay' | 'mappings'>,
): Promise<TreeReader> {
  const process = await startLayerProcess({ ...options, owners: false, devices: false, reads: true })
  const { orders, answers, stop } = process
  const asked: string[] = []
  let [path, left] = ['', 0]
  const record = async (): Promise<FoundRecord> => readRecord(process, answers)
  const close = async (): Promise<void> => {
    const lost = Number((await expect(record(), KINDS.end)).head.readBigUInt64LE(32))
    if (lost > 0) throw unreadable(path, lost)
  }
  const answer = async (): Promise<FoundEntry> => {
    path = asked.shift() ?? ''
    const { head, second: target } = await expect(record(), KINDS.entry)
    const parts = { target, xattrs: [] as [string, string][], names: [] as string[] }
    const last = await partsOf(record, parts)
    left = last.kind === KINDS.content ? Number(last.head.readBigUInt64LE(32)) : 0
    if (last.kind === KINDS.content && left === 0) await close()
    return foundIn(head, parts)
  }
  const content = async (): Promise<Buffer> => {
    if (left === 0) return Buffer.alloc(0)
    const bytes = await answers.some(left)
    if (bytes.length === 0) throw await process.died()
    left -= bytes.length
    if (left === 0) await close()
    return bytes
  }
  const ask = (wanted: string): void => {
    const order = Buffer.alloc(MOST_ORDER_BYTES - 65536)
    asked.push(wanted)
    orders.write(order.subarray(0, writeOrder(order, 0, { order: 'read', first: wanted })))
  }
  return { ask, answer, content, stop }
}

/** Up to the record that is neither an attribute nor a name. */
async function partsOf(
  next: () => Promise<FoundRecord>,
  { xattrs, names }: { xattrs: [string, string][]; names: string[] },
): Promise<FoundRecord> {
  for (;;) {
    const said = await next()
    if (said.kind === KINDS.attribute) xattrs.push([said.first, said.second])
    else if (said.kind === KINDS.name) names.push(said.first)
    else return said
  }
}

const unreadable = (path: string, lost: number): LayerError =>
  new LayerError(
    'ERR_LAYER_WRITE',
    `it could not be read to its end, ${lost} bytes before it: it has been changed meanwhile`,
    {
      entry: shown(path),
    },
  )

async function expect(coming: Promise<FoundRecord>, kind: number): Promise<FoundRecord> {
  const found = await coming
  if (found.kind === kind) return found
  throw new LayerError(
    'ERR_LAYER_DIED',
    `tsrun-layer has told ${found.kind} in the place of ${kind}: this is a bug of tsrun`,
  )
}

async function readRecord({ died }: LayerProcess, answers: ByteSource): Promise<FoundRecord> {
  const take = async (size: number): Promise<Buffer> => {
    const bytes = answers.now(size) ?? (await answers.take(size))
    if (bytes.length < size) throw await died()
    return bytes
  }
  const begin = await take(ANSWER_BYTES)
  const kind = begin[0] ?? 0
  if (kind < KINDS.entry) throw errorOf(answerOf(begin, await take(begin.readUInt16LE(2))))
  const head = Buffer.concat([begin, await take(RECORD_BYTES - ANSWER_BYTES)])
  const first = (await take(head.readUInt16LE(2))).toString('latin1')
  const second = (await take(head.readUInt32LE(4))).toString('latin1')
  return { head, kind, first, second }
}

function foundIn(head: Buffer, rest: Pick<FoundEntry, 'target' | 'xattrs' | 'names'>): FoundEntry {
  return {
    ...{ mode: head.readUInt32LE(8), uid: head.readUInt32LE(12), gid: head.readUInt32LE(16) },
    ...{ major: head.readUInt32LE(20), minor: head.readUInt32LE(24), links: head.readUInt32LE(28) },
    ...{ size: Number(head.readBigUInt64LE(32)), seconds: Number(head.readBigInt64LE(40)) },
    ...{ inode: head.readBigUInt64LE(48), nanoseconds: head.readUInt32LE(56) },
    ...rest,
  }
}
