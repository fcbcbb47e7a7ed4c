/** Cgroups for a user without privileges, in the part of the tree that the host has delegated to it; else none. */

import type { Resources } from '../config/config.js'
import { HostError } from '../errors.js'
import type { CgroupFacts } from '../host/facts.js'
import { isWritable } from '../sys/file.js'
import { type Place, placesOf } from './place.js'
import { asksForCgroups, firstAsked } from './resources.js'
import { ancestor, hostPath } from './tree.js'

interface Asked {
  readonly facts: CgroupFacts
  readonly id: string
  readonly delegated: Resources
  readonly isLost?: boolean
}

/**
 * The directory beside our own cgroup, if the kernel lets us make it and bring a process there (cgroup v2 only); else none.
 * @throws {HostError} ERR_HOST_CGROUP naming the first field of `delegated` that takes a cgroup, if there is none and it is not lost
 */
export function placesDelegated({ facts, id, delegated, isLost = false }: Asked): Place[] {
  const places = facts.mode === 'v2' ? beside(facts, id) : []
  if (places.length === 0 && !isLost && asksForCgroups(delegated)) throw notDelegated(facts, delegated)
  return places
}

function beside(facts: CgroupFacts, id: string): Place[] {
  const places = placesOf(facts, { cgroupsPath: id, id })
  const parents = places.map(place => hostPath(ancestor(place, 1)))
  // To move a process takes the right to write to the processes of the cgroup that both places are below.
  return parents.every(parent => isWritable(parent) && isWritable(`${parent}/cgroup.procs`)) ? places : []
}

function notDelegated({ mode }: CgroupFacts, resources: Resources): HostError {
  return new HostError('ERR_HOST_CGROUP', {
    needs: `cgroups, for ${firstAsked(resources)}`,
    found: mode === 'v2' ? 'none that is delegated to this user' : `cgroups of ${mode}, which are delegated to no user`,
    remedy:
      'run in a session of systemd with Delegate=yes (such as `systemd-run --user --scope`), name a cgroup of your own in cgroupsPath, or leave linux.resources out',
  })
}
