/** Archives as somebody hostile, or an odd program, would write them: block by block. */
import { gzipSync } from 'node:zlib'

export interface Made {
  /** Bytes (latin1), as all texts here. */
  readonly name: string
  /** The type flag. Default `0`, a file. */
  readonly type?: string
  readonly content?: string | Buffer
  /** What the header says. Default: as many as there are in `content`. */
  readonly size?: number
  readonly link?: string
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
  readonly mtime?: number
  readonly device?: readonly [number, number]
  /** Records of a PAX header before it. */
  readonly pax?: Readonly<Record<string, string>>
  readonly magic?: 'ustar' | 'gnu' | 'v7'
  readonly prefix?: string
}

const BLOCK = 512
const octal = (value: number, length: number): string => `${value.toString(8).padStart(length - 1, '0')}\0`

/** With 8 bytes or more that octal can't hold: as GNU tar writes them. */
function numeric(value: number, length: number): Buffer {
  if (value >= 0 && value < 8 ** (length - 1)) return Buffer.from(octal(value, length), 'latin1')
  const bytes = Buffer.alloc(length, value < 0 ? 0xff : 0)
  let rest = BigInt.asUintN(64, BigInt(value))
  for (let at = length - 1; at >= Math.max(length - 8, 0); at--, rest >>= 8n) bytes[at] = Number(rest & 0xffn)
  bytes[0] = value < 0 ? 0xff : (bytes[0] ?? 0) | 0x80
  return bytes
}

const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc((BLOCK - (bytes.length % BLOCK)) % BLOCK)])
const MAGIC = { ustar: 'ustar\x0000', gnu: 'ustar  \0', v7: '\0\0\0\0\0\0\0\0' }

export function header(made: Made, size: number): Buffer {
  const block = Buffer.alloc(BLOCK)
  block.write(made.name.slice(0, 100), 0, 'latin1')
  numeric(made.mode ?? 0o644, 8).copy(block, 100)
  numeric(made.uid ?? 0, 8).copy(block, 108)
  numeric(made.gid ?? 0, 8).copy(block, 116)
  numeric(size, 12).copy(block, 124)
  numeric(made.mtime ?? 1_000_000_000, 12).copy(block, 136)
  block.write(made.type ?? '0', 156, 'latin1')
  block.write((made.link ?? '').slice(0, 100), 157, 'latin1')
  block.write(MAGIC[made.magic ?? 'ustar'], 257, 'latin1')
  const [major, minor] = made.device ?? [0, 0]
  numeric(major, 8).copy(block, 329)
  numeric(minor, 8).copy(block, 337)
  if (made.prefix !== undefined) block.write(made.prefix, 345, 'latin1')
  return withChecksum(block)
}

export function withChecksum(block: Buffer): Buffer {
  block.fill(' ', 148, 156)
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return block
}

/** `LENGTH KEY=VALUE\n`, with its own length in it. */
export function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`
  let length = rest.length + 1
  while (`${length}${rest}`.length !== length) length++
  return `${length}${rest}`
}

export function paxHeader(records: string, type = 'x'): Buffer {
  const bytes = Buffer.from(records, 'latin1')
  return Buffer.concat([header({ name: 'PaxHeaders/x', type }, bytes.length), padded(bytes)])
}

export function entry(made: Made): Buffer {
  const content = Buffer.from(made.content ?? '')
  const records = Object.entries(made.pax ?? {}).map(([key, value]) => paxRecord(key, value))
  const before = records.length === 0 ? Buffer.alloc(0) : paxHeader(records.join(''))
  return Buffer.concat([before, header(made, made.size ?? content.length), padded(content)])
}

export const END = Buffer.alloc(2 * BLOCK)

/** A whole archive. */
export const tarOf = (...entries: readonly (Made | Buffer)[]): Buffer =>
  Buffer.concat([...entries.map(made => (Buffer.isBuffer(made) ? made : entry(made))), END])

export const gzipOf = (...entries: readonly (Made | Buffer)[]): Buffer => gzipSync(tarOf(...entries))

/** As somebody's download: in pieces. */
export async function* streamOf(bytes: Uint8Array, piece = 65536): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += piece) yield bytes.subarray(at, at + piece)
}
