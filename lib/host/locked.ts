/** What mounts of the host forbid, and a container with a user namespace must not lift. */
import { LaunchError } from '../errors.js'
import { flagNames, MOUNT_ATTR } from '../plan/flags.js'
import type { Cleared } from '../plan/plan.js'
import { readText, realPath } from '../sys/file.js'

interface Tree {
  readonly path: string
  readonly recursive: boolean
  readonly cleared?: Cleared
  readonly origin: string
}

/**
 * The kernel itself refuses this to a process in a user namespace that copies a mount of the host; here the runtime copies
 * it, which may be privileged.
 * @throws {LaunchError} ERR_LAUNCH_OP naming the mount whose options take away what a mount of the host forbids
 */
export function demandUnlocked({ path, recursive, cleared, origin }: Tree): void {
  if (cleared === undefined) return
  const mounts = parseMounts(readText('/proc/self/mountinfo'))
  const source = realPath(path)
  const around = mounts.filter(({ point }) => contains(point, source))
  const longest = Math.max(...around.map(({ point }) => point.length))
  const own = around.findLast(({ point }) => point.length === longest)
  const below = recursive ? mounts.filter(({ point }) => point !== source && contains(source, point)) : []
  const tree = own === undefined ? below : [own, ...below]
  const found = tree.map(mount => ({
    ...mount,
    flags: mount.flags & (mount === own ? cleared.mount | cleared.tree : cleared.tree),
  }))
  const locked = found.find(({ flags }) => flags !== 0)
  if (locked === undefined) return
  const names = flagNames(locked.flags, MOUNT_ATTR, '').map(name => (name === 'RDONLY' ? 'ro' : name.toLowerCase()))
  const configPath = origin.replace(/source$/, 'options')
  const message = `${configPath}: ${names.join(', ')} of the host's mount ${locked.point} can't be taken away in a user namespace`
  const fields = { op: 'attach', phase: 'SPAWN', syscall: 'mount_setattr', errno: 'EPERM', signal: null }
  throw new LaunchError('ERR_LAUNCH_OP', message, { configPath, ...fields })
}

const contains = (folder: string, path: string): boolean =>
  path === folder || path.startsWith(folder === '/' ? '/' : `${folder}/`)

const FLAGS: Readonly<Record<string, number>> = {
  ro: MOUNT_ATTR.RDONLY,
  nosuid: MOUNT_ATTR.NOSUID,
  nodev: MOUNT_ATTR.NODEV,
  noexec: MOUNT_ATTR.NOEXEC,
}

/** Spaces and the like are written as octal numbers there. */
function parseMounts(mountinfo: string): { point: string; flags: number }[] {
  const lines = mountinfo.split('\n').filter(line => line !== '')
  return lines.map(line => {
    const [, , , , point = '', options = ''] = line.split(' ')
    return {
      point: point.replace(/\\([0-7]{3})/g, (_all, digits: string) => String.fromCharCode(Number.parseInt(digits, 8))),
      flags: options.split(',').reduce((mask, option) => mask | (FLAGS[option] ?? 0), 0),
    }
  })
}
