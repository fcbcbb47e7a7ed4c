/** Making a container's cgroup, and finding out beforehand what there is already. */

import type { Resources } from '../config/config.js'
import { HostError, StateError } from '../errors.js'
import { isErrno } from '../sys/errno.js'
import { applyGroups } from './apply.js'
import { placeToJSON } from './cgroup-record.js'
import { type DeviceAccess, deviceAccess } from './device-access.js'
import { isFrozen } from './freeze.js'
import { checkDomain, fillCpuset, handDown } from './inherit.js'
import { pidsOfAll } from './kill.js'
import type { Place } from './place.js'
import { type OwnedPlace, removeEmpty } from './remove.js'
import { type Available, asksForCgroups, compileSettings, firstAsked, type SettingGroup } from './resources.js'
import { countMissing, hostPath, makeCgroupDirectory } from './tree.js'

/** What is ours of a cgroup. */
export interface Ownership {
  readonly isOurs: boolean
  readonly places: readonly OwnedPlace[]
}

/** What would be ours after a create, from what is there before it. */
export function survey(places: readonly Place[]): Ownership {
  const owned = places.map(place => placeToJSON(place, countMissing(place)))
  const existing = owned.filter(({ made }) => made === 0)
  return { places: owned, isOurs: existing.length === 0 || faultOfExisting(existing) === null }
}

/** Why an existing cgroup can't be used; null: it can. The words are those of runc, which some callers look for. */
function faultOfExisting(existing: readonly Place[]): string | null {
  const count = pidsOfAll(existing).length
  if (count > 0) return `container's cgroup is not empty: ${count} process(es) found`
  return isFrozen(existing) ? "container's cgroup unexpectedly frozen" : null
}

export interface Wanted {
  readonly id: string
  readonly places: readonly Place[]
  readonly resources: Resources
  readonly allowExisting: boolean
  /** The cgroup was made for this container, and a process of ours is in it. */
  readonly isClaimed: boolean
}

/** All that is to be done, found out before anything is changed. */
export interface CgroupWork extends Wanted {
  readonly groups: readonly SettingGroup[]
  readonly devices: DeviceAccess
}

/** Settings that are left for later: a limit of so few processes would stop the launch itself. */
const stopsLaunch = ({ controller, settings }: SettingGroup): boolean =>
  controller === 'pids' && settings.some(({ writes }) => writes.some(({ value }) => value === '0' || value === '1'))

export interface CreatedCgroup extends Ownership {
  readonly later: readonly SettingGroup[]
}

/** A cgroup of which only the part exists that a process can be born in. */
export interface Begun {
  readonly work: CgroupWork
  readonly owned: readonly OwnedPlace[]
}

/** Finds out all that can be said beforehand, and makes the directory of version 2; nothing is left of it when that fails. */
export function beginCgroup(wanted: Wanted): Begun {
  const { places, resources } = wanted
  if (places.length === 0 && asksForCgroups(resources)) throw noCgroups(resources)
  const groups = settingsFor(resources, places)
  const work = { ...wanted, groups, devices: deviceAccess(places, resources.devices) }
  return { work, owned: makeAll({ ...work, places: places.filter(isUnified) }) }
}

/** Makes the other directories and writes everything; what `beginCgroup` has made is left when it fails, and nothing else. */
export function finishCgroup({ work, owned }: Begun): CreatedCgroup {
  const others = makeAll({ ...work, places: work.places.filter(place => !isUnified(place)) })
  const all = work.places.flatMap(place =>
    [...owned, ...others].filter(({ mountpoint }) => mountpoint === place.mountpoint),
  )
  try {
    prepareDirectories(work, all)
  } catch (error) {
    removeEmpty(others)
    throw error
  }
  return { isOurs: true, places: all, later: work.groups.filter(stopsLaunch) }
}

interface KnownSettings {
  readonly host: string
  readonly groups: readonly SettingGroup[]
}

/** Those of a configuration of which many containers may be made. */
const known = new WeakMap<Resources, KnownSettings>()

