/** Messages of protocol buffers from a table of their fields, and back. */
import { PbfReader, PbfWriter } from 'pbf'

type Scalar = 'bool' | 'int' | 'text'
/** The number of the field, what it is, and whether it may come several times. */
type Field = readonly [number: number, type: Scalar | Schema, repeated?: 'list']
export interface Schema {
  readonly [name: string]: Field
}

type ValueOf<T> = T extends 'bool'
  ? boolean
  : T extends 'int'
    ? number
    : T extends 'text'
      ? string
      : T extends Schema
        ? MessageOf<T>
        : never

/** What a message of the schema has; each field may be left out. */
export type MessageOf<S extends Schema> = {
  readonly [K in keyof S]?:
    | (S[K] extends readonly [number, infer T, 'list']
        ? readonly ValueOf<T>[]
        : S[K] extends readonly [number, infer T]
          ? ValueOf<T>
          : never)
    | undefined
}

type Values = Readonly<Record<string, unknown>>

/** Fields in the order of the schema; what is undefined is left out. */
export function encodeProtobuf<S extends Schema>(schema: S, message: MessageOf<S>): Uint8Array {
  const writer = new PbfWriter()
  writeFields(writer, schema, message as Values)
  return writer.finish()
}

function writeFields(writer: PbfWriter, schema: Schema, message: Values): void {
  for (const [name, [number, type, repeated]] of Object.entries(schema)) {
    const value = message[name]
    if (value === undefined) continue
    const each: readonly unknown[] = repeated === undefined ? [value] : (value as readonly unknown[])
    for (const one of each) writeField(writer, { number, type, value: one })
  }
}

interface FieldValue {
  readonly number: number
  readonly type: Scalar | Schema
  readonly value: unknown
}

function writeField(writer: PbfWriter, { number, type, value }: FieldValue): void {
  if (type === 'bool') writer.writeBooleanField(number, value as boolean)
  else if (type === 'int') writer.writeVarintField(number, value as number)
  else if (type === 'text') writer.writeStringField(number, value as string)
  else writer.writeMessage(number, (inner: Values, nested) => writeFields(nested, type, inner), value as Values)
}

/**
 * Fields that the schema does not have are left out.
 * @throws {RangeError} for bytes that are no message
 */
export function decodeProtobuf<S extends Schema>(schema: S, bytes: Uint8Array): MessageOf<S> {
  const reader = new PbfReader(bytes)
  const message = readFields(reader, schema, bytes.length)
  if (reader.pos !== bytes.length) throw new RangeError('a message ends in the middle of a field')
  return message as MessageOf<S>
}

function readFields(reader: PbfReader, schema: Schema, end: number): Values {
  const names = new Map(Object.entries(schema).map(([name, field]) => [field[0], { name, field }]))
  const message: Record<string, unknown> = {}
  reader.readFields(
    tag => {
      const known = names.get(tag)
      if (known === undefined) return
      const value = readField(reader, known.field[1])
      const before = message[known.name]
      message[known.name] = known.field[2] === undefined ? value : [...((before as unknown[]) ?? []), value]
    },
    null,
    end,
  )
  return message
}

function readField(reader: PbfReader, type: Scalar | Schema): unknown {
  if (type === 'bool') return reader.readBoolean()
  // Negative ones come as 64 bits.
  if (type === 'int') return reader.readVarint(true)
  if (type === 'text') return reader.readString()
  const length = reader.readVarint()
  return readFields(reader, type, reader.pos + length)
}
