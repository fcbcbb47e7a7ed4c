/** Messages of D-Bus. Specification: "Message Format". */
import { badMessage, Reading } from './reading.js'
import { type Typed, type Value, Writing } from './writing.js'

export interface BusCall {
  readonly destination: string
  readonly path: string
  readonly interface: string
  readonly member: string
  readonly args?: readonly Typed[]
}

export const KIND = { call: 1, reply: 2, error: 3, signal: 4 } as const

/** The numbers of the fields of a header. */
const FIELD = { path: 1, interface: 2, member: 3, error: 4, replyTo: 5, destination: 6, signature: 8 } as const

const LITTLE = 'l'.charCodeAt(0)
const BIG = 'B'.charCodeAt(0)
const VERSION = 1
/** Kind, flags and so on, up to the length of the fields. */
const FIXED_BYTES = 16
/** What systemd says to us has some hundred bytes; the protocol allows 128 MiB. */
const LONGEST_MESSAGE = 1024 * 1024

export function encodeCall(call: BusCall, serial: number): Buffer {
  const { args = [] } = call
  const body = new Writing()
  for (const { signature, value } of args) body.write(signature, value)
  const fields: Value[] = [
    [FIELD.path, { signature: 'o', value: call.path }],
    [FIELD.interface, { signature: 's', value: call.interface }],
    [FIELD.member, { signature: 's', value: call.member }],
    [FIELD.destination, { signature: 's', value: call.destination }],
    ...(args.length === 0
      ? []
      : [[FIELD.signature, { signature: 'g', value: args.map(({ signature }) => signature).join('') }]]),
  ]
  const message = new Writing()
  for (const byte of [LITTLE, KIND.call, 0, VERSION]) message.write('y', byte)
  message.write('u', body.length)
  message.write('u', serial)
  message.write('a(yv)', fields)
  message.align(8)
  message.append(body.bytes())
  return message.bytes()
}

export interface Message {
  readonly kind: number
  /** Of the call that this is the answer to; 0: of none. */
  readonly replyTo: number
  readonly interface: string
  readonly member: string
  readonly error: string
  /** The values of the body, if they begin with those types. @throws {SystemError} EBADMSG */
  read(signature: string): Value[]
}

/**
 * How many bytes the first message has; null: that can't be told yet.
 * @throws {SystemError} EBADMSG for what is no message, or longer than 1 MiB
 */
export function lengthOfMessage(bytes: Buffer): number | null {
  if (bytes.length < FIXED_BYTES) return null
  const reading = new Reading(bytes, 4, isLittle(bytes))
  const body = reading.readLength()
  reading.readLength()
  const fields = reading.readLength()
  const whole = FIXED_BYTES + ((fields + 7) & -8) + body
  if (fields > LONGEST_MESSAGE || body > LONGEST_MESSAGE || whole > LONGEST_MESSAGE) throw badMessage()
  return whole
}

function isLittle(bytes: Buffer): boolean {
  const [order, , , version] = bytes
  if ((order !== LITTLE && order !== BIG) || version !== VERSION) throw badMessage()
  return order === LITTLE
}

/** @throws {SystemError} EBADMSG */
export function decodeMessage(bytes: Buffer): Message {
  const order = isLittle(bytes)
  const reading = new Reading(bytes, FIXED_BYTES - 4, order)
  const fields = new Map((reading.read('a(yv)') as readonly (readonly [number, Typed])[]).map(field => fieldOf(field)))
  reading.align(8)
  const text = (field: number): string => {
    const value = fields.get(field) ?? ''
    if (typeof value !== 'string') throw badMessage()
    return value
  }
  const signature = text(FIELD.signature)
  const start = reading.at
  const replyTo = fields.get(FIELD.replyTo) ?? 0
  if (typeof replyTo !== 'number') throw badMessage()
  return {
    kind: bytes[1] ?? 0,
    replyTo,
    interface: text(FIELD.interface),
    member: text(FIELD.member),
    error: text(FIELD.error),
    read: wanted => {
      if (!signature.startsWith(wanted)) throw badMessage()
      const body = new Reading(bytes, start, order)
      return Array.from(wanted, type => body.read(type))
    },
  }
}

const fieldOf = ([number, { value }]: readonly [number, Typed]): readonly [number, Value] => [number, value]
