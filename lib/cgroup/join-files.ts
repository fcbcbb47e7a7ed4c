/** How a process gets into a cgroup by itself. */
import { closeFd, openBeneath } from '../sys/beneath.js'
import type { Place } from './place.js'
import { hostPath, rootOf } from './tree.js'

const FILES = { 1: 'tasks', 2: 'cgroup.procs' } as const

/**
 * By the index of the hierarchy (those of `version`, or all): a descriptor of the file that a process joins by writing "0". They belong
 * to the caller.
 */
export function openEntries(places: readonly Place[], version: 1 | null): ReadonlyMap<number, number> {
  const fds = new Map<number, number>()
  try {
    for (const [index, place] of places.entries()) {
      const isWanted = version === null || place.version === version
      if (isWanted) fds.set(index, openBeneath(rootOf(place), `${place.path}/${FILES[place.version]}`, 'write'))
    }
    return fds
  } catch (error) {
    for (const fd of fds.values()) closeFd(fd)
    throw error
  }
}

/** Where a cgroup is in one hierarchy. */
export interface CgroupDirectory {
  /** As the kernel names them, such as `cpu,cpuacct` or `name=systemd`; "" for version 2. */
  readonly controllers: string
  /** From the root of the hierarchy, as it is mounted. */
  readonly path: string
  /** On the host. */
  readonly directory: string
  /** The last part of the hierarchy's mount point. */
  readonly name: string
}

export function directoryOf(place: Place): CgroupDirectory {
  const { version, controllers, path, mountpoint } = place
  return {
    controllers: version === 2 ? '' : controllers.join(','),
    path: `/${path}`,
    directory: hostPath(place),
    name: mountpoint.slice(mountpoint.lastIndexOf('/') + 1),
  }
}
