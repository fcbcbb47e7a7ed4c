/** Routing netlink (rtnetlink(7)): requests about network devices, answered at once. */
import { SystemError } from '../errors.js'
import { closeFd } from './beneath.js'
import { check, errnoName } from './errno.js'
import { native } from './native.js'

const HEADER_BYTES = 16
const ATTRIBUTE_BYTES = 4
const NLMSG_ERROR = 2
const NLMSG_DONE = 3
const NLM_F_REQUEST = 0x1
const NLM_F_ACK = 0x4
const NLM_F_DUMP = 0x300
const NLM_F_ACK_TLVS = 0x200
const NLMSGERR_ATTR_MSG = 1
const ANSWER_BYTES = 256 * 1024

export type Attribute = readonly [type: number, value: Uint8Array]

export interface NetlinkRequest {
  /** For errors, such as RTM_GETLINK. */
  readonly name: string
  readonly type: number
  /** NLM_F_* but for those that ask for the answer's end. */
  readonly flags?: number
  /** Ask for all objects. Default false. */
  readonly dump?: boolean
  /** The family's own header, of a length that is a multiple of 4. */
  readonly header: Uint8Array
  readonly attributes: readonly Attribute[]
}

/** The body of a message of the answer: the family's header, and attributes. */
export interface NetlinkMessage {
  readonly type: number
  readonly body: Buffer
}

export interface NetlinkSocket {
  /** @throws {SystemError} with the request's name, and what the kernel said about it as the path */
  request(request: NetlinkRequest): NetlinkMessage[]
  close(): void
}

/** A socket in the network namespace of the descriptor (stays the caller's); null: in our own. */
export function openNetlink(namespace: number | null): NetlinkSocket {
  const fd = check(native().ts_netlink_open(namespace ?? -1), namespace === null ? 'socket' : 'setns', 'netlink')
  return { request: request => exchange(fd, request), close: () => closeFd(fd) }
}

/** Takes over a routing socket that was made elsewhere. */
export function netlinkOver(fd: number): NetlinkSocket {
  check(native().ts_netlink_prepare(fd), 'setsockopt', 'netlink')
  return { request: request => exchange(fd, request), close: () => closeFd(fd) }
}

export const textValue = (text: string): Buffer => Buffer.from(`${text}\0`)

export function uint32Value(number: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(number)
  return bytes
}

const aligned = (length: number): number => (length + 3) & ~3

function exchange(fd: number, request: NetlinkRequest): NetlinkMessage[] {
  const bytes = encode(request)
  const answer = Buffer.alloc(ANSWER_BYTES)
  const length = check(native().ts_netlink_request(fd, bytes, bytes.length, answer, answer.length), request.name)
  const messages: NetlinkMessage[] = []
  for (let at = 0; at + HEADER_BYTES <= length; at += aligned(answer.readUInt32LE(at))) {
    const type = answer.readUInt16LE(at + 4)
    const body = answer.subarray(at + HEADER_BYTES, at + answer.readUInt32LE(at))
    if (type === NLMSG_ERROR || type === NLMSG_DONE) throwIfFailed(request.name, body, answer.readUInt16LE(at + 6))
    else messages.push({ type, body })
  }
  return messages
}

function encode({ type, flags = 0, dump = false, header, attributes }: NetlinkRequest): Buffer {
  const encoded = attributes.map(([kind, value]) => {
    const bytes = Buffer.alloc(aligned(ATTRIBUTE_BYTES + value.length))
    bytes.writeUInt16LE(ATTRIBUTE_BYTES + value.length, 0)
    bytes.writeUInt16LE(kind, 2)
    bytes.set(value, ATTRIBUTE_BYTES)
    return bytes
  })
  const message = Buffer.concat([Buffer.alloc(HEADER_BYTES), header, ...encoded])
  message.writeUInt32LE(message.length, 0)
  message.writeUInt16LE(type, 4)
  message.writeUInt16LE(NLM_F_REQUEST | flags | (dump ? NLM_F_DUMP : NLM_F_ACK), 6)
  return message
}

/** The body is a negative errno, and in an error the request's header; then attributes, which may have words. */
function throwIfFailed(syscall: string, body: Buffer, flags: number): void {
  const error = body.length >= 4 ? body.readInt32LE(0) : 0
  if (error === 0) return
  const attributes = (flags & NLM_F_ACK_TLVS) === 0 ? new Map() : attributesOf(body, 4 + HEADER_BYTES)
  const words = attributes.get(NLMSGERR_ATTR_MSG)
  throw new SystemError({ syscall, errno: errnoName(-error), path: words === undefined ? '' : textOf(words) })
}

export const textOf = (value: Buffer): string => value.toString('utf8').replace(/\0.*$/s, '')

/** The attributes of a message's body that come after its header of `start` bytes. */
export function attributesOf(body: Buffer, start: number): Map<number, Buffer> {
  const found = new Map<number, Buffer>()
  for (let at = start; at + ATTRIBUTE_BYTES <= body.length; ) {
    const length = body.readUInt16LE(at)
    if (length < ATTRIBUTE_BYTES) break
    // The two highest bits tell of nesting and byte order.
    found.set(body.readUInt16LE(at + 2) & 0x3fff, body.subarray(at + ATTRIBUTE_BYTES, at + length))
    at += aligned(length)
  }
  return found
}
