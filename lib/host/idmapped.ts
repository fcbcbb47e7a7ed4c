/** Maps the ids of detached mounts, before the container can see them. */
import { LaunchError } from '../errors.js'
import type { Idmap, IdRange } from '../plan/plan.js'
import { closeFd } from '../sys/beneath.js'
import { errnoMessage, isErrno } from '../sys/errno.js'
import { openRead } from '../sys/file.js'
import { makeUserNamespace, mapIds } from '../sys/mount.js'

/**
 * The mount again, with its ids mapped; it is closed when that fails.
 * @throws {LaunchError} ERR_LAUNCH_OP naming the mount, such as if its file system can't do that
 */
export function idmapped(idmap: Idmap, mount: number): number {
  try {
    applyIdmap(idmap, mount)
    return mount
  } catch (cause) {
    closeFd(mount)
    if (!isErrno(cause)) throw cause
    const { syscall, errno } = cause
    const message = `${idmap.origin}: ${syscall}: ${errno}: ${REASONS[`${syscall} ${errno}`] ?? errnoMessage(errno)}`
    const fields = { configPath: idmap.origin, op: 'attach', phase: 'SPAWN', syscall, errno, signal: null }
    throw new LaunchError('ERR_LAUNCH_OP', message, fields, { cause })
  }
}

/** What the kernel means, if its words do not tell. */
const REASONS: Readonly<Record<string, string>> = {
  'mount_setattr EINVAL':
    'a file system of this mount does not support mapped ids, or the mappings are those of the host',
  'mount_setattr EPERM':
    'the ids of this mount are mapped already, or the runtime is not privileged over its file system',
  'uid_map EPERM': 'the runtime may not map these ids',
}

function applyIdmap({ recursive, by }: Idmap, mount: number): void {
  const namespace = 'namespace' in by ? openRead(by.namespace) : makeUserNamespace(mapText(by.uid), mapText(by.gid))
  try {
    mapIds({ mount, namespace, recursive })
  } finally {
    closeFd(namespace)
  }
}

const mapText = (ranges: readonly IdRange[]): string =>
  ranges.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join('')
