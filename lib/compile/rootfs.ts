import type { Config } from '../config/config.js'
import { makeIssue } from '../config/issues.js'
import { ConfigError } from '../errors.js'
import { MOUNT_ATTR, MS } from '../plan/flags.js'
import type { Draft, Work } from './draft.js'
import { mountLayers } from './layered-root.js'
import { hasNamespace, hasOwnMounts, makesNamespace } from './namespaces.js'
import { isRootless } from './privilege.js'

const PROPAGATION = '/linux/rootfsPropagation'

/**
 * What "/" and every copied tree start with. Copies of the host's mounts are their peers: unless the configuration wants
 * that, what is mounted in the container must not reach the host. Unbindable is for the finished root only.
 */
function basePropagation({ linux }: Config): number {
  const given = (linux.rootfsPropagation ?? MS.SLAVE) & ~MS.REC
  return (given === MS.UNBINDABLE ? MS.PRIVATE : given) | MS.REC
}

/** The first ops of MOUNT: the mount namespace is cut off from the host's, and gets the container's root. */
export function mountRoot(work: Work): void {
  const { config, facts, options, draft } = work
  const path = options.rootfs
  const origin = '/root/path'
  if (options.layered === null && !hasNamespace(config, 'mount')) {
    if (hasOwnMounts(config)) coverRoot(draft)
    else draft.op('root_dir', { slot: draft.slot({ kind: 'directory', path, origin }) }, origin)
    return
  }
  draft.op('propagation', { flags: basePropagation(config) }, PROPAGATION)
  if (options.layered !== null) {
    mountLayers(work, options.layered)
  } else if (isRootless(facts)) {
    draft.op('root_checked', { slot: draft.slot({ kind: 'directory', path, origin }), source: path }, origin)
  } else {
    draft.op('root', { slot: draft.slot({ kind: 'tree', path, recursive: true, nofollow: false, origin }) }, origin)
  }
}

function coverRoot(draft: Draft): void {
  const origin = '/root/path'
  draft.warn(
    `/linux/namespaces: without a mount namespace the mounts are in that of the host, below ${origin}, until delete`,
  )
  draft.op('root_over', { slot: draft.slot({ kind: 'root_mount', origin }) }, origin)
}

/** Before hooks run: they know the root by its path on the host. A namespace that is joined need not have that path. */
export function showRoot({ config, options, draft }: Work): void {
  if (makesNamespace(config, 'mount')) draft.op('place_root', { path: options.rootfs }, '/root/path')
}

/** PIVOT. */
export function switchRoot({ config, options, draft }: Work): void {
  if (!hasNamespace(config, 'mount')) draft.op('chroot', {}, '/root/path')
  else if (options.noPivot) draft.op('move_root', {}, '/root/path')
  else draft.op('pivot_root', {}, '/root/path')
}

/**
 * What the root must not be while it is being filled: read-only, shared, unbindable.
 * @throws ConfigError if there is no mount namespace: it would be the host's mount that is changed
 */
export function sealRoot({ config, draft }: Work): void {
  const set = config.root.readonly ? BigInt(MOUNT_ATTR.RDONLY) : 0n
  const given = config.linux.rootfsPropagation ?? 0
  if (!hasNamespace(config, 'mount')) {
    if (given !== 0) throw needsMountNamespace(PROPAGATION, given)
    if (!config.root.readonly) return
  }
  const propagation = (given & (MS.SHARED | MS.UNBINDABLE)) === 0 ? 0 : given
  if (set === 0n && propagation === 0) return
  draft.op('root_attr', { set, propagation }, set === 0n ? PROPAGATION : '/root/readonly')
}

function needsMountNamespace(path: string, received: unknown): ConfigError {
  const expected = 'absent without a mount namespace: it would change a mount of the host'
  return new ConfigError('ERR_CONFIG_INVALID', [makeIssue({ path, expected, received })])
}
