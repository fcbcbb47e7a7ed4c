/** Whether the runtime has privileges, and which id is root in the container if it has none. */

import { capabilityBit } from '../capabilities.js'
import type { Config, IdMapping } from '../config/config.js'
import type { HostFacts } from '../host/facts.js'

const CAP_SYS_ADMIN = capabilityBit('CAP_SYS_ADMIN')

/** True if the runtime may mount, and copy what is mounted, only in a user namespace of its container. */
export function isRootless({ permitted }: Pick<HostFacts, 'permitted'>): boolean {
  return (permitted & CAP_SYS_ADMIN) === 0n
}

/** Whether the kernel lets a user without privileges write this mapping: the own id alone. Anything else takes newuidmap or newgidmap. */
export function mapsOnlySelf(mappings: readonly IdMapping[], id: number): boolean {
  const [first, ...rest] = mappings
  return first !== undefined && rest.length === 0 && first.hostID === id && first.size === 1
}

/** The owner of files and directories that the runtime makes: root, or if its id is not mapped the first one that is. */
export function ownerOf({ linux: { uidMappings, gidMappings } }: Config): { uid: number; gid: number } {
  return { uid: firstId(uidMappings), gid: firstId(gidMappings) }
}

function firstId(mappings: readonly IdMapping[]): number {
  return mappings.length === 0 || isMapped(mappings, 0) ? 0 : (mappings[0]?.containerID ?? 0)
}

export function isMapped(mappings: readonly IdMapping[], id: number): boolean {
  return mappings.some(({ containerID, size }) => id >= containerID && id < containerID + size)
}
