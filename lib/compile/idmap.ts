import { capabilityBit } from '../capabilities.js'
import { HostError } from '../errors.js'
import type { Idmap } from '../plan/plan.js'
import type { Mount } from '../spec/config.js'
import type { Work } from './draft.js'

const CAP_SYS_ADMIN = capabilityBit('CAP_SYS_ADMIN')

/**
 * How the ids of a mount are mapped: by its own mappings, else as in the container's user namespace. Null: not at all.
 * @throws HostError ERR_HOST_PRIVILEGE where the runtime may not map the ids of the host's file systems
 */
export function idmapOf({ config, facts }: Pick<Work, 'config' | 'facts'>, { idmap, origin }: Mount): Idmap | null {
  if (idmap === null) return null
  if ((facts.permitted & CAP_SYS_ADMIN) === 0n) throw needsPrivilege(origin, facts.euid)
  const { recursive, uidMappings, gidMappings } = idmap
  if (uidMappings.length > 0) return { recursive, by: { uid: uidMappings, gid: gidMappings }, origin }
  const { namespaces, uidMappings: uid, gidMappings: gid } = config.linux
  const joined = namespaces.find(({ type }) => type === 'user')?.path ?? null
  return { recursive, by: joined === null ? { uid, gid } : { namespace: joined }, origin }
}

function needsPrivilege(origin: string, euid: number): HostError {
  return new HostError('ERR_HOST_PRIVILEGE', {
    needs: `CAP_SYS_ADMIN to map the ids of a mount (${origin})`,
    found: `uid ${euid} without it`,
    remedy: 'run as root, or leave the mappings of the mount out',
  })
}
