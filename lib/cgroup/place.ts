/** Where a container's cgroup is in each hierarchy (config-linux.md#cgroups-path). Pure. */
import type { Resources } from '../config/config.js'
import { anchorOf } from '../config/issues.js'
import { ConfigError, HostError } from '../errors.js'
import type { CgroupFacts, CgroupHierarchy } from '../host/facts.js'
import { isThereBeneath } from '../sys/beneath.js'
import { isWritable, readTextIfThere } from '../sys/file.js'
import { asksForCgroups, firstAsked } from './resources.js'
import { absolutePath, ancestor, readFileIfThere, rootOf } from './tree.js'

export interface CgroupPath {
  /** `linux.cgroupsPath`; null stands for `/ID`. */
  readonly cgroupsPath: string | null
  readonly id: string
}

/** A directory of one hierarchy. */
export interface Place {
  readonly version: 1 | 2
  readonly controllers: readonly string[]
  readonly mountpoint: string
  /** Below the mount point, without a slash at either end. */
  readonly path: string
}

const ORIGIN = '/linux/cgroupsPath'
const LONGEST_NAME = 255

/**
 * The container's directories, one for each hierarchy of `facts` and in that order. An absolute path starts at the mount
 * point; a relative one in this process's own cgroup.
 *
 * @throws {ConfigError} ERR_CONFIG_INVALID for the root, and for a path with components that no cgroup can have
 * @throws {HostError} ERR_HOST_CGROUP for a relative path where our own cgroup can't be seen
 */
export function placesOf(facts: CgroupFacts, { cgroupsPath, id }: CgroupPath): Place[] {
  const path = cgroupsPath === null || cgroupsPath === '' ? `/${id}` : cgroupsPath
  const isAbsolute = path.startsWith('/')
  // Slashes too many and dots lead nowhere else.
  const components = path.split('/').filter(name => name !== '' && name !== '.')
  const fault = components.length === 0 ? 'is the root, which has processes of others' : firstFault(components)
  if (fault !== null) throw invalid(path, fault)
  return facts.hierarchies.map(hierarchy => {
    const { version, controllers, mountpoint } = hierarchy
    const start = isAbsolute ? [] : startOfRelative(hierarchy, facts.mode)
    return { version, controllers, mountpoint, path: [...start, ...components].join('/') }
  })
}

function firstFault(components: readonly string[]): string | null {
  return components.map(faultOf).find(found => found !== null) ?? null
}

/** What is wrong with one name of a path; null: nothing. The kernel has no names with newlines. */
export function faultOf(name: string): string | null {
  if (name === '') return 'has an empty component'
  if (name === '.' || name === '..') return `has a component ${name}`
  if (/[\0\n]/.test(name)) return 'has a NUL or newline character'
  return new TextEncoder().encode(name).length > LONGEST_NAME ? 'has a component of more than 255 bytes' : null
}

function invalid(path: string, fault: string): ConfigError {
  const expected = 'a path below the root, of names that a cgroup can have'
  const issue = { path: ORIGIN, rule: anchorOf(ORIGIN), expected, received: JSON.stringify(path) }
  return new ConfigError('ERR_CONFIG_INVALID', [{ ...issue, message: `${issue.received} ${fault}` }])
}

/**
 * Our own cgroup as seen at the mount point. In pure cgroup v2 its parent: a cgroup that has processes, such as us,
 * can't hand controllers to its children.
 */
function startOfRelative(hierarchy: CgroupHierarchy, mode: CgroupFacts['mode']): string[] {
  const own = visiblePath(hierarchy)
    .split('/')
    .filter(name => name !== '')
  return mode === 'v2' ? own.slice(0, -1) : own
}

/** The path of the hierarchy's `own` cgroup below its mount point. @throws {HostError} ERR_HOST_CGROUP where it is not below */
export function visiblePath({ own, root, mountpoint }: CgroupHierarchy): string {
  const isBelow = root === '/' || own === root || own.startsWith(`${root}/`)
  if (isBelow && !own.split('/').includes('..')) return root === '/' ? own : own.slice(root.length)
  throw new HostError('ERR_HOST_CGROUP', {
    needs: `our own cgroup ${own}, since ${ORIGIN} is relative`,
    found: `that ${mountpoint} shows only what is below ${root}`,
    remedy: 'use an absolute cgroupsPath, or mount the cgroups in the current cgroup namespace',
  })
}

/** The absolute path of our own cgroup in a hierarchy. @throws {HostError} ERR_HOST_CGROUP where it is not to be seen */
export const ownDirectory = (hierarchy: CgroupHierarchy): string => `${hierarchy.mountpoint}${visiblePath(hierarchy)}`

interface Asked {
  readonly facts: CgroupFacts
  readonly id: string
  readonly delegated: Resources
  readonly isLost?: boolean
}

/**
 * The directory beside our own cgroup, where the kernel lets us make it and bring a process there (cgroup v2 only); else none.
 * @throws {HostError} ERR_HOST_CGROUP naming the first field of `delegated` that takes a cgroup, where there is none and it is not lost
 */
export function placesDelegated({ facts, id, delegated, isLost = false }: Asked): Place[] {
  const places = facts.mode === 'v2' ? beside(facts, id) : []
  if (places.length === 0 && !isLost && asksForCgroups(delegated)) throw notDelegated(facts, delegated)
  return places
}

function beside(facts: CgroupFacts, id: string): Place[] {
  const places = placesOf(facts, { cgroupsPath: id, id })
  const parents = places.map(place => absolutePath(ancestor(place, 1)))
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
  if (unknown !== undefined) throw invalid(unknown, 'a controller of cgroup v1 that this host has')
}

function placeBelow(place: Place, below: string): Place {
  const components = below.split('/').filter(name => name !== '')
  if (components.some(name => faultOf(name) !== null))
    throw invalidBelow(below, 'a path below the cgroup of the container')
  const found = { ...place, path: [place.path, ...components].join('/') }
  if (isThereBeneath(rootOf(found), found.path)) return found
  throw new HostError('ERR_HOST_CGROUP', {
    needs: `the cgroup ${absolutePath(found)}`,
    found: 'none',
    remedy: 'make it first, or name another one',
  })
}

function invalidBelow(value: string, expected: string): ConfigError {
  const received = JSON.stringify(value)
  const message = `bad sub cgroup: expected ${expected}, received ${received}`
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
