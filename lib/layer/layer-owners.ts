/** Whose the files of a layer become, and the user namespace that this takes. */
import { HostError } from '../errors.js'
import { chownBeneath } from '../sys/beneath.js'
import { writeText } from '../sys/file.js'
import { type MappedRange, mapByProgram } from '../sys/id-programs.js'
import { effectiveGid, effectiveUid } from '../sys/self.js'

export interface OwnerMappings {
  readonly uidMappings: readonly MappedRange[]
  readonly gidMappings: readonly MappedRange[]
}

/**
 * `kept`: as the layer has them; takes root. `squashed`: all files belong to this user. `mapped`: as a user namespace with these mappings has them, which takes
 * root or newuidmap and newgidmap.
 */
export type LayerOwners = 'kept' | 'squashed' | { readonly mapped: OwnerMappings }

/** @throws {HostError} ERR_HOST_PRIVILEGE for `kept` without root */
export function chosenOwners(given: LayerOwners | undefined): LayerOwners {
  const isRoot = effectiveUid() === 0
  if (given !== 'kept' || isRoot) return given ?? (isRoot ? 'kept' : 'squashed')
  throw new HostError('ERR_HOST_PRIVILEGE', {
    needs: 'root, to give files to other users',
    found: `uid ${effectiveUid()}`,
    remedy: "use owners: 'squashed', or map ids that this user has been granted (owners: { mapped })",
  })
}

export const mappingsOf = (owners: LayerOwners): OwnerMappings | null =>
  typeof owners === 'string' ? null : owners.mapped

/** This user as the only id, root. */
export function ownMappings(): OwnerMappings {
  const only = (hostID: number): readonly MappedRange[] => [{ containerID: 0, hostID, size: 1 }]
  return { uidMappings: only(effectiveUid()), gidMappings: only(effectiveGid()) }
}

const isOwn = (mappings: readonly MappedRange[], id: number): boolean =>
  mappings.length === 1 && mappings[0]?.size === 1 && mappings[0].hostID === id

/** Writes the maps of a process that waits in its new user namespace. @throws {HostError} ERR_HOST_PRIVILEGE; SystemError */
export async function mapOwners(pid: number, { uidMappings, gidMappings }: OwnerMappings): Promise<void> {
  const isRoot = effectiveUid() === 0
  const kinds = [
    { kind: 'uid', mappings: uidMappings, own: effectiveUid() },
    { kind: 'gid', mappings: gidMappings, own: effectiveGid() },
  ] as const
  for (const { kind, mappings, own } of kinds) {
    if (!isRoot && !isOwn(mappings, own)) {
      await mapByProgram({ pid, kind, mappings, field: `owners.mapped.${kind}Mappings` })
      continue
    }
    // Else a user could leave a group that denies something to its members.
    if (!isRoot && kind === 'gid') writeText(`/proc/${pid}/setgroups`, 'deny')
    const lines = mappings.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`)
    writeText(`/proc/${pid}/${kind}_map`, lines.join(''))
  }
}

/** As root: the directory belongs to the root of the namespace, who could not write to it otherwise. */
export function giveTarget(target: number, { uidMappings, gidMappings }: OwnerMappings): void {
  if (effectiveUid() !== 0) return
  const rootOf = (mappings: readonly MappedRange[]): number | undefined =>
    mappings.find(({ containerID }) => containerID === 0)?.hostID
  const [uid, gid] = [rootOf(uidMappings), rootOf(gidMappings)]
  if (uid !== undefined && gid !== undefined) chownBeneath(target, '.', uid, gid)
}
