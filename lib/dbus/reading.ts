/** Values of D-Bus, as they are read: everything is checked, since the other side is another program. */
import { SystemError } from '../errors.js'
import { alignmentOf, completeTypes, NUMBER_BYTES, type Value } from './writing.js'

/** How deep values may be in one another: the protocol has 64 for all kinds together. */
const DEEPEST = 64

/** What was received is no message of D-Bus, or not the one that was asked for. */
export const badMessage = (): SystemError => new SystemError({ syscall: 'recv', errno: 'EBADMSG', path: 'D-Bus' })

export class Reading {
  readonly #bytes: Buffer
  #at: number
  readonly #isLittle: boolean
  #depth = 0

  constructor(bytes: Buffer, at: number, isLittle: boolean) {
    this.#bytes = bytes
    this.#at = at
    this.#isLittle = isLittle
  }

  get at(): number {
    return this.#at
  }

  align(to: number): void {
    this.#at = (this.#at + to - 1) & -to
  }

  #take(length: number): Buffer {
    const end = this.#at + length
    if (end > this.#bytes.length) throw badMessage()
    const taken = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return taken
  }

  /** Reads a value of one complete type. @throws {SystemError} EBADMSG */
  read(type: string): Value {
    const [first = ''] = type
    this.align(alignmentOf(first))
    if (NUMBER_BYTES[first] !== undefined) return this.#readNumber(first)
    if ('sog'.includes(first) && first !== '') return this.#readText(first)
    this.#depth += 1
    if (this.#depth > DEEPEST) throw badMessage()
    const value = this.#readContainer(first, type)
    this.#depth -= 1
    return value
  }

  #readContainer(first: string, type: string): Value {
    if (first === 'v') return this.#readVariant()
    if (first === 'a' && type.length > 1) return this.#readArray(type.slice(1))
    if (first === '(' || first === '{') return completeTypes(type.slice(1, -1)).map(inner => this.read(inner))
    throw badMessage()
  }

  readLength(): number {
    return Number(this.read('u'))
  }

  #readNumber(type: string): Value {
    const size = NUMBER_BYTES[type] ?? 0
    const bytes = Buffer.alloc(8)
    const taken = this.#take(size)
    bytes.set(this.#isLittle ? taken : taken.toReversed())
    if (type === 'd') return bytes.readDoubleLE(0)
    const whole = bytes.readBigUInt64LE(0)
    if (type === 'x' || type === 't') return type === 'x' ? BigInt.asIntN(64, whole) : whole
    return Number('ni'.includes(type) ? BigInt.asIntN(size * 8, whole) : whole)
  }

  #readText(type: string): string {
    const length = type === 'g' ? Number(this.#readNumber('y')) : this.readLength()
    const text = this.#take(length).toString('utf8')
    if (this.#take(1)[0] !== 0) throw badMessage()
    return text
  }

  #readVariant(): Value {
    const signature = this.#readText('g')
    if (completeTypes(signature).length !== 1) throw badMessage()
    return { signature, value: this.read(signature) }
  }

  #readArray(element: string): readonly Value[] {
    const length = this.readLength()
    this.align(alignmentOf(element[0] ?? ''))
    const end = this.#at + length
    if (end > this.#bytes.length) throw badMessage()
    const values: Value[] = []
    while (this.#at < end) {
      const before = this.#at
      values.push(this.read(element))
      // A type without bytes would be read for ever.
      if (this.#at === before) throw badMessage()
    }
    if (this.#at !== end) throw badMessage()
    return values
  }
}
