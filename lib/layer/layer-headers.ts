/** Writes the headers of an archive: ustar, with PAX records for what does not fit there. */
import { BLOCK } from './tar-header.js'

export interface WrittenHeader {
  /** All texts are bytes (latin1). */
  readonly name: string
  readonly type: '0' | '1' | '2' | '3' | '4' | '5' | '6'
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  readonly seconds: number
  readonly nanoseconds: number
  readonly linkName: string
  readonly major: number
  readonly minor: number
  readonly xattrs: readonly (readonly [string, string])[]
}

const NAME_BYTES = 100
const MOST_ID = 0o7777777
const MOST_SIZE = 0o77777777777

/** What is left of a block after so many bytes, as zeros. */
export const padding = (size: number): Buffer => Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK)

/** The end of an archive. */
export const archiveEnd = (): Buffer => Buffer.alloc(2 * BLOCK)

export function archiveHeader(header: WrittenHeader): Buffer {
  const records = recordsOf(header)
  const plain = block(header)
  if (records.length === 0) return plain
  const bytes = Buffer.from(records.join(''), 'latin1')
  const name = `PaxHeaders/${header.name.replace(/\/$/, '').slice(-80)}`
  const pax = block({ ...EMPTY, name, type: 'x', size: bytes.length })
  return Buffer.concat([pax, bytes, padding(bytes.length), plain])
}

const EMPTY = {
  ...{ mode: 0o644, uid: 0, gid: 0, seconds: 0, nanoseconds: 0, linkName: '', major: 0, minor: 0, xattrs: [] },
}

/** Sorted by what they are, so that the same tree makes the same bytes. */
function recordsOf({ name, linkName, uid, gid, size, seconds, nanoseconds, xattrs }: WrittenHeader): string[] {
  const records: string[] = []
  const add = (isNeeded: boolean, key: string, value: string): void => {
    if (isNeeded) records.push(paxRecord(key, value))
  }
  add(name.length > NAME_BYTES, 'path', name)
  add(linkName.length > NAME_BYTES, 'linkpath', linkName)
  add(uid > MOST_ID, 'uid', String(uid))
  add(gid > MOST_ID, 'gid', String(gid))
  add(size > MOST_SIZE, 'size', String(size))
  add(nanoseconds !== 0 || seconds < 0 || seconds > MOST_SIZE, 'mtime', timeOf(seconds, nanoseconds))
  for (const [key, value] of xattrs.toSorted(([a], [b]) => (a < b ? -1 : 1))) add(true, `SCHILY.xattr.${key}`, value)
  return records
}

/** A decimal number; the seconds are rounded down, also before 1970. */
function timeOf(seconds: number, nanoseconds: number): string {
  const total = BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds)
  const [sign, size] = total < 0n ? ['-', -total] : ['', total]
  const fraction = (size % 1_000_000_000n).toString().padStart(9, '0').replace(/0+$/, '')
  return `${sign}${size / 1_000_000_000n}${fraction === '' ? '' : `.${fraction}`}`
}

/** `LENGTH KEY=VALUE\n`, whose length counts its own digits. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`
  let length = rest.length + 1
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length
  return `${length}${rest}`
}

type Plain = Omit<WrittenHeader, 'type' | 'xattrs' | 'nanoseconds'> & { readonly type: string }

function block(header: Plain): Buffer {
  const bytes = Buffer.alloc(BLOCK)
  const text = (value: string, at: number, length: number): void => void bytes.write(value, at, length, 'latin1')
  const number = (value: number, at: number, length: number): void => {
    // What does not fit is in a PAX record.
    const fits = value >= 0 && value < 8 ** (length - 1)
    text(`${(fits ? value : 0).toString(8).padStart(length - 1, '0')}\0`, at, length)
  }
  text(header.name, 0, NAME_BYTES)
  number(header.mode, 100, 8)
  number(header.uid, 108, 8)
  number(header.gid, 116, 8)
  number(header.size, 124, 12)
  number(header.seconds, 136, 12)
  text(header.type, 156, 1)
  text(header.linkName, 157, NAME_BYTES)
  text('ustar\x0000', 257, 8)
  number(header.major, 329, 8)
  number(header.minor, 337, 8)
  text('        ', 148, 8)
  const sum = bytes.reduce((total, byte) => total + byte, 0)
  text(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 8)
  return bytes
}
