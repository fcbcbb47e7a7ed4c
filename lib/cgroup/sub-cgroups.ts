/** Cgroups below a container's own, which exec'd processes may join. */
import { ConfigError, HostError } from '../errors.js'
import { isThereBeneath } from '../sys/beneath.js'
import { readTextIfThere } from '../sys/file.js'
import { faultOf, type Place } from './place.js'
import { hostPath, readFileIfThere, rootOf } from './tree.js'

/** A path below the container's cgroup in all hierarchies, or one for each controller of some (cgroup v1 only). */
export type CgroupBelow = string | Readonly<Record<string, string>>

/** @throws {ConfigError|HostError} as `Cgroup.below` */
export function placesBelow(places: readonly Place[], below: CgroupBelow): Place[] {
  if (typeof below !== 'string') checkControllers(places, Object.keys(below))
  return places.map(place => {
    const [first] = typeof below === 'string' ? [below] : place.controllers.flatMap(name => below[name] ?? [])
    return first === undefined ? place : placeBelow(place, first)
  })
}

function checkControllers(places: readonly Place[], names: readonly string[]): void {
  const known = new Set(places.flatMap(({ version, controllers }) => (version === 1 ? controllers : [])))
  const unknown = names.find(name => !known.has(name))
  if (unknown !== undefined)
    throw invalid(unknown, 'a controller of cgroup v1 that this host has', `unknown controller ${unknown}`)
}

function placeBelow(place: Place, below: string): Place {
  const components = below.split('/').filter(name => name !== '')
  if (components.some(name => faultOf(name) !== null)) throw invalid(below, 'a path below the cgroup of the container')
  const found = { ...place, path: [place.path, ...components].join('/') }
  if (isThereBeneath(rootOf(found), found.path)) return found
  throw new HostError('ERR_HOST_CGROUP', {
    needs: `the cgroup ${hostPath(found)}`,
    found: 'none: no such file or directory',
    remedy: 'make it first, or name another one',
  })
}

function invalid(value: string, expected: string, what = 'bad sub cgroup path'): ConfigError {
  const received = JSON.stringify(value)
  const message = `${what}: expected ${expected}, received ${received}`
  return new ConfigError('ERR_CONFIG_INVALID', [{ path: '', rule: 'tsrun#cgroup', expected, received, message }])
}

/**
 * Where the container hands controllers on to cgroups of its own (systemd in a container), the kernel lets nobody join its topmost
 * one: the process goes where its init is.
 */
export function placesOfProcess(places: readonly Place[], pid: number): Place[] {
  const text = readTextIfThere(`/proc/${pid}/cgroup`) ?? ''
  const now = /^0::\/(.*)$/m.exec(text)?.[1] ?? ''
  const isBelow = (place: Place): boolean => place.version === 2 && now.startsWith(`${place.path}/`)
  return places.map(place => (isBelow(place) && handsOn(place) ? { ...place, path: now } : place))
}

const handsOn = (place: Place): boolean => (readFileIfThere(place, 'cgroup.subtree_control') ?? '').trim() !== ''
