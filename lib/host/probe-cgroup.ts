/** Which cgroup hierarchies this process can reach, and where it is in each. */
import { readText, readTextIfThere } from '../sys/file.js'
import type { CgroupFacts, CgroupHierarchy } from './facts.js'

/** Reads /proc/self/mountinfo, /proc/self/cgroup and, for cgroup v2, the root's cgroup.controllers. */
export function readCgroupFacts(): CgroupFacts {
  return parseCgroupFacts({
    mountinfo: readText('/proc/self/mountinfo'),
    // A kernel without cgroups has no such file.
    cgroup: readTextIfThere('/proc/self/cgroup') ?? '',
    controllersOf: mountpoint => readText(`${mountpoint}/cgroup.controllers`),
  })
}

export interface CgroupTexts {
  readonly mountinfo: string
  /** Text of /proc/self/cgroup. */
  readonly cgroup: string
  /** Text of cgroup.controllers at the mount point of cgroup v2. */
  controllersOf(mountpoint: string): string
}

/** The hierarchies in the order of /proc/self/cgroup; one that is mounted nowhere we can see is left out. */
export function parseCgroupFacts({ mountinfo, cgroup, controllersOf }: CgroupTexts): CgroupFacts {
  const mounts = parseMounts(mountinfo)
  const visible = mounts.filter(mount => mount.type.startsWith('cgroup') && isVisible(mount, mounts))
  const hierarchies = parseMemberships(cgroup).flatMap(({ controllers, own }) => {
    const mount = bestMount(visible, controllers, own)
    return mount === undefined ? [] : [hierarchyOf({ mount, controllers, own, controllersOf })]
  })
  return { mode: modeOf(hierarchies), hierarchies }
}

function modeOf(hierarchies: readonly CgroupHierarchy[]): CgroupFacts['mode'] {
  const has = (version: 1 | 2): boolean => hierarchies.some(hierarchy => hierarchy.version === version)
  if (has(1)) return has(2) ? 'hybrid' : 'v1'
  return has(2) ? 'v2' : 'none'
}

interface Membership {
  /** Empty for cgroup v2. */
  readonly controllers: readonly string[]
  readonly own: string
}

/** Lines are `4:memory:/path`, `1:name=systemd:/path` and, for cgroup v2, `0::/path`; a path may have colons. */
function parseMemberships(text: string): Membership[] {
  return text.split('\n').flatMap(line => {
    const [, controllers, own] = /^[0-9]+:([^:]*):(.*)$/.exec(line) ?? []
    if (controllers === undefined || own === undefined) return []
    return [{ controllers: controllers === '' ? [] : controllers.split(','), own }]
  })
}

interface MountLine {
  readonly id: string
  readonly parent: string
  readonly root: string
  readonly mountpoint: string
  readonly type: string
  readonly options: readonly string[]
}

/** `36 35 98:0 /root /mountpoint rw,noatime master:1 - type source options`, see proc_pid_mountinfo(5). */
function parseMounts(text: string): MountLine[] {
  return text.split('\n').flatMap(line => {
    const [left, right] = line.split(' - ')
    const [id, parent, , root, mountpoint] = left?.split(' ') ?? []
    const [type, , options] = right?.split(' ') ?? []
    if (id === undefined || parent === undefined || root === undefined) return []
    if (mountpoint === undefined || type === undefined || options === undefined) return []
    return [
      { id, parent, root: decodePath(root), mountpoint: decodePath(mountpoint), type, options: options.split(',') },
    ]
  })
}

/** Space, tab, newline and backslash are written as octal numbers. */
function decodePath(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}

/** A mount is visible when walking down to its mount point, through all that is mounted on the way, ends in it. */
function isVisible(mount: MountLine, mounts: readonly MountLine[]): boolean {
  const ids = new Set(mounts.map(({ id }) => id))
  let current = mounts.find(({ mountpoint, parent }) => mountpoint === '/' && !ids.has(parent))
  for (const place of placesDownTo(mount.mountpoint)) {
    for (let next = current; next !== undefined; next = mountedOn(next, place, mounts)) current = next
  }
  return current === undefined || current.id === mount.id
}

const mountedOn = ({ id }: MountLine, place: string, mounts: readonly MountLine[]): MountLine | undefined =>
  mounts.find(({ parent, mountpoint, id: own }) => parent === id && mountpoint === place && own !== id)

/** `/a/b` gives `/`, `/a` and `/a/b`. */
function placesDownTo(path: string): string[] {
  const parts = path.split('/').filter(part => part !== '')
  return ['/', ...parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`)]
}

/** Of several mounts of one hierarchy: one that shows our own cgroup, in the usual place. */
function bestMount(visible: readonly MountLine[], controllers: readonly string[], own: string): MountLine | undefined {
  const candidates = visible.filter(({ type, options }) =>
    controllers.length === 0
      ? type === 'cgroup2'
      : type === 'cgroup' && controllers.every(name => options.includes(name)),
  )
  const shows = ({ root }: MountLine): boolean => root === '/' || own === root || own.startsWith(`${root}/`)
  const rank = (mount: MountLine): number =>
    (shows(mount) ? 0 : 2) + (`${mount.mountpoint}/`.startsWith('/sys/fs/cgroup/') ? 0 : 1)
  return candidates.toSorted((a, b) => rank(a) - rank(b))[0]
}

interface Found extends Membership {
  readonly mount: MountLine
  controllersOf(mountpoint: string): string
}

function hierarchyOf({ mount: { mountpoint, root }, controllers, own, controllersOf }: Found): CgroupHierarchy {
  if (controllers.length > 0) return { version: 1, controllers, mountpoint, root, own }
  const available = controllersOf(mountpoint)
    .split(/\s+/)
    .filter(name => name !== '')
  return { version: 2, controllers: available, mountpoint, root, own }
}
