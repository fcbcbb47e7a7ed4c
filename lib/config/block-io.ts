import type { Report } from './issues.js'
import { pointer } from './json.js'
import type { OciBlockIO, OciInteger, OciThrottleDevice } from './oci-config.js'
import * as s from './shape.js'

export interface BlockIO {
  readonly weight: number | null
  readonly leafWeight: number | null
  readonly weightDevice: readonly WeightDevice[]
  readonly throttleReadBpsDevice: readonly ThrottleDevice[]
  readonly throttleWriteBpsDevice: readonly ThrottleDevice[]
  readonly throttleReadIOPSDevice: readonly ThrottleDevice[]
  readonly throttleWriteIOPSDevice: readonly ThrottleDevice[]
}

export interface WeightDevice {
  readonly major: number
  readonly minor: number
  readonly weight: number | null
  readonly leafWeight: number | null
  readonly origin: string
}

/** `rate`: bytes (or operations) a second; 0 is unlimited. */
export interface ThrottleDevice {
  readonly major: number
  readonly minor: number
  readonly rate: bigint
  readonly origin: string
}

/** The kernel's range; 0 is what Docker writes if it means nothing. */
const LEAST_WEIGHT = 10
const MOST_WEIGHT = 1000

const weight = s.optional(s.integer(0, MOST_WEIGHT))
const major = s.integer(0, s.MOST_MAJOR)
const minor = s.integer(0, s.MOST_MINOR)
const throttles = s.optional(s.list(s.object({ major, minor, rate: s.uint64 })))

export const blockIOShape = s.object({
  weight,
  leafWeight: weight,
  weightDevice: s.optional(s.list(s.object({ major, minor, weight, leafWeight: weight }))),
  throttleReadBpsDevice: throttles,
  throttleWriteBpsDevice: throttles,
  throttleReadIOPSDevice: throttles,
  throttleWriteIOPSDevice: throttles,
})

type Weights = Pick<OciBlockIO, 'weight' | 'leafWeight'>

export function checkBlockIO(blockIO: OciBlockIO, base: string, report: Report): void {
  checkWeights(blockIO, base, report)
  for (const [index, device] of (blockIO.weightDevice ?? []).entries()) {
    const path = pointer(base, 'weightDevice', index)
    checkWeights(device, path, report)
    if (device.weight !== undefined || device.leafWeight !== undefined) continue
    report({ path, expected: 'an object with weight or leafWeight', received: device })
  }
}

function checkWeights(weights: Weights, base: string, report: Report): void {
  for (const field of ['weight', 'leafWeight'] as const) {
    const received = Number(weights[field] ?? 0)
    if (received === 0 || received >= LEAST_WEIGHT) continue
    report({ path: `${base}/${field}`, expected: `0 or an integer from ${LEAST_WEIGHT} to ${MOST_WEIGHT}`, received })
  }
}

export function normaliseBlockIO(blockIO: OciBlockIO, base: string): BlockIO {
  const throttle = (field: `throttle${'Read' | 'Write'}${'Bps' | 'IOPS'}Device`): ThrottleDevice[] =>
    (blockIO[field] ?? []).map((device, index) => normaliseThrottle(device, pointer(base, field, index)))
  return {
    weight: weightOf(blockIO.weight),
    leafWeight: weightOf(blockIO.leafWeight),
    weightDevice: (blockIO.weightDevice ?? []).map((device, index) => ({
      major: Number(device.major),
      minor: Number(device.minor),
      weight: weightOf(device.weight),
      leafWeight: weightOf(device.leafWeight),
      origin: pointer(base, 'weightDevice', index),
    })),
    throttleReadBpsDevice: throttle('throttleReadBpsDevice'),
    throttleWriteBpsDevice: throttle('throttleWriteBpsDevice'),
    throttleReadIOPSDevice: throttle('throttleReadIOPSDevice'),
    throttleWriteIOPSDevice: throttle('throttleWriteIOPSDevice'),
  }
}

function weightOf(value: OciInteger | undefined): number | null {
  return Number(value ?? 0) || null
}

function normaliseThrottle({ major, minor, rate = 0 }: OciThrottleDevice, origin: string): ThrottleDevice {
  return { major: Number(major), minor: Number(minor), rate: BigInt(rate), origin }
}