/** As `compileSettings`, worked out once as long as the host has the same hierarchies. */
function settingsFor(resources: Resources, places: readonly Place[]): readonly SettingGroup[] {
  const host = places.map(({ version, controllers }) => `${version}:${controllers.join()}`).join(';')
  const found = known.get(resources)
  if (found?.host === host) return found.groups
  const groups = compileSettings(resources, availableIn(places))
  known.set(resources, { host, groups })
  return groups
}

const isUnified = ({ version }: Place): boolean => version === 2

export function availableIn(places: readonly Place[]): Available {
  const of = (version: 1 | 2): Place[] => places.filter(place => place.version === version)
  const v2 = of(2).flatMap(({ controllers }) => controllers)
  return { v1: new Set(of(1).flatMap(({ controllers }) => controllers)), v2: of(2).length > 0 ? new Set(v2) : null }
}

function noCgroups(resources: Resources): HostError {
  return new HostError('ERR_HOST_CGROUP', {
    needs: `cgroups, for ${firstAsked(resources)}`,
    found: 'no cgroup hierarchy mounted',
    remedy: 'mount cgroup v2 on /sys/fs/cgroup, or leave linux.resources out',
  })
}

function makeAll({ id, places, allowExisting, isClaimed }: CgroupWork): OwnedPlace[] {
  if (isClaimed) return places.map(claimed)
  const owned: OwnedPlace[] = []
  try {
    for (const place of places) owned.push(placeToJSON(place, makeOne(place)))
    const existing = owned.filter(({ made }) => made === 0)
    if (existing.length > 0) checkExisting({ id, existing, allowExisting })
    return owned
  } catch (error) {
    removeEmpty(owned)
    throw error
  }
}

/** What is above it belongs to its maker. */
export const claimed = (place: Place): OwnedPlace => placeToJSON(place, 1)

function makeOne(place: Place): number {
  try {
    return makeCgroupDirectory(place)
  } catch (cause) {
    if (!isErrno(cause, 'EACCES', 'EPERM', 'EROFS')) throw cause
    const fields = {
      needs: `the right to make ${hostPath(place)}`,
      found: `mkdirat: ${cause.errno}`,
      remedy: 'run as root, or have a cgroup delegated and name it in cgroupsPath',
    }
    throw new HostError('ERR_HOST_CGROUP', fields, { cause })
  }
}

interface Existing {
  readonly id: string
  readonly existing: readonly Place[]
  readonly allowExisting: boolean
}

function checkExisting({ id, existing, allowExisting }: Existing): void {
  const [first] = existing
  const exists = allowExisting || first === undefined ? null : `container's cgroup ${hostPath(first)} already exists`
  const fault = faultOfExisting(existing) ?? exists
  if (fault !== null) throw new StateError('ERR_STATE_EXISTS', fault, { id })
}

/** Between the directories and the process: all that the kernel needs, and all that the configuration asks for. */
function prepareDirectories(work: CgroupWork, owned: readonly OwnedPlace[]): void {
  const { groups, devices, places } = work
  for (const place of owned) {
    if (place.version === 2) prepareUnified(place, groups, places)
    else if (place.controllers.includes('cpuset')) fillCpuset(place)
  }
  const now = groups.filter(group => !stopsLaunch(group))
  applyGroups(owned, now)
  const controlled = owned.find(({ controllers }) => controllers.includes('devices'))
  devices({ isNew: controlled === undefined || controlled.made > 0 })
}

/** Beside version 1 the unified hierarchy is left as it is, but for what is asked for: it is the host's to arrange. */
function prepareUnified(place: OwnedPlace, groups: readonly SettingGroup[], places: readonly Place[]): void {
  checkDomain(place)
  const isAlone = places.every(({ version }) => version === 2)
  const needed = groups.filter(({ version }) => version === 2).map(({ controller }) => controller)
  const controllers = needed.filter(name => place.controllers.includes(name))
  handDown({ place, needed: controllers, wanted: isAlone ? place.controllers : [] })
}
