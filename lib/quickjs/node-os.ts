/** The part of node:os that lib uses. */
import { host } from './host.js'
import { tables } from './tables.js'

export const constants = { errno: tables.errno, signals: tables.signals } as const
export const release = (): string => host.kernelRelease()
export const availableParallelism = (): number => host.processors()
