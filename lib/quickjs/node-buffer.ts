/** The part of Node's Buffer that lib and cbor-x use. */
import { host } from './host.js'

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

type Bytes = Uint8Array<ArrayBuffer>
/** With one of its many constructors, so that the class below can be called with what they take. */
const ByteArray = Uint8Array as unknown as new (source: unknown, offset?: number, length?: number) => Bytes

export class Buffer extends ByteArray {
  static alloc(size: number, fill = 0): Buffer {
    const made = new Buffer(size)
    if (fill !== 0) made.fill(fill)
    return made
  }

  static allocUnsafe(size: number): Buffer {
    return new Buffer(size)
  }

  /** cbor-x calls it with `new`, as nobody else calls it. */
  static readonly allocUnsafeSlow = Buffer

  static from(source: unknown, second?: unknown, length?: number): Buffer {
    if (typeof source === 'string') return Buffer.#over(second === 'hex' ? fromHex(source) : host.encode(source))
    if (source instanceof ArrayBuffer) return new Buffer(source, Number(second ?? 0), length ?? source.byteLength)
    return new Buffer(source as Iterable<number>)
  }

  static #over({ buffer, byteOffset, length }: Bytes): Buffer {
    return new Buffer(buffer, byteOffset, length)
  }

  static concat(parts: readonly Uint8Array[]): Buffer {
    const whole = new Buffer(parts.reduce((sum, { length }) => sum + length, 0))
    let at = 0
    for (const part of parts) {
      whole.set(part, at)
      at += part.length
    }
    return whole
  }

  static byteLength(text: string): number {
    return host.encodedLength(text)
  }

  static isBuffer(value: unknown): boolean {
    return value instanceof Buffer
  }

  static compare(a: Uint8Array, b: Uint8Array): number {
    const shared = Math.min(a.length, b.length)
    for (let at = 0; at < shared; at++) {
      const difference = (a[at] ?? 0) - (b[at] ?? 0)
      if (difference !== 0) return Math.sign(difference)
    }
    return Math.sign(a.length - b.length)
  }

  override toString(encoding = 'utf8', start = 0, end = this.length): string {
    const part = start === 0 && end >= this.length ? this : this.subarray(start, end)
    if (encoding === 'hex') return Array.from(part, byte => HEX[byte]).join('')
    if (encoding === 'latin1') return Array.from(part, byte => String.fromCharCode(byte)).join('')
    if (encoding !== 'utf8' && encoding !== 'utf-8') throw new TypeError(`Unknown encoding: ${encoding}`)
    return host.decode(part, false) ?? ''
  }

  equals(other: Uint8Array): boolean {
    return Buffer.compare(this, other) === 0
  }

  copy(target: Uint8Array, at = 0, start = 0, end = this.length): number {
    const part = this.subarray(start, Math.min(end, start + target.length - at))
    target.set(part, at)
    return part.length
  }

  /** All of the text, or nothing if there is no room for it. */
  write(text: string, at = 0): number {
    return Math.max(0, host.encodeInto(text, this.subarray(at)))
  }

  utf8Write(text: string, at: number): number {
    return this.write(text, at)
  }

  #view(): DataView {
    return new DataView(this.buffer, this.byteOffset, this.length)
  }

  readUInt8(at = 0): number {
    return this.#view().getUint8(at)
  }
  readUInt16LE(at = 0): number {
    return this.#view().getUint16(at, true)
  }
  readUInt32LE(at = 0): number {
    return this.#view().getUint32(at, true)
  }
  readInt32LE(at = 0): number {
    return this.#view().getInt32(at, true)
  }
  readBigUInt64LE(at = 0): bigint {
    return this.#view().getBigUint64(at, true)
  }
  readBigInt64LE(at = 0): bigint {
    return this.#view().getBigInt64(at, true)
  }
  readDoubleLE(at = 0): number {
    return this.#view().getFloat64(at, true)
  }

  writeUInt8(value: number, at = 0): number {
    this.#view().setUint8(at, within(value, 0, 0xff))
    return at + 1
  }
  writeUInt16LE(value: number, at = 0): number {
    this.#view().setUint16(at, within(value, 0, 0xffff), true)
    return at + 2
  }
  writeUInt32LE(value: number, at = 0): number {
    this.#view().setUint32(at, within(value, 0, 0xffff_ffff), true)
    return at + 4
  }
  writeInt32LE(value: number, at = 0): number {
    this.#view().setInt32(at, within(value, -0x8000_0000, 0x7fff_ffff), true)
    return at + 4
  }
  writeBigUInt64LE(value: bigint, at = 0): number {
    this.#view().setBigUint64(at, within(value, 0n, 0xffff_ffff_ffff_ffffn), true)
    return at + 8
  }
  writeDoubleLE(value: number, at = 0): number {
    this.#view().setFloat64(at, value, true)
    return at + 8
  }
}

function within<T extends number | bigint>(value: T, least: T, most: T): T {
  if (value >= least && value <= most) return value
  throw new RangeError(`The value of "value" is out of range. It must be >= ${least} and <= ${most}. Received ${value}`)
}

function fromHex(text: string): Bytes {
  const pairs = text.match(/[0-9a-f]{2}/gi) ?? []
  return Uint8Array.from(pairs, pair => Number.parseInt(pair, 16))
}
