/** What a layer may be at most: bounds on what somebody else's bytes can make this machine do. */
import { LayerError } from '../errors.js'

/** Everything is optional; the defaults are far above any layer of a real image. */
export interface LayerLimits {
  /** How many entries. Default 2,000,000. */
  readonly entries?: number
  /** Bytes of the archive when decompressed, which holds the content of all files. Default 64 GiB. */
  readonly bytes?: number
  /** Decompressed bytes for one compressed byte, looked at from 256 MiB on. Default 250. */
  readonly ratio?: number
  /** Directories above a file, itself counted. Default 256, at most 512. */
  readonly depth?: number
  /** Bytes of a path, and of what a link says. Default 4095 (PATH_MAX), and at most that. */
  readonly path?: number
  /** Bytes of the extended attributes of one entry, names and values. Default 128 KiB. */
  readonly xattrs?: number
  /** Bytes of an extension header (PAX records, a long name). Default 1 MiB. */
  readonly header?: number
  /** Bytes of all sparse files, holes counted. Default 64 GiB. */
  readonly sparse?: number
  /** Bytes of the paths of all directories: they are kept in memory to the end. Default 64 MiB. */
  readonly directories?: number
}

export type LimitName = keyof LayerLimits | 'name'
export type Limits = Readonly<Record<LimitName, number>>

const [KIB, MIB, GIB] = [2 ** 10, 2 ** 20, 2 ** 30]
/** NAME_MAX of Linux, whatever anybody wishes. */
const NAME_BYTES = 255
const DEFAULTS: Required<LayerLimits> = {
  entries: 2_000_000,
  bytes: 64 * GIB,
  ratio: 250,
  depth: 256,
  path: 4095,
  xattrs: 128 * KIB,
  header: MIB,
  sparse: 64 * GIB,
  directories: 64 * MIB,
}
/** Of the kernel, and of native/layer/order.h. */
const MOST: Partial<Required<LayerLimits>> = { depth: 512, path: 4095 }

/** @throws {RangeError} for what is no limit, or more than there can be */
export function limitsOf(given: LayerLimits = {}): Limits {
  const limits: Record<LimitName, number> = { ...DEFAULTS, name: NAME_BYTES }
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue
    const most = MOST[name as keyof LayerLimits] ?? Number.MAX_SAFE_INTEGER
    if (!(name in DEFAULTS)) throw new RangeError(`limits.${name} is no limit of a layer`)
    if (!(typeof value === 'number' && value >= 0 && value <= most)) {
      throw new RangeError(`limits.${name} must be a number from 0 to ${most}, but is ${String(value)}`)
    }
    limits[name as keyof LayerLimits] = value
  }
  return limits
}

interface Compared {
  readonly name: LimitName
  readonly value: number
  /** In bytes (latin1). */
  readonly entry?: string
}

/** @throws {LayerError} ERR_LAYER_LIMIT if the value is above the limit */
export function keepLimit(limits: Limits, { name, value, entry = '' }: Compared): void {
  if (value <= limits[name]) return
  const most = limits[name]
  const remedy = name === 'name' || MOST[name] === most ? '' : `; raise limits.${name} if you trust the image`
  throw new LayerError('ERR_LAYER_LIMIT', `${value} is above the limit "${name}" of ${most}${remedy}`, {
    ...{ entry: shown(entry), limit: name, value },
  })
}

/** How much of a long name is shown. */
const SHOWN_BYTES = 200

/** A path of a layer, which is bytes (latin1), as text for people. */
export function shown(path: string): string {
  const bytes = Buffer.from(path.slice(0, SHOWN_BYTES), 'latin1').toString('utf8')
  return path.length > SHOWN_BYTES ? `${bytes}...` : bytes
}
