/** The part of CBOR (RFC 8949) that a plan is written in: arrays of a known length, texts, and unsigned integers. */

export interface PlanWire {
  /** How many bytes there are. */
  length(): number
  /** The next `count` items are those of an array. */
  array(count: number): void
  /** As short as it can be. */
  number(value: number): void
  /** In 64 bits, however small. */
  long(value: bigint): void
  text(value: string): void
  bytes(): Uint8Array
}

const MAJOR = { unsigned: 0x00, text: 0x60, array: 0x80 } as const
const FIRST_BYTES = 4096
const LONGEST_HEAD = 9

export function openPlanWire(): PlanWire {
  let buffer = Buffer.allocUnsafe(FIRST_BYTES)
  let used = 0
  const makeRoom = (size: number): void => {
    if (used + size <= buffer.length) return
    const larger = Buffer.allocUnsafe(2 * (used + size))
    buffer.copy(larger, 0, 0, used)
    buffer = larger
  }
  const bigEndian = (value: number, size: number): void => {
    for (let byte = size - 1; byte >= 0; byte--) buffer[used++] = Math.floor(value / 2 ** (8 * byte)) & 0xff
  }
  const head = (major: number, value: number): void => {
    makeRoom(LONGEST_HEAD)
    if (value < 24) buffer[used++] = major | value
    else {
      const power = value < 0x100 ? 0 : value < 0x10000 ? 1 : 2
      buffer[used++] = major | (24 + power)
      bigEndian(value, 2 ** power)
    }
  }
  return {
    length: () => used,
    array: count => head(MAJOR.array, count),
    number: value => head(MAJOR.unsigned, value),
    long: value => {
      makeRoom(LONGEST_HEAD)
      buffer[used++] = MAJOR.unsigned | 27
      bigEndian(Number(value >> 32n), 4)
      bigEndian(Number(value & 0xffff_ffffn), 4)
    },
    text: value => {
      const length = Buffer.byteLength(value)
      head(MAJOR.text, length)
      makeRoom(length)
      used += buffer.write(value, used)
    },
    bytes: () => Uint8Array.prototype.slice.call(buffer, 0, used),
  }
}
