/** What systemd is told of a container's limits, so that it writes the same values whenever it writes any. Pure. */

import { SYSTEMD_PROPERTY_PREFIX } from '../../config/annotations.js'
import { anchorOf } from '../../config/issues.js'
import { ConfigError } from '../../errors.js'
import type { SettingGroup } from '../resources.js'
import type { Property } from './client.js'
import { parseVariant } from './gvariant.js'

const INFINITY = 2n ** 64n - 1n
const MICROSECONDS = 1_000_000n
const DEFAULT_PERIOD = 100_000n

const u64 = (name: string, value: bigint): Property => ({ name, signature: 't', value })
const amount = (text: string): bigint => (text === 'max' ? INFINITY : BigInt(text))

const limit =
  (name: string) =>
  (text: string): Property[] => [u64(name, amount(text))]

/** The file's value is one that the kernel will take. Other values stay between it and us. */
const FILES: Readonly<Record<string, (value: string) => readonly Property[]>> = {
  'memory.max': limit('MemoryMax'),
  'memory.high': limit('MemoryHigh'),
  'memory.low': limit('MemoryLow'),
  'memory.min': limit('MemoryMin'),
  'memory.swap.max': limit('MemorySwapMax'),
  // To systemd, no process at all is no limit.
  'pids.max': value => [u64('TasksMax', value === '0' ? 1n : amount(value))],
  'cpu.weight': limit('CPUWeight'),
  // To systemd, idle is a weight (version 252).
  'cpu.idle': value => (value === '1' ? [u64('CPUWeight', 0n)] : []),
  'cpu.max': bandwidth,
  'cpuset.cpus': value => [{ name: 'AllowedCPUs', signature: 'ay', value: bitsOf(value) }],
  'cpuset.mems': value => [{ name: 'AllowedMemoryNodes', signature: 'ay', value: bitsOf(value) }],
  'io.weight': value =>
    /^(default )?[0-9]+$/.test(value) ? [u64('IOWeight', BigInt(value.replace('default ', '')))] : [],
}

/** `QUOTA PERIOD`. systemd wants the quota for each second: rounded up, it comes out as the same quota again. */
function bandwidth(value: string): Property[] {
  const [quota = 'max', given] = value.split(' ')
  const period = given === undefined ? DEFAULT_PERIOD : BigInt(given)
  const perSecond = quota === 'max' ? INFINITY : (BigInt(quota) * MICROSECONDS + period - 1n) / period
  return [u64('CPUQuotaPerSecUSec', perSecond), u64('CPUQuotaPeriodUSec', given === undefined ? INFINITY : period)]
}

/** `0-2,5` as a bit mask, the lowest byte first. */
export function bitsOf(list: string): number[] {
  const bits: number[] = []
  for (const range of list.split(',').filter(part => part.trim() !== '')) {
    const [first = 0, last = first] = range.split('-').map(Number)
    for (let number = first; number <= last; number++) {
      while (bits.length <= number >> 3) bits.push(0)
      bits[number >> 3] = (bits[number >> 3] ?? 0) | (1 << (number & 7))
    }
  }
  return bits
}

const PLAIN = /^(max|default [0-9]+|[0-9]+( [0-9]+)?|max [0-9]+|[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*)$/

/** Of two settings of one file the last counts, as it does for the kernel. */
export function limitProperties(groups: readonly SettingGroup[]): Property[] {
  const byName = new Map<string, Property>()
  const writes = groups.flatMap(({ settings }) => settings.flatMap(setting => setting.writes))
  for (const { file, value } of writes) {
    const properties = Object.hasOwn(FILES, file) && PLAIN.test(value) ? FILES[file] : undefined
    for (const property of properties?.(value) ?? []) byName.set(property.name, property)
  }
  return [...byName.values()]
}

export interface AnnotatedProperty extends Property {
  /** JSON pointer of the annotation. */
  readonly origin: string
}

/** @throws {ConfigError} ERR_CONFIG_INVALID with all annotations that can't be read */
export function annotatedProperties(annotations: Readonly<Record<string, string>>): AnnotatedProperty[] {
  const found = Object.entries(annotations).filter(([name]) => name.startsWith(SYSTEMD_PROPERTY_PREFIX))
  const read = found.map(([name, value]) => ({
    name,
    value,
    ...readProperty(name.slice(SYSTEMD_PROPERTY_PREFIX.length), value),
  }))
  const issues = read.flatMap(({ name, value, fault }) => (fault === undefined ? [] : [issueOf(name, value, fault)]))
  if (issues.length > 0) throw new ConfigError('ERR_CONFIG_INVALID', issues)
  return read.flatMap(({ name, property }) => (property === undefined ? [] : { ...property, origin: pointerOf(name) }))
}

function readProperty(name: string, text: string): { property?: Property; fault?: string } {
  if (!/^[a-zA-Z]{3,}$/.test(name)) return { fault: 'the name of a property has only letters, three at least' }
  try {
    const value = parseVariant(text)
    return { property: /[a-z]Sec$/.test(name) ? inMicroseconds(name, value) : { name, ...value } }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return { fault: error.message }
  }
}

/** On D-Bus there are no seconds: `RuntimeMaxSec` is `RuntimeMaxUSec`. */
function inMicroseconds(name: string, { value }: Omit<Property, 'name'>): Property {
  const seconds = typeof value === 'bigint' || typeof value === 'number' ? value : -1
  if (seconds < 0) throw new SyntaxError('a property that ends in Sec needs a number of seconds')
  const micros = typeof seconds === 'bigint' ? seconds * MICROSECONDS : BigInt(Math.round(seconds * 1e6))
  return u64(name.replace(/Sec$/, 'USec'), micros)
}

const pointerOf = (name: string): string => `/annotations/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`

function issueOf(name: string, value: string, fault: string) {
  const path = pointerOf(name)
  const expected = 'a property of systemd and its value as GVariant text'
  return { path, rule: anchorOf('/annotations'), expected, received: JSON.stringify(value), message: fault }
}
