/** The content of a file, from the archive to the writer. */

import { monotonicMs, nextTurn } from '../sys/self.js'
import { keepLimit, type Limits } from './layer-limits.js'
import type { Order } from './orders.js'
import type { TarEntry, TarReader } from './tar-reader.js'
import type { LayerWriter } from './writer.js'

export interface LayerCounts {
  readonly entries: number
  /** Of the content of files, without holes. */
  readonly bytes: number
  /** Whether something belongs to this user that belongs to somebody else in the layer. */
  readonly squashed: boolean
  /** Whether the layer hides all that is below it: overlay does not look at the mark of a root. */
  readonly opaque: boolean
  /** How much was left out by the rules of `UnpackOptions`. */
  readonly dropped: { readonly xattrs: number; readonly devices: number }
}

/** What is counted while a layer is written. */
export type Tally = { -readonly [K in keyof LayerCounts]: LayerCounts[K] } & {
  readonly dropped: { xattrs: number; devices: number }
}

export interface TreeContext {
  readonly writer: LayerWriter
  readonly tar: TarReader
  readonly limits: Limits
  /** Whether files get the owners, and the capabilities, of the layer. */
  readonly owners: boolean
  /** Whether devices are made. */
  readonly devices: boolean
  /** Whether other users of the host can reach the files. */
  readonly exposed: boolean
  readonly counts: Tally
  /** Gives the event loop its turn, if it has waited for some milliseconds: everything may be there already. */
  readonly breathe: () => Promise<void>
  /** Bytes of sparse files so far. */
  sparse: number
}

const TURN_MS = 4

export function breather(): () => Promise<void> {
  let turn = monotonicMs()
  return async () => {
    if (monotonicMs() - turn < TURN_MS) return
    await nextTurn()
    turn = monotonicMs()
  }
}

export async function sendOrder({ writer }: Pick<TreeContext, 'writer'>, order: Order): Promise<void> {
  const full = writer.order(order)
  if (full !== null) await full
}

/** Into the file that is open. */
export async function writeContent(context: TreeContext, { sparse, size }: TarEntry, path: string): Promise<void> {
  if (sparse !== null) {
    context.sparse += size
    keepLimit(context.limits, { name: 'sparse', value: context.sparse, entry: path })
  }
  let at = 0
  for (const segment of sparse?.segments ?? [{ offset: 0, size }]) {
    if (segment.offset > at) await sendOrder(context, { order: 'hole', number: segment.offset - at })
    await pour(context, segment.size)
    at = segment.offset + segment.size
  }
  if (size > at) await sendOrder(context, { order: 'hole', number: size - at })
}

async function pour({ writer, tar, counts, breathe }: TreeContext, size: number): Promise<void> {
  for (let left = size; left > 0; ) {
    const piece = await tar.piece(left)
    left -= piece.length
    counts.bytes += piece.length
    const full = writer.data(piece)
    if (full !== null) await full
    await breathe()
  }
}
