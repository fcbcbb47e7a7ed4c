/** Whose the files of layers and volumes in the store are. */
import { optionError } from '../config/option.js'
import { HostError } from '../errors.js'
import { type LayerOwners, type OwnerMappings, ownMappings } from '../layer/layer-owners.js'
import { grantedMappings } from '../sys/granted-ids.js'
import { sha256 } from '../sys/hash.js'
import { effectiveUid } from '../sys/self.js'

export const isRoot = (): boolean => effectiveUid() === 0

/**
 * As root they are kept. Else, by default, they are those of a user namespace with all ids that the user has been granted; if it has none, all
 * files belong to it. @throws {ConfigError} for another word; {HostError} ERR_HOST_PRIVILEGE for `mapped` without ids
 */
export function storeOwners(wanted?: 'mapped' | 'squashed'): LayerOwners {
  if (wanted !== undefined && wanted !== 'mapped' && wanted !== 'squashed')
    throw optionError({ option: 'owners', expected: '"mapped" or "squashed"', received: wanted })
  if (isRoot()) return 'kept'
  const mapped = wanted === 'squashed' ? null : grantedMappings()
  if (mapped !== null) return { mapped }
  if (wanted !== 'mapped') return 'squashed'
  throw new HostError('ERR_HOST_PRIVILEGE', {
    needs: 'ids granted to this user in /etc/subuid and /etc/subgid, and newuidmap and newgidmap, for owners: "mapped"',
    found: 'not all of them, or a process that may gain no privileges (no_new_privs)',
    remedy: 'as root "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER", or owners: "squashed"',
  })
}

/** The ids of a container on files with these owners; null: those of the host. */
export function containerMappings(owners: LayerOwners): OwnerMappings | null {
  if (owners === 'kept') return null
  return owners === 'squashed' ? ownMappings() : owners.mapped
}

const NAME_DIGITS = 16

/** The folder of layers with these owners: with other ids the same layer is another tree. */
export const layerFolder = (owners: LayerOwners): string =>
  typeof owners === 'string' ? owners : `mapped-${sha256(JSON.stringify(owners.mapped)).slice(0, NAME_DIGITS)}`
