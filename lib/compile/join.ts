import { CLONE } from '../plan/flags.js'
import type { Work } from './draft.js'
import { joinCgroups } from './namespaces.js'
import { ownerOf } from './privilege.js'

/** Into a container that exists, for hooks: its cgroups, its namespaces, its root. */
export function joinContainer(work: Work): void {
  joinCgroups(work)
  joinNamespaces(work)
  joinRoot(work)
}

/**
 * All namespaces of the container at once through the pidfd of its init (Linux 5.8; the kernel takes the user namespace
 * first), and a child for the pid namespace.
 */
export function joinNamespaces({ config, draft }: Work): void {
  const type = config.linux.namespaces.reduce((mask, { flag }) => mask | flag, 0)
  draft.op('not_dumpable', {})
  const origin = '/linux/namespaces'
  if (type !== 0) draft.op('setns', { slot: draft.slot({ kind: 'init', origin }), type }, origin)
  if (type & CLONE.NEWUSER) draft.op('become_root', ownerOf(config), origin)
  if (type & CLONE.NEWPID) draft.op('clone', {}, origin)
  draft.op('setsid', {})
}

export function joinRoot({ draft }: Work): void {
  draft.op('join_root', { slot: draft.slot({ kind: 'init_root', origin: '/root/path' }) }, '/root/path')
}
