import type { Process } from '../config/config.js'
import { ownsDev } from './devices.js'
import type { Work } from './draft.js'
import { sealMounts } from './mounts.js'
import { hasOwnMounts, makesNamespace, namespaceOrigin } from './namespaces.js'
import { cleanPath } from './paths.js'
import { ownerOf } from './privilege.js'
import { sealRoot } from './rootfs.js'

/** INSIDE: what the process sees of its namespaces. What makes something comes before what makes the root read-only. */
export function furnish(work: Work): void {
  const { config, draft } = work
  const { hostname, domainname, linux } = config
  if (makesNamespace(config, 'network')) draft.op('loopback_up', {}, namespaceOrigin(config, 'network'))
  if (hostname !== null) draft.op('hostname', { name: hostname }, '/hostname')
  if (domainname !== null) draft.op('domainname', { name: domainname }, '/domainname')
  for (const { key, value, origin } of linux.sysctl) draft.op('sysctl', { key, value }, origin)
  makeWorkingDirectory(work)
  connectStdio(work)
  sealMounts(work)
  for (const { path, origin } of linux.readonlyPaths) draft.op('readonly_path', { path }, origin)
  for (const { path, origin } of linux.maskedPaths) draft.op('mask_path', { path }, origin)
  // Last, since a mount that is unbindable can't be cloned either.
  sealRoot(work)
}

function makeWorkingDirectory({ config, draft }: Work): void {
  const cwd = cleanPath(config.process?.cwd ?? '/')
  // A read-only root is not written to: a directory that it lacks is missing. What is mounted in it is another matter.
  if (config.root.readonly && !draft.mounted.hasAt(cwd)) return
  if (cwd !== '/') draft.op('mkdir', { path: cwd, mode: 0o755, ...ownerOf(config) }, '/process/cwd')
}

/** A terminal of the container's own, or streams that are not the host's /dev/null. */
function connectStdio(work: Work): void {
  const { config, draft } = work
  if (config.process?.terminal === true) {
    openConsole(work, config.process, { bind: hasOwnMounts(config) })
    draft.op('controlling_terminal', {}, '/process/terminal')
  } else if (ownsDev(work)) draft.op('reopen_null', {})
}

/** `bind`: it is the container's /dev/console too. */
export function openConsole({ draft, options }: Work, { consoleSize }: Process, { bind }: { bind: boolean }): void {
  const origin = '/process/terminal'
  const { rows, columns } = consoleSize ?? { rows: 0, columns: 0 }
  const flags = { bind: bind ? 1 : 0, lineFeeds: options.lineFeedsOnly ? 1 : 0 }
  draft.op('console', { slot: draft.slot({ kind: 'console', origin }), rows, columns, ...flags }, origin)
}
