import type { Config, Device } from '../config/config.js'
import { S_IF } from '../plan/flags.js'
import { RESOLVE_IN_ROOT } from '../plan/ops.js'
import type { Work } from './draft.js'
import { hasNamespace } from './namespaces.js'
import { cleanPath, isBelow, parentOf } from './paths.js'
import { isRootless, ownerOf } from './privilege.js'

/** The devices that every Linux container has (config-linux.md, default devices); console and ptmx are made otherwise. */
const DEFAULT_DEVICES: readonly Device[] = [
  ['null', 3],
  ['zero', 5],
  ['full', 7],
  ['random', 8],
  ['urandom', 9],
].map(([name, minor]) => characterDevice(`/dev/${name}`, 1, Number(minor)))

const TTY = characterDevice('/dev/tty', 5, 0)

const KCORE = '/proc/kcore'

/** Links of the runtime specification (runtime-linux.md, dev symbolic links), and /dev/core, which all runtimes make. */
const LINKS = [
  ['/dev/fd', '/proc/self/fd'],
  ['/dev/stdin', '/proc/self/fd/0'],
  ['/dev/stdout', '/proc/self/fd/1'],
  ['/dev/stderr', '/proc/self/fd/2'],
  ['/dev/core', KCORE],
  ['/dev/ptmx', 'pts/ptmx'],
] as const

function characterDevice(path: string, major: number, minor: number): Device {
  return { path, type: 'c', mode: S_IF.IFCHR | 0o666, major, minor, uid: 0, gid: 0, origin: '' }
}

/** True if /dev is the container's own, and not a directory of the host that was bound there. */
export function ownsDev({ config }: Pick<Work, 'config'>): boolean {
  const mounts = config.mounts.filter(
    ({ kind, destination }) => kind !== 'remount' && cleanPath(destination) === '/dev',
  )
  const isBound = mounts.some(({ kind }) => kind === 'bind')
  // Without a mount namespace what is in the root is the host's, unless it is mounted there.
  return !isBound && (hasNamespace(config, 'mount') || mounts.length > 0)
}

/** The default devices and links, and `linux.devices`, which win if both name a path. */
export function makeDevices(work: Work): void {
  const { config, draft } = work
  const given = config.linux.devices.filter(({ path }) => cleanPath(path) !== '/dev/ptmx')
  const paths = new Set(given.map(({ path }) => cleanPath(path)))
  const defaults = ownsDev(work) ? [...DEFAULT_DEVICES, TTY].filter(({ path }) => !paths.has(path)) : []
  const devices = [...defaults, ...given]
  for (const directory of directoriesOf(work, devices))
    draft.op('mkdir', { path: directory, mode: 0o755, ...ownerOf(config) })
  for (const device of devices) makeDevice(work, device)
  if (!ownsDev(work)) return
  for (const [path, target] of LINKS) {
    if (target !== KCORE || work.facts.kcore) draft.op('symlink', { target, path })
  }
}

/** The directories that the devices are in, but for those that are mounts and so exist. */
function directoriesOf({ config }: Work, devices: readonly Device[]): string[] {
  const mounted = new Set(['/', ...config.mounts.map(({ destination }) => cleanPath(destination))])
  return [...new Set(devices.map(({ path }) => parentOf(path)))].filter(path => !mounted.has(path))
}

/** True in what is bound from the host: a node that is there is the host's own, whose mode and owner are not ours to change. */
function isHosts({ mounts }: Config, path: string): boolean {
  return mounts.findLast(({ destination }) => isBelow(path, destination))?.kind === 'bind'
}

const UNCHANGED = { set: 0n, clear: 0n, implied: 0n, recSet: 0n, recClear: 0n, propagation: 0 }

/** mknod(2) is refused in a user namespace, the container's or our own, but not for a fifo: there the host's node is attached. */
function makeDevice({ config, facts, draft }: Work, device: Device): void {
  const { path, type, mode, major, minor, uid, gid, origin } = device
  const clean = cleanPath(path)
  if (type === 'p' || !(facts.inUserNamespace || hasNamespace(config, 'user'))) {
    draft.op('mknod', { path: clean, mode, major, minor, uid, gid, keep: isHosts(config, clean) ? 1 : 0 }, origin)
    return
  }
  const node = { type: type === 'b' ? 'b' : 'c', major, minor } as const
  const args = { path: clean, ...UNCHANGED, resolve: RESOLVE_IN_ROOT }
  if (isRootless(facts)) {
    const slot = draft.slot({ kind: 'place', path, recursive: false, device: node, origin })
    draft.op('attach_checked', { slot, source: path, recursive: 0, ...args }, origin)
    return
  }
  draft.op('attach', { slot: draft.slot({ kind: 'device', path, ...node, origin }), ...args }, origin)
}
