/** Cgroups: which one a container has, and what is done with it. */
import { Cgroup } from './cgroup.js'
import { parseCgroupRecord, placeToJSON } from './cgroup-record.js'
import { placesDelegated } from './delegated.js'
import type { CgroupInput, WantedCgroup } from './input.js'
import { type Place, placesOf } from './place.js'
import { checkHost, scopeOf } from './systemd/scope.js'
import { Unit } from './systemd/unit.js'

export type { Cgroup } from './cgroup.js'
export type { CgroupRecord } from './cgroup-record.js'
export type { CgroupDriver, CgroupInput } from './input.js'
export type { CgroupDirectory } from './join-files.js'
export type { OomWatch } from './oom.js'
export { ownDirectory } from './place.js'
export type * from './stats/stats.js'
export type { CgroupUsage } from './stats/usage.js'
export type { CgroupBelow } from './sub-cgroups.js'

/**
 * Changes nothing. With `isLost` the cgroup is taken to be what is left of a container whose record can't be read: all
 * that is in it may be killed and removed.
 *
 * @throws {ConfigError} ERR_CONFIG_INVALID, /linux/cgroupsPath, /annotations
 * @throws {HostError} ERR_HOST_CGROUP if there is no systemd to make it
 * @throws {StateError} ERR_STATE_CORRUPT for a record that can't be read
 */
export function openCgroup(input: CgroupInput): Cgroup {
  if ('recorded' in input) {
    const { id, scope, ...ownership } = parseCgroupRecord(input.recorded)
    return new Cgroup(id, ownership.places, ownership, scope && new Unit({ scope }))
  }
  if ('delegated' in input) return ofPlaces(input.id, placesDelegated(input), input.isLost)
  return input.manager === 'systemd' ? openScope(input) : openDirectories(input)
}

function openDirectories({ facts, path, id, isLost = false }: WantedCgroup): Cgroup {
  return ofPlaces(id, placesOf(facts, { cgroupsPath: path, id }), isLost)
}

function ofPlaces(id: string, places: readonly Place[], isLost = false): Cgroup {
  const lost = { isOurs: true, places: places.map(place => placeToJSON(place, 1)) }
  return new Cgroup(id, places, isLost ? lost : null)
}

/** Where it is is known once systemd has made it. */
function openScope({ facts, path, id, annotations = {}, isLost = false }: WantedCgroup): Cgroup {
  checkHost(facts.mode)
  const unit = new Unit({ scope: scopeOf({ cgroupsPath: path, id }), facts, annotations })
  return new Cgroup(id, [], { isOurs: isLost, places: [] }, unit)
}
