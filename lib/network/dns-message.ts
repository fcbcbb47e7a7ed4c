/** Messages of the DNS (RFC 1035), as far as a resolver of addresses needs them. Anything unusual in a query is an error. */

export const TYPE = { A: 1, AAAA: 28, OPT: 41, ANY: 255 } as const
export const CODE = { noError: 0, formatError: 1, serverFailure: 2, noName: 3, notImplemented: 4, refused: 5 } as const

export interface Question {
  /** As it was written, without a dot at its end; "" is the root. Bytes beyond ASCII make the query a format error. */
  readonly name: string
  readonly type: number
  readonly isInternet: boolean
}

/** What of a query an answer repeats. */
interface Head {
  readonly id: number
  readonly wantsRecursion: boolean
}

export type Query = Head &
  (
    | {
        readonly code: typeof CODE.noError
        readonly question: Question
        readonly echo: Uint8Array
        readonly edns: boolean
      }
    | { readonly code: typeof CODE.formatError | typeof CODE.notImplemented }
  )

const HEADER = 12
const LONGEST_QUERY = 4096
const CLASS_INTERNET = 1

/** Null for what can't be answered at all: too short, too long, or itself an answer. */
export function parseQuery(bytes: Uint8Array): Query | null {
  if (bytes.length < HEADER || bytes.length > LONGEST_QUERY) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const flags = view.getUint16(2)
  if (flags & 0x8000) return null
  const head = { id: view.getUint16(0), wantsRecursion: (flags & 0x0100) !== 0 }
  if (((flags >> 11) & 0xf) !== 0) return { ...head, code: CODE.notImplemented }
  const [questions, answers, authorities, additional] = [4, 6, 8, 10].map(at => view.getUint16(at))
  const name = questions === 1 && answers === 0 && authorities === 0 ? parseName(bytes, HEADER) : null
  if (name === null || name.end + 4 > bytes.length) return { ...head, code: CODE.formatError }
  const end = name.end + 4
  const edns = additional === 0 ? end === bytes.length : isOpt(view, end)
  if (!edns || (additional ?? 0) > 1) return { ...head, code: CODE.formatError }
  const question = {
    name: name.text,
    type: view.getUint16(name.end),
    isInternet: view.getUint16(name.end + 2) === CLASS_INTERNET,
  }
  return { ...head, code: CODE.noError, question, echo: bytes.slice(HEADER, end), edns: additional === 1 }
}

/** A query has nothing before its name that it could point to. */
function parseName(bytes: Uint8Array, start: number): { text: string; end: number } | null {
  const labels: string[] = []
  for (let at = start; ; ) {
    const length = bytes[at]
    if (length === undefined || length > 63 || at - start > 254) return null
    if (length === 0) return { text: labels.join('.'), end: at + 1 }
    const label = bytes.subarray(at + 1, at + 1 + length)
    // A dot within a label would be read as two.
    if (label.length < length || label.some(byte => byte < 0x21 || byte > 0x7e || byte === 0x2e)) return null
    labels.push(String.fromCharCode(...label))
    at += 1 + length
  }
}

/** One record of EDNS (RFC 6891), up to the end. */
function isOpt(view: DataView, at: number): boolean {
  if (at + 11 > view.byteLength || view.getUint8(at) !== 0 || view.getUint16(at + 1) !== TYPE.OPT) return false
  return at + 11 + view.getUint16(at + 9) === view.byteLength
}

export interface DnsAnswer {
  readonly code: number
  /** 4 or 16 bytes each. */
  readonly addresses: readonly Uint8Array[]
}

/** How long a resolver may keep an address, in seconds. */
const TTL = 60
const PAYLOAD = 1232

/** An answer is shorter than 512 bytes with two addresses and the longest name, so it is never cut. */
export function encodeAnswer(query: Query, { code, addresses }: DnsAnswer): Uint8Array {
  const hasQuestion = query.code === CODE.noError
  const flags = 0x8080 | (query.wantsRecursion ? 0x0100 : 0) | code
  const edns = hasQuestion && query.edns
  const header = words(query.id, flags, hasQuestion ? 1 : 0, hasQuestion ? addresses.length : 0, 0, edns ? 1 : 0)
  if (!hasQuestion) return header
  const records = addresses.flatMap(address => [
    words(0xc000 | HEADER, address.length === 4 ? TYPE.A : TYPE.AAAA, CLASS_INTERNET, 0, TTL, address.length),
    address,
  ])
  const opt = edns ? [Uint8Array.of(0), words(TYPE.OPT, PAYLOAD, 0, 0, 0)] : []
  return Buffer.concat([header, query.echo, ...records, ...opt])
}

function words(...numbers: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(numbers.length * 2)
  numbers.forEach((number, at) => void bytes.writeUInt16BE(number, at * 2))
  return bytes
}
