/** The ids of a new user namespace, written while the helper waits at `map`. */

import { capabilityBit } from '../capabilities.js'
import { makesNamespace, mapsOnlySelf } from '../compile/index.js'
import type { Config } from '../config/config.js'
import type { HostFacts } from '../host/facts.js'
import { mapByProgram } from '../sys/id-programs.js'
import { writeSetting } from './process-settings.js'

const KINDS = {
  uid: { field: 'uidMappings', capability: capabilityBit('CAP_SETUID') },
  gid: { field: 'gidMappings', capability: capabilityBit('CAP_SETGID') },
} as const

export function makesUserNamespace(config: Config): boolean {
  return makesNamespace(config, 'user')
}

interface Target {
  readonly pid: number
  readonly config: Config
  readonly facts: HostFacts
}

/**
 * Without CAP_SETUID and CAP_SETGID a user may map only itself; newuidmap and newgidmap, which are privileged, map what the
 * host grants to the user.
 *
 * @throws {HostError} ERR_HOST_PRIVILEGE if they are needed, and missing or refuse
 * @throws {LaunchError} ERR_LAUNCH_OP if the kernel refuses
 */
export async function writeIdMappings(target: Target): Promise<void> {
  await writeMapping(target, 'uid')
  await writeMapping(target, 'gid')
}

async function writeMapping({ pid, config, facts }: Target, kind: keyof typeof KINDS): Promise<void> {
  const { field, capability } = KINDS[kind]
  const mappings = config.linux[field]
  const origin = `/linux/${field}`
  const isPrivileged = (facts.permitted & capability) !== 0n
  if (!isPrivileged && !mapsOnlySelf(mappings, kind === 'uid' ? facts.euid : facts.egid)) {
    return mapByProgram({ pid, kind, mappings, field: origin })
  }
  // Else a user could leave a group that denies something to its members.
  if (!isPrivileged && kind === 'gid') writeSetting({ pid, file: 'setgroups', text: 'deny', origin })
  const text = mappings.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join('')
  writeSetting({ pid, file: `${kind}_map`, text, origin })
}
