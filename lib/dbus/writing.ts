/** Values of D-Bus, and how they are written: little-endian, each aligned to its size. Specification: "Marshaling (Wire Format)". */

/** A value of D-Bus; which one is meant is told by its signature. */
export type Value = string | number | bigint | boolean | readonly Value[] | Typed
/** A value with its signature. As a value it is a variant. */
export interface Typed {
  readonly signature: string
  readonly value: Value
}

/** The complete types that follow each other in a signature. */
export function completeTypes(signature: string): string[] {
  const types: string[] = []
  for (let rest = signature; rest !== ''; ) {
    const type = rest.slice(0, lengthOfType(rest))
    types.push(type)
    rest = rest.slice(type.length)
  }
  return types
}

function lengthOfType(signature: string): number {
  const arrays = /^a*/.exec(signature)?.[0].length ?? 0
  let depth = 0
  for (let at = arrays; at < signature.length; at++) {
    if ('({'.includes(signature[at] ?? '')) depth++
    else if (')}'.includes(signature[at] ?? '')) depth--
    if (depth === 0) return at + 1
  }
  return signature.length
}

/** How many bytes a number of a type takes; it is aligned to as many. */
export const NUMBER_BYTES: Readonly<Record<string, number>> = { y: 1, n: 2, q: 2, i: 4, u: 4, b: 4, x: 8, t: 8, d: 8 }

/** What a value of the type is aligned to. */
export function alignmentOf(type: string): number {
  if (type === '(' || type === '{') return 8
  if (type === 'v' || type === 'g') return 1
  return NUMBER_BYTES[type] ?? 4
}

/** More than any call of ours takes; the protocol allows 64 MiB. */
const LONGEST_ARRAY = 1024 * 1024

/** Bytes that are written one value after the other, as from the start of a message. */
export class Writing {
  readonly #parts: Buffer[] = []
  #length = 0

  get length(): number {
    return this.#length
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts)
  }

  append(bytes: Buffer): void {
    this.#parts.push(bytes)
    this.#length += bytes.length
  }

  align(to: number): void {
    const missing = -this.#length & (to - 1)
    if (missing > 0) this.append(Buffer.alloc(missing))
  }

  /** Writes a value of one complete type. @throws {RangeError} for what does not fit its type */
  write(type: string, value: Value): void {
    const [first = ''] = type
    this.align(alignmentOf(first))
    if (first === 'v') this.#writeVariant(value as Typed)
    else if (first === 'a') this.#writeArray(type.slice(1), value as readonly Value[])
    else if (first === '(' || first === '{') this.#writeFields(type.slice(1, -1), value as readonly Value[])
    else if ('sog'.includes(first)) this.#writeText(first, String(value))
    else this.append(numberBytes(first, value))
  }

  #writeText(type: string, text: string): void {
    const bytes = Buffer.from(`${text}\0`)
    if (text.includes('\0')) throw new RangeError('a text of D-Bus has no NUL')
    if (type === 'g') this.append(Buffer.concat([numberBytes('y', bytes.length - 1), bytes]))
    else this.append(Buffer.concat([numberBytes('u', bytes.length - 1), bytes]))
  }

  #writeVariant({ signature, value }: Typed): void {
    this.#writeText('g', signature)
    this.write(signature, value)
  }

  /** Its length does not count what aligns the first element. */
  #writeArray(element: string, values: readonly Value[]): void {
    const inner = new Writing()
    // Where it begins matters to what is in it.
    const alignment = alignmentOf(element[0] ?? '')
    const start = (this.#length + 4 + alignment - 1) & -alignment
    inner.append(Buffer.alloc(start & 7))
    for (const value of values) inner.write(element, value)
    const bytes = inner.bytes().subarray(start & 7)
    if (bytes.length > LONGEST_ARRAY) throw new RangeError(`an array has ${bytes.length} bytes`)
    this.append(numberBytes('u', bytes.length))
    this.align(alignment)
    this.append(bytes)
  }

  #writeFields(types: string, values: readonly Value[]): void {
    for (const [index, type] of completeTypes(types).entries()) this.write(type, values[index] ?? 0)
  }
}

function numberBytes(type: string, value: Value): Buffer {
  const bytes = Buffer.alloc(8)
  const size = NUMBER_BYTES[type]
  if (size === undefined) throw new RangeError(`D-Bus has no type ${JSON.stringify(type)}`)
  if (type === 'd') bytes.writeDoubleLE(Number(value))
  else bytes.writeBigUInt64LE(BigInt.asUintN(64, wholeWithin(type, BigInt(value as number | bigint | boolean))))
  return bytes.subarray(0, size)
}

function wholeWithin(type: string, value: bigint): bigint {
  const bits = (NUMBER_BYTES[type] ?? 0) * 8
  const fits = 'nix'.includes(type) ? BigInt.asIntN(bits, value) === value : BigInt.asUintN(bits, value) === value
  if (!fits) throw new RangeError(`${value} is out of the range of the type ${type}`)
  return value
}
