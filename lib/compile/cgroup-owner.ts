import { MOUNT_ATTR } from '../plan/flags.js'
import type { Config, Mount } from '../spec/config.js'
import { makesNamespace } from './namespaces.js'
import { cleanPath } from './paths.js'

const RDONLY = BigInt(MOUNT_ATTR.RDONLY)

/**
 * The user, as counted in the container, to whom its cgroup is to be given: that of the process, where it gets a cgroup
 * namespace of its own and a writable view of it (config-linux.md#cgroup-ownership); null: the cgroup keeps its owner.
 */
export function cgroupOwner(config: Config): number | null {
  if (config.process === null || !makesNamespace(config, 'cgroup')) return null
  return config.mounts.some(showsWritable) ? config.process.user.uid : null
}

function showsWritable({ kind, source, destination, set, recSet }: Mount): boolean {
  const isView = kind === 'cgroup' && source === 'cgroup' && cleanPath(destination) === '/sys/fs/cgroup'
  return isView && ((set | recSet) & RDONLY) === 0n
}
