/** One header block of an archive (pax(1), tar(5)): texts are bytes (latin1), since names need not be UTF-8. */
import { LayerError } from '../errors.js'

export const BLOCK = 512

export interface TarHeader {
  /** The type flag, such as `0` or `L`. */
  readonly type: string
  readonly name: string
  readonly linkName: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Of what follows, before padding. */
  readonly size: number
  readonly seconds: number
  readonly major: number
  readonly minor: number
}

const malformed = (message: string): LayerError => new LayerError('ERR_LAYER_FORMAT', message)

export function isZero(block: Buffer): boolean {
  for (let at = 0; at < BLOCK; at += 8) if (block.readInt32LE(at) !== 0 || block.readInt32LE(at + 4) !== 0) return false
  return true
}

/** Up to the first NUL. */
export function textAt(block: Buffer, at: number, length: number): string {
  const end = block.indexOf(0, at)
  return block.toString('latin1', at, end < 0 || end > at + length ? at + length : end)
}

/** Octal digits, or the big-endian number of GNU tar that its first bit announces. */
export function numberAt(block: Buffer, at: number, length: number): number {
  const first = block[at] ?? 0
  if ((first & 0x80) !== 0) return binaryAt(block, at, length)
  let number = 0
  let digits = false
  for (let i = at; i < at + length; i++) {
    const byte = block[i] ?? 0
    if (byte === 0x20 && !digits) continue
    if (byte === 0x20 || byte === 0) break
    if (byte < 0x30 || byte > 0x37)
      throw malformed(`this is no tar archive, or a damaged one: a number in a header is not octal (byte ${i})`)
    number = number * 8 + (byte - 0x30)
    digits = true
  }
  return number
}

function binaryAt(block: Buffer, at: number, length: number): number {
  const first = block[at] ?? 0
  let number = BigInt(first & 0x7f)
  for (let i = at + 1; i < at + length; i++) number = (number << 8n) | BigInt(block[i] ?? 0)
  const signed = (first & 0x40) !== 0 ? number - (1n << BigInt(length * 8 - 1)) : number
  const safe = Number(signed)
  if (!Number.isSafeInteger(safe)) throw malformed(`a header has a number that is too large, at byte ${at}`)
  return safe
}

const [CHECKSUM, CHECKSUM_END] = [148, 156]

/** Some old programs summed signed bytes. */
function hasChecksum(block: Buffer): boolean {
  const wanted = numberAt(block, CHECKSUM, 8)
  let unsigned = 0
  let above = 0
  for (let i = 0; i < BLOCK; i++) {
    const byte = i >= CHECKSUM && i < CHECKSUM_END ? 0x20 : (block[i] ?? 0)
    unsigned += byte
    above += byte >> 7
  }
  return wanted === unsigned || wanted === unsigned - 256 * above
}

/** The beginning of a long name, in archives of POSIX only: GNU tar has other fields there. */
function prefixOf(block: Buffer): string {
  if (block.toString('latin1', 257, 263) !== 'ustar\0') return ''
  const isStar = block.toString('latin1', 508, 512) === 'tar\0'
  return textAt(block, 345, isStar ? 131 : 155)
}

/** @throws {LayerError} ERR_LAYER_FORMAT if it is no header */
export function parseHeader(block: Buffer): TarHeader {
  if (!hasChecksum(block)) throw malformed('this is no tar archive, or a damaged one: a header has another checksum')
  const type = String.fromCharCode(block[156] || 0x30)
  const prefix = prefixOf(block)
  const name = textAt(block, 0, 100)
  const isDevice = type === '3' || type === '4'
  const size = numberAt(block, 124, 12)
  if (size < 0) throw malformed('a header has a negative size')
  // One literal: an object that is spread together takes kilobytes, for each of a million entries.
  return {
    type,
    name: prefix === '' ? name : `${prefix}/${name}`,
    linkName: textAt(block, 157, 100),
    mode: numberAt(block, 100, 8),
    uid: numberAt(block, 108, 8),
    gid: numberAt(block, 116, 8),
    size,
    seconds: numberAt(block, 136, 12),
    major: isDevice ? numberAt(block, 329, 8) : 0,
    minor: isDevice ? numberAt(block, 337, 8) : 0,
  }
}
