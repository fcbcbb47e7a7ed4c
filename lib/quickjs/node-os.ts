/** The part of node:os that lib uses. */
import { host } from './host.js'
import { tables } from './tables.js'

const CLOCK_BOOTTIME = 7

export const constants = { errno: tables.errno, signals: tables.signals } as const
export const release = (): string => host.kernelRelease()
export const availableParallelism = (): number => host.processors()
/** Seconds since boot. */
export const uptime = (): number => {
  const [seconds, nanoseconds] = host.clock(CLOCK_BOOTTIME)
  return seconds + nanoseconds / 1e9
}
