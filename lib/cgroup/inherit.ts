/** What a new cgroup needs from those above it before a process can be in it, or before its files are there. */
import { CgroupError, HostError } from '../errors.js'
import { isErrno } from '../sys/errno.js'
import { pidsOf } from './kill.js'
import type { Place } from './place.js'
import type { OwnedPlace } from './remove.js'
import { ancestor, depthOf, hostPath, readFile, readFileIfThere, writeFile } from './tree.js'

/** A v1 cpuset starts empty and takes no process until it has CPUs and memory nodes. */
export function fillCpuset(place: OwnedPlace): void {
  if (place.made === 0) {
    for (const file of CPUSET_FILES) inheritedValue(place, file)
    return
  }
  for (const file of CPUSET_FILES) {
    const value = inheritedValue(ancestor(place, place.made), file)
    for (let level = place.made - 1; level >= 0; level--) writeFile(ancestor(place, level), file, value)
  }
}

const CPUSET_FILES = ['cpuset.cpus', 'cpuset.mems'] as const

/** The value of an existing cgroup, which is filled from above if somebody left it empty. */
function inheritedValue(place: Place, file: string): string {
  const value = readFile(place, file).trim()
  if (value !== '' || place.path === '') return value
  const above = inheritedValue(ancestor(place, 1), file)
  writeFile(place, file, above)
  return above
}

/** Those of a cgroup v2 directory that count for its children, and whose lack is an error. */
interface Controllers {
  readonly place: Place
  readonly needed: readonly string[]
  /** Also wanted, for accounting and for later changes, if that can be had. */
  readonly wanted: readonly string[]
}

/** @throws {HostError} ERR_HOST_CGROUP if a needed controller can't be handed down */
export function handDown({ place, needed, wanted }: Controllers): void {
  const all = [...new Set([...needed, ...wanted])]
  if (all.length === 0 || missingFrom(readFile(place, 'cgroup.controllers'), all).length === 0) return
  for (let level = depthOf(place); level > 0; level--) enableIn(ancestor(place, level), needed, all)
}

function enableIn(place: Place, needed: readonly string[], all: readonly string[]): void {
  const missing = missingFrom(readFile(place, 'cgroup.subtree_control'), all)
  if (missing.length === 0) return
  if (hasOwnProcesses(place)) {
    const controller = missing.find(name => needed.includes(name))
    if (controller !== undefined) throw notEnabled(place, controller, 'EBUSY')
    return
  }
  if (enable(place, missing) === null) return
  // One that can't be had (a cpu controller with realtime tasks around, for one) must not spoil the others.
  for (const controller of missing) {
    const errno = enable(place, [controller])
    if (errno !== null && needed.includes(controller)) throw notEnabled(place, controller, errno)
  }
}

/**
 * Only the kernel's root may have both processes and controllers for its children; it has no cgroup.type. Elsewhere some
 * controllers would be taken nevertheless, at the price of putting all below into threaded mode.
 */
const hasOwnProcesses = (place: Place): boolean =>
  readFileIfThere(place, 'cgroup.type') !== null && pidsOf(place, { recursive: false }).length > 0

const missingFrom = (list: string, names: readonly string[]): string[] => {
  const there = list.trim().split(' ')
  return names.filter(name => !there.includes(name))
}

/** The errno's name, or null: done. */
function enable(place: Place, controllers: readonly string[]): string | null {
  try {
    writeFile(place, 'cgroup.subtree_control', controllers.map(name => `+${name}`).join(' '))
    return null
  } catch (error) {
    if (isErrno(error)) return error.errno
    throw error
  }
}

const REMEDIES: Readonly<Record<string, string>> = {
  EBUSY: 'it has processes of its own; move them to a cgroup below it, or choose another cgroupsPath',
  EOPNOTSUPP: 'it is in threaded mode; choose another cgroupsPath',
  ENOENT: 'the cgroups above it do not hand it down',
  EACCES: 'run as root, or have the cgroup delegated',
  EPERM: 'run as root, or have the cgroup delegated',
}

function notEnabled(place: Place, controller: string, errno: string): HostError {
  return new HostError('ERR_HOST_CGROUP', {
    needs: `the controller ${controller} below ${hostPath(place)}`,
    found: `that it can not be enabled there (${errno})`,
    remedy: REMEDIES[errno] ?? 'choose another cgroupsPath',
  })
}

/** @throws {CgroupError} ERR_CGROUP_WRITE if the cgroup is in threaded mode, which takes threads only */
export function checkDomain(place: Place): void {
  const type = readFile(place, 'cgroup.type').trim()
  if (type === 'domain' || type === 'domain threaded') return
  const file = `${hostPath(place)}/cgroup.type`
  const message = `${hostPath(place)} can not hold a container: it is in threaded mode (cgroup.type is "${type}")`
  throw new CgroupError('ERR_CGROUP_WRITE', message, { file, value: type, errno: '', configPath: '/linux/cgroupsPath' })
}
