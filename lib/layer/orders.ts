/** What native/layer is told: orders of a head of 40 bytes and two texts (native/layer/order.h). */
export const ORDERS = {
  ...{ directory: 1, file: 2, data: 3, hole: 4, attribute: 5, finish: 6, link: 7, symlink: 8, node: 9 },
  ...{ whiteout: 10, opaque: 11, settle: 12, clear: 13, read: 14, sync: 15, end: 16 },
} as const

export type OrderName = keyof typeof ORDERS

export interface Order {
  readonly order: OrderName
  /** Both are bytes (latin1). */
  readonly first?: string
  readonly second?: string
  /** How much data follows, in the place of `second`. */
  readonly bytes?: number
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
  readonly device?: number
  /** Since 1970; of a hole: its size. */
  readonly number?: number
  readonly nanoseconds?: number
}

const HEAD_BYTES = 40
const TWO_32 = 2 ** 32

/** The largest that `writeOrder` writes: head, path and the value of an attribute. */
export const MOST_ORDER_BYTES = HEAD_BYTES + 4095 + 65536

/** Writes the order, without its data, and returns where it ends. */
export function writeOrder(to: Buffer, at: number, order: Order): number {
  const { first = '', second = '', bytes = second.length, number = 0 } = order
  to.writeUInt16LE(ORDERS[order.order], at)
  to.writeUInt16LE(first.length, at + 2)
  to.writeUInt32LE(bytes, at + 4)
  to.writeUInt32LE(order.mode ?? 0, at + 8)
  to.writeUInt32LE(order.uid ?? 0, at + 12)
  to.writeUInt32LE(order.gid ?? 0, at + 16)
  to.writeUInt32LE(order.device ?? 0, at + 20)
  // 64 bits, of which a number has 53.
  to.writeUInt32LE(((number % TWO_32) + TWO_32) % TWO_32, at + 24)
  to.writeInt32LE(Math.floor(number / TWO_32), at + 28)
  to.writeUInt32LE(order.nanoseconds ?? 0, at + 32)
  to.writeUInt32LE(0, at + 36)
  const middle = at + HEAD_BYTES + to.write(first, at + HEAD_BYTES, 'latin1')
  return middle + to.write(second, middle, 'latin1')
}
