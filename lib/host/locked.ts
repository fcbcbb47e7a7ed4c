/** What mounts of the host forbid, and a container with a user namespace must not lift. */
import { LaunchError } from '../errors.js'
import { flagNames, MOUNT_ATTR, MOUNT_ATTR_ATIME } from '../plan/flags.js'
import type { Cleared } from '../plan/plan.js'
import { readText } from '../sys/file.js'

interface Tree {
  /** Without links. */
  readonly path: string
  readonly recursive: boolean
  readonly cleared: Cleared
  readonly origin: string
}

/**
 * The kernel itself refuses this to a process in a user namespace that copies a mount of the host; here the runtime copies
 * it, which may be privileged.
 * @throws {LaunchError} ERR_LAUNCH_OP naming the mount whose options take away what a mount of the host forbids
 */
export function demandUnlocked({ path: source, recursive, cleared, origin }: Tree): void {
  const mounts = parseMounts(readText('/proc/self/mountinfo'))
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
  if (locked !== undefined) throw lockedError(origin, `${namesOf(locked.flags)} of the host's mount ${locked.point}`)
  if (own === undefined || cleared.times === null || cleared.times === own.times) return
  throw lockedError(origin, `the access times (${timesOf(own.times)}) of the host's mount ${own.point}`)
}

const namesOf = (flags: number): string =>
  flagNames(flags, MOUNT_ATTR, '')
    .map(name => (name === 'RDONLY' ? 'ro' : name.toLowerCase()))
    .join(', ')

const timesOf = (times: number): string =>
  (times & MOUNT_ATTR_ATIME) === 0 ? ['relatime', namesOf(times)].filter(Boolean).join(', ') : namesOf(times)

/** The last words are those that runc ends with. */
function lockedError(origin: string, what: string): LaunchError {
  const configPath = origin.replace(/source$/, 'options')
  const message = `${configPath}: ${what} can't be taken away in a user namespace: operation not permitted`
  const fields = { op: 'attach', phase: 'SPAWN', syscall: 'mount_setattr', errno: 'EPERM', signal: null }
  return new LaunchError('ERR_LAUNCH_OP', message, { configPath, ...fields })
}

const contains = (folder: string, path: string): boolean =>
  path === folder || path.startsWith(folder === '/' ? '/' : `${folder}/`)

const FLAGS: Readonly<Record<string, number>> = {
  ro: MOUNT_ATTR.RDONLY,
  nosuid: MOUNT_ATTR.NOSUID,
  nodev: MOUNT_ATTR.NODEV,
  noexec: MOUNT_ATTR.NOEXEC,
}

const TIMES: Readonly<Record<string, number>> = {
  noatime: MOUNT_ATTR.NOATIME,
  nodiratime: MOUNT_ATTR.NODIRATIME,
}

interface MountLine {
  readonly point: string
  readonly flags: number
  readonly times: number
}

/** Spaces and the like are written as octal numbers there. */
function parseMounts(mountinfo: string): MountLine[] {
  const lines = mountinfo.split('\n').filter(line => line !== '')
  return lines.map(line => {
    const [, , , , point = '', list = ''] = line.split(' ')
    const options = list.split(',')
    const maskOf = (bits: Readonly<Record<string, number>>): number =>
      options.reduce((mask, option) => mask | (bits[option] ?? 0), 0)
    // What is neither relatime nor noatime is not named there.
    const strict = options.includes('relatime') || options.includes('noatime') ? 0 : MOUNT_ATTR.STRICTATIME
    return {
      point: point.replace(/\\([0-7]{3})/g, (_all, digits: string) => String.fromCharCode(Number.parseInt(digits, 8))),
      flags: maskOf(FLAGS),
      times: maskOf(TIMES) | strict,
    }
  })
}
