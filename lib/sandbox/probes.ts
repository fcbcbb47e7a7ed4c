/** Containers that are made to see whether they can be. */
import { HostError } from '../errors.js'
import { exampleConfig, type OciConfig } from '../index.js'
import { isThere, makeDirectory } from '../sys/file.js'
import { grantedRanges } from '../sys/granted-ids.js'
import { ownName } from '../sys/own-account.js'
import { effectiveGid, effectiveUid } from '../sys/self.js'
import { makeBox, sandboxDirectory } from './box-place.js'
import { sandboxRuntime } from './isolated-container.js'
import { HOST_PATHS } from './profile.js'

/** What the container has. */
export interface Tried {
  /** A user namespace, with the own id as root's. */
  readonly isMapped: boolean
  readonly hasProcfs?: boolean
  readonly isLayered?: boolean
  readonly hasLimits?: boolean
  readonly hasFilter?: boolean
  /** The first other id that is mapped. */
  readonly ids?: { readonly uid: number; readonly gid: number }
  readonly signal: AbortSignal | undefined
}

const PROGRAM = { args: ['true'], cwd: '/', env: ['PATH=/usr/bin:/bin'], noNewPrivileges: true } as const

/** Makes such a container, and removes it. @throws what making it does */
export async function tryContainer(tried: Tried): Promise<''> {
  const place = sandboxDirectory()
  const box = makeBox(place, { user: { uid: 0, gid: 0 }, owner: null })
  const base = `${box.path}/root`
  makeDirectory(base, 0o755)
  const { isLayered = false, signal } = tried
  try {
    await using container = await sandboxRuntime(place).create({
      ...{ id: box.id, detached: false, dieWithParent: true, stdio: 'ignore' },
      config: configOf(tried, base),
      rootfs: isLayered ? { layers: [base], upper: 'memory' } : base,
      ...(signal !== undefined && { signal }),
    })
    // A program gets the filter when it begins.
    if (tried.hasFilter === true) await container.run({ process: PROGRAM, ...(signal !== undefined && { signal }) })
    return ''
  } finally {
    await box.remove()
    box.unlock()
  }
}

const MIB = 1024 * 1024

function configOf(tried: Tried, base: string): OciConfig {
  const { isMapped, hasProcfs = false, hasLimits = false, hasFilter = false, ids } = tried
  const own = { uid: effectiveUid(), gid: effectiveGid() }
  const hostPaths = hasFilter ? HOST_PATHS.filter(path => isThere(path)) : []
  const example = { terminal: false, limits: false, seccomp: hasFilter, hostPaths, ...(isMapped && { rootless: own }) }
  const { process: _none, ...config } = exampleConfig(example)
  const resources = { pids: { limit: 16 }, memory: { limit: 64 * MIB }, cpu: { quota: 50_000, period: 100_000 } }
  return {
    ...config,
    root: { path: base },
    mounts: (config.mounts ?? []).filter(
      ({ destination, type }) => destination !== '/sys' && type !== 'cgroup' && (hasProcfs || type !== 'proc'),
    ),
    linux: {
      ...config.linux,
      ...(isMapped && { uidMappings: mappings(own.uid, ids?.uid), gidMappings: mappings(own.gid, ids?.gid) }),
      resources: hasLimits ? resources : {},
    },
  }
}

function mappings(own: number, other: number | undefined) {
  const first = { containerID: 0, hostID: own, size: 1 }
  return other === undefined ? [first] : [first, { containerID: 1, hostID: other, size: 1 }]
}

/** The first ids that the host grants to this user. @throws {HostError} ERR_HOST_PRIVILEGE if it grants none */
export function grantedIds(): { uid: number; gid: number } {
  return { uid: firstOf('uid'), gid: firstOf('gid') }
}

function firstOf(kind: 'uid' | 'gid'): number {
  const first = grantedRanges(kind)[0]?.first
  if (first !== undefined) return first
  throw new HostError('ERR_HOST_PRIVILEGE', {
    needs: `a range of ids for this user in /etc/sub${kind}`,
    found: 'none',
    remedy: `as root: "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${ownName() ?? 'USER'}"`,
  })
}
