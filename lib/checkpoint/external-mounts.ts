/**
 * Mounts that are not the container's own: their content is not in the images. Each is known by a name, which at a dump is the
 * place where it is mounted and at a restore leads to what is mounted there then.
 */
import type { Config, Mount } from '../config/config.js'
import { resolves } from '../config/mounts.js'
import { isAtOrIn, type MountEntry } from './mount-table.js'

export interface ExternalMount {
  readonly key: string
  readonly value: string
}

const NULL = '/dev/null'
/** With a cgroup namespace they are mounts of the container. */
const CGROUPS: readonly string[] = ['cgroup', 'cgroup2']

const showsHostCgroups = ({ linux }: Config): boolean => !linux.namespaces.some(({ type }) => type === 'cgroup')

interface Dumped {
  readonly config: Config
  /** Those of the container. */
  readonly mounts: readonly MountEntry[]
  /** Where a path of the container leads. */
  readonly resolve: (path: string) => string
}

/** What of the container's mounts is the host's: binds of the configuration, and whatever shows a part of a file system that the container has not. */
export function externalMounts({ config, mounts, resolve }: Dumped): ExternalMount[] {
  const wanted = config.mounts.map(mount => ({ mount, path: resolve(mount.destination) }))
  const ofBind = ({ path }: MountEntry): boolean =>
    wanted.findLast(({ mount, path: at }) => mount.kind !== 'remount' && isAtOrIn(path, at))?.mount.kind === 'bind'
  const isPart = (entry: MountEntry): boolean => {
    if (CGROUPS.includes(entry.type)) return showsHostCgroups(config)
    const { device, root } = entry
    return (
      root !== '/' &&
      !mounts.some(
        other => other.device === device && other.root !== root && isAtOrIn(root, other.root) && !ofBind(other),
      )
    )
  }
  return mounts
    .filter(entry => entry.path !== '/' && (ofBind(entry) || isPart(entry)))
    .map(entry => ({ key: entry.path, value: isMask(config, entry) ? NULL : entry.path }))
}

const isMask = ({ linux }: Config, { path }: MountEntry): boolean =>
  linux.maskedPaths.some(masked => resolves(masked.path) === path)

interface Restored {
  readonly config: Config
  /** Those of the host. */
  readonly mounts: readonly MountEntry[]
  /** Where a path of the root leads. */
  readonly resolve: (path: string) => string
  /** What relative sources are relative to. */
  readonly base: string
  /** Where a path of the host leads: CRIU follows no link. */
  readonly real: (path: string) => string
  /** Where the cgroup of the container is in each hierarchy, as paths of the host, by the name that the container sees. */
  readonly cgroups: ReadonlyMap<string, string>
}

/** All that an image of this configuration may ask for; what it does not ask for does not matter. */
export function mountSources(input: Restored): ExternalMount[] {
  const { config, resolve } = input
  const devices = ['null', 'zero', 'full', 'random', 'urandom', 'tty'].map(name => `/dev/${name}`)
  const nodes = [...devices, ...config.linux.devices.map(({ path }) => resolves(path))]
  const found = new Map(nodes.map(path => [path, path]))
  for (const mount of config.mounts) {
    const path = resolve(mount.destination)
    if (mount.kind === 'bind') for (const [key, value] of treeOf(input, mount)) found.set(joined(path, key), value)
    if (mount.kind === 'cgroup') for (const [key, value] of cgroupsAt(input, path)) found.set(key, value)
  }
  return [...found].map(([key, value]) => ({ key, value }))
}

/** A single hierarchy is mounted at the place itself, several are below it. */
function cgroupsAt({ config, cgroups }: Restored, path: string): [string, string][] {
  if (!showsHostCgroups(config)) return []
  const at = (name: string): string => (cgroups.size === 1 ? path : joined(path, name))
  return [...cgroups].map(([name, directory]): [string, string] => [at(name), directory])
}

/** A source, and if the whole tree is bound what is mounted below it, each by its path in it. */
function treeOf({ base, mounts, real }: Restored, { source, recursive }: Mount): [string, string][] {
  const directory = real(source.startsWith('/') ? source : `${base}/${source}`)
  const below = recursive ? mounts.filter(({ path }) => path !== directory && isAtOrIn(path, directory)) : []
  return [['', directory], ...below.map(({ path }): [string, string] => [path.slice(directory.length), path])]
}

const joined = (path: string, rest: string): string => (rest === '' ? path : resolves(`${path}/${rest}`))
