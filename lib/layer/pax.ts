/** Extension records of pax(1): `LENGTH KEY=VALUE\n`. Keys and values are bytes (latin1). */
import { LayerError } from '../errors.js'

export type PaxRecords = ReadonlyMap<string, string>

const MOST_DIGITS = 10

/**
 * The records in order of appearance, the same key more than once too: GNU's sparse maps are written so.
 * @throws {LayerError} ERR_LAYER_FORMAT for anything else
 */
export function parsePax(bytes: Buffer): [string, string][] {
  const records: [string, string][] = []
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at)
    const digits = space < 0 || space - at > MOST_DIGITS ? '' : bytes.toString('latin1', at, space)
    const end = at + Number(digits)
    const equals = bytes.indexOf(0x3d, space)
    const isRecord =
      /^[0-9]+$/.test(digits) && equals > space + 1 && equals < end && end <= bytes.length && bytes[end - 1] === 0x0a
    if (!isRecord) throw new LayerError('ERR_LAYER_FORMAT', 'an extension header (PAX) has a malformed record')
    records.push([bytes.toString('latin1', space + 1, equals), bytes.toString('latin1', equals + 1, end - 1)])
    at = end
  }
  return records
}

/** @throws {LayerError} ERR_LAYER_FORMAT for what is no whole number from 0 */
export function paxNumber(key: string, text: string): number {
  const number = Number(text)
  if (/^[0-9]{1,16}$/.test(text) && Number.isSafeInteger(number)) return number
  throw new LayerError('ERR_LAYER_FORMAT', `the PAX record ${key} is no number: ${JSON.stringify(text.slice(0, 40))}`)
}

export interface PaxTime {
  /** Rounded down, also before 1970. */
  readonly seconds: number
  readonly nanoseconds: number
}

/** @throws {LayerError} ERR_LAYER_FORMAT for what is no decimal number */
export function paxTime(text: string): PaxTime {
  const [, sign = '', whole = '', fraction = ''] = /^(-?)([0-9]{1,15})(?:\.([0-9]*))?$/.exec(text) ?? []
  if (whole === '') {
    throw new LayerError('ERR_LAYER_FORMAT', `a PAX record is no time: ${JSON.stringify(text.slice(0, 40))}`)
  }
  const nanoseconds = Number(fraction.slice(0, 9).padEnd(9, '0'))
  if (sign === '') return { seconds: Number(whole), nanoseconds }
  return nanoseconds === 0
    ? { seconds: -Number(whole), nanoseconds: 0 }
    : { seconds: -Number(whole) - 1, nanoseconds: 1_000_000_000 - nanoseconds }
}
