import type { Config, Mount } from '../config/config.js'
import { HostError } from '../errors.js'
import type { CgroupHierarchy } from '../host/facts.js'
import { MOUNT_ATTR } from '../plan/flags.js'
import { RESOLVE_IN_ROOT } from '../plan/ops.js'
import type { Work } from './draft.js'
import { hasNamespace, makesNamespace } from './namespaces.js'
import { cleanPath } from './paths.js'

const RDONLY = BigInt(MOUNT_ATTR.RDONLY)

/** Nothing in a cgroup tree is a program or a device, whatever the configuration says. */
const ALWAYS = BigInt(MOUNT_ATTR.NOSUID | MOUNT_ATTR.NODEV | MOUNT_ATTR.NOEXEC)

type Numbered = CgroupHierarchy & { readonly hierarchy: number }

/**
 * `type: cgroup`: what the container sees of its own cgroups. On v1 and hybrid hosts a small tmpfs with a directory per
 * hierarchy, on v2 the unified tree; read-only if the configuration says so, in every variant (CVE-2023-25809).
 *
 * @throws HostError ERR_HOST_CGROUP if the host has no cgroups to show
 */
export function mountCgroups(work: Work, mount: Mount): void {
  const numbered = work.facts.cgroup.hierarchies.map((entry, hierarchy) => ({ ...entry, hierarchy }))
  const old = numbered.filter(({ version }) => version === 1)
  const unified = numbered.find(({ version }) => version === 2)
  const { mode } = work.facts.cgroup
  // Asked for by name, the unified hierarchy is shown on a hybrid host as well.
  if ((mode === 'v2' || mount.type === 'cgroup2') && unified !== undefined)
    mountHierarchy(work, { mount, hierarchy: unified, path: cleanPath(mount.destination) })
  else if (mode !== 'none' && mount.type !== 'cgroup2' && old.length > 0) mountOld(work, mount, old)
  else throw noCgroups(mount)
}

function noCgroups({ origin }: Mount): HostError {
  const needs = `a cgroup hierarchy (${origin})`
  return new HostError('ERR_HOST_CGROUP', {
    needs,
    found: 'none',
    remedy: 'mount the cgroups of the host, or leave it out',
  })
}

/** The attributes of each mount below the destination. */
function attributesOf({ set, clear, recSet, recClear }: Mount): bigint {
  return (ALWAYS & ~clear & ~recClear) | set | recSet
}

function mountOld(work: Work, mount: Mount, hierarchies: readonly Numbered[]): void {
  const { draft } = work
  const { origin } = mount
  const path = cleanPath(mount.destination)
  const attributes = attributesOf(mount)
  draft.op(
    'mount_fs',
    {
      type: 'tmpfs',
      source: 'tmpfs',
      path,
      options: ['mode=755'],
      attributes: attributes & ~RDONLY,
      recSet: 0n,
      recClear: 0n,
      propagation: mount.propagation,
      resolve: RESOLVE_IN_ROOT,
    },
    origin,
  )
  for (const hierarchy of hierarchies) {
    const name = directoryOf(hierarchy)
    mountHierarchy(work, { mount, hierarchy, path: `${path}/${name}` })
    for (const link of linksTo(hierarchy, name)) draft.op('symlink', { target: name, path: `${path}/${link}` }, origin)
  }
  if ((attributes & RDONLY) === 0n) return
  draft.op('set_attributes', { path, set: RDONLY, clear: 0n, recSet: 0n, recClear: 0n, propagation: 0 }, origin)
}

/** The last part of the host's mount point, such as `cpu,cpuacct` or `systemd`. */
function directoryOf({ mountpoint }: CgroupHierarchy): string {
  return mountpoint.slice(mountpoint.lastIndexOf('/') + 1)
}

/** Controllers that share a hierarchy are found by their own names as well. */
function linksTo({ controllers }: CgroupHierarchy, directory: string): string[] {
  return controllers.filter(name => controllers.length > 1 && name !== directory && !name.startsWith('name='))
}

/** With a cgroup namespace the file system shows the container's part only; without one, that part is bound. */
function mountHierarchy(
  work: Work,
  { mount, hierarchy, path }: { mount: Mount; hierarchy: Numbered; path: string },
): void {
  const { config, draft } = work
  const { origin, propagation, clear } = mount
  const attributes = attributesOf(mount)
  if (hasNamespace(config, 'cgroup')) {
    const { type, source, options } = filesystemOf(hierarchy, mount)
    const args = { type, source, path, options, attributes, recSet: 0n, recClear: 0n, propagation }
    draft.op('mount_fs', { ...args, resolve: RESOLVE_IN_ROOT }, origin)
    return
  }
  const slot = draft.slot({ kind: 'cgroup_tree', hierarchy: hierarchy.hierarchy, origin })
  const args = { slot, path, set: attributes, clear, implied: 0n, recSet: 0n, recClear: 0n, propagation }
  draft.op('attach', { ...args, resolve: RESOLVE_IN_ROOT }, origin)
}

function filesystemOf(
  { version, controllers }: Numbered,
  { data }: Mount,
): { type: string; source: string; options: readonly string[] } {
  if (version === 2) return { type: 'cgroup2', source: 'cgroup', options: data }
  const named = controllers.some(name => name.startsWith('name='))
  return { type: 'cgroup', source: 'cgroup', options: named ? ['none', ...controllers] : controllers }
}

/**
 * The user, as counted in the container, that is to get its cgroup: that of the process, if it gets a cgroup
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
