/** From the options of a sandbox to the configuration of its container: pure. */
import { exampleConfig, type OciConfig, type OciMount } from '../index.js'
import type { SandboxSettings } from './sandbox-options.js'
import { filterOf } from './system-calls.js'

export interface Surroundings {
  /** null: as root. */
  readonly rootless: { readonly uid: number; readonly gid: number } | null
  readonly user: { readonly uid: number; readonly gid: number }
  /** What it has of the host, at the same paths. */
  readonly hostPaths: readonly string[]
  /** For the mounts of mode `overlay`, in their order: absolute. */
  readonly overlays: readonly { readonly upper: string; readonly work: string; readonly lower: string }[]
  readonly sources: readonly string[]
  /** Its /etc/resolv.conf, on the host; null: none. */
  readonly resolver: string | null
  readonly hasCgroup: boolean
  readonly hasProcfs: boolean
}

const CPU_PERIOD = 100_000

export function configurationOf(settings: SandboxSettings, around: Surroundings): OciConfig {
  const { rootless, user, hostPaths, hasCgroup, hasProcfs } = around
  const {
    process: _none,
    mounts = [],
    linux = {},
    ...example
  } = exampleConfig({
    ...{ terminal: false, limits: false, seccomp: settings.profile.seccomp, hostPaths },
    ...(rootless === null ? {} : { rootless }),
  })
  const ids =
    rootless === null ? {} : { uidMappings: map(user.uid, rootless.uid), gidMappings: map(user.gid, rootless.gid) }
  const isOpen = settings.network === 'host'
  const types = (linux.namespaces ?? []).filter(({ type }) => type !== 'network')
  return {
    ...example,
    hostname: 'sandbox',
    root: { path: '-', readonly: false },
    mounts: [...mounts.filter(mount => keeps(mount, hasProcfs)), ...mountsOf(settings, around), ...resolverOf(around)],
    linux: {
      ...linux,
      ...ids,
      ...(linux.seccomp && { seccomp: filterOf(linux.seccomp, settings.profile) }),
      namespaces: isOpen ? types : [...types, { type: 'network' }],
      resources: hasCgroup ? { ...linux.resources, ...resourcesOf(settings) } : {},
    },
  }
}

const map = (containerID: number, hostID: number) => [{ containerID, hostID, size: 1 }]

/** A sandbox has no business with devices of the bus and cgroups. */
const keeps = ({ destination, type }: OciMount, hasProcfs: boolean): boolean =>
  destination !== '/sys' && type !== 'cgroup' && (hasProcfs || type !== 'proc')

function mountsOf({ mounts }: SandboxSettings, { sources, overlays, rootless }: Surroundings): OciMount[] {
  const left = [...overlays]
  return mounts.map(({ target: destination, mode }, index) => {
    const source = sources[index] ?? ''
    const overlay = mode === 'overlay' ? left.shift() : undefined
    if (overlay === undefined) {
      const access = mode === 'rw' ? ['rw'] : ['rro']
      return { destination, type: 'bind', source, options: ['rbind', 'rnosuid', 'rnodev', ...access] }
    }
    const { upper, work, lower } = overlay
    const options = [
      `lowerdir=${lower}`,
      `upperdir=${upper}`,
      `workdir=${work}`,
      'redirect_dir=nofollow',
      'metacopy=off',
    ]
    return {
      ...{ destination, type: 'overlay', source: 'overlay' },
      options: ['nosuid', 'nodev', ...options, ...(rootless === null ? [] : ['userxattr'])],
    }
  })
}

const resolverOf = ({ resolver: source }: Surroundings): OciMount[] =>
  source === null
    ? []
    : [{ destination: '/etc/resolv.conf', type: 'bind', source, options: ['bind', 'ro', 'nosuid', 'nodev', 'noexec'] }]

export function resourcesOf({ memory, cpus, pids }: SandboxSettings) {
  const isLimited = Number.isFinite(memory)
  return {
    pids: { limit: pids },
    ...(isLimited && { memory: { limit: memory } }),
    ...(cpus !== null && { cpu: { quota: Math.round(cpus * CPU_PERIOD), period: CPU_PERIOD } }),
  }
}
