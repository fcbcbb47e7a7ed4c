/** Where a container's cgroup is in each hierarchy (config-linux.md#cgroups-path). Pure. */

import { anchorOf } from '../config/issues.js'
import { ConfigError, HostError } from '../errors.js'
import type { CgroupFacts, CgroupHierarchy } from '../host/facts.js'

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
 * @throws {HostError} ERR_HOST_CGROUP for a relative path if our own cgroup can't be seen
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
  return isTooLong(name) ? 'has a component of more than 255 bytes' : null
}

/** A unit of UTF-16 takes three bytes at most, so that short names need not be encoded. */
const isTooLong = (name: string): boolean =>
  name.length > LONGEST_NAME / 3 && new TextEncoder().encode(name).length > LONGEST_NAME

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

/** The path of the hierarchy's `own` cgroup below its mount point. @throws {HostError} ERR_HOST_CGROUP if it is not below */
export function visiblePath({ own, root, mountpoint }: CgroupHierarchy): string {
  const isBelow = root === '/' || own === root || own.startsWith(`${root}/`)
  if (isBelow && !own.split('/').includes('..')) return root === '/' ? own : own.slice(root.length)
  throw new HostError('ERR_HOST_CGROUP', {
    needs: `our own cgroup ${own}, since ${ORIGIN} is relative`,
    found: `that ${mountpoint} shows only what is below ${root}`,
    remedy: 'use an absolute cgroupsPath, or mount the cgroups in the current cgroup namespace',
  })
}

/** The absolute path of our own cgroup in a hierarchy. @throws {HostError} ERR_HOST_CGROUP if it is not to be seen */
export const ownDirectory = (hierarchy: CgroupHierarchy): string => `${hierarchy.mountpoint}${visiblePath(hierarchy)}`
