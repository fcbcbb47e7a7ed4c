/**
 * A container in the root of the host, with no namespaces of its own, for users who may make none: nothing is mounted, and what is executed in it
 * is confined by Landlock, and guarded by a process that ends all that has come of it.
 */
import type { Config, Process } from '../config/config.js'
import { makeIssue } from '../config/issues.js'
import { ConfigError } from '../errors.js'
import type { HostFacts } from '../host/facts.js'
import type { Plan } from '../plan/plan.js'
import type { Work } from './draft.js'
import { assumeIdentity } from './identity.js'
import { preservedCount } from './limits.js'
import { joinCgroups } from './namespaces.js'
import { lastFilter, lookUp, runProgram } from './program.js'
import { restrict } from './restrict.js'

/** @throws ConfigError with all that such a container can't have */
export function compileHosted(work: Work): { plan: Plan; warnings: readonly string[] } {
  const { config, draft, options } = work
  demandNothing(config)
  enter(work, { waits: false })
  assumeIdentity(work)
  if (options.hasLifeline) draft.op('lifeline', { slot: draft.slot({ kind: 'lifeline', origin: '' }) })
  draft.op('created', {})
  draft.op('await_start', { slot: draft.slot({ kind: 'start', origin: '' }) })
  return { plan: draft.plan({ cloneFlags: 0, preserveFds: preservedCount(work) }), warnings: draft.warnings }
}

export interface HostedExec {
  readonly process: Process
  /** Something is set from outside. */
  readonly waits: boolean
}

/** @throws ConfigError for what the process can't be */
export function compileHostedExec(
  work: Work,
  { process, waits }: HostedExec,
): { plan: Plan; warnings: readonly string[] } {
  const { draft } = work
  demandOwn(process, work.facts)
  enter(work, { waits })
  assumeIdentity(work, () => draft.op('subreaper', {}))
  lookUp(draft, process)
  draft.op('home_env', {}, '/process/env')
  draft.op('guard', { slot: draft.slot({ kind: 'init', origin: '' }) })
  restrict(work)
  runProgram(work, process, { origin: '/process/args', filter: lastFilter(work.config) })
  return { plan: draft.plan({ cloneFlags: 0, preserveFds: preservedCount(work) }), warnings: draft.warnings }
}

function enter(work: Work, { waits }: { readonly waits: boolean }): void {
  joinCgroups(work)
  // Without privileges the runtime reaches the files of a process in /proc only as long as that is dumpable.
  if (waits) work.draft.op('map', {}, '/process')
  work.draft.op('not_dumpable', {})
  work.draft.op('setsid', {})
  work.draft.op('host_root', {})
}

const refuse = (wrong: readonly (readonly [path: string, expected: string, received: unknown])[]): void => {
  const issues = wrong.map(([path, expected, received]) => makeIssue({ path, expected, received }))
  if (issues.length > 0) throw new ConfigError('ERR_CONFIG_UNSUPPORTED', issues)
}

const ABSENT = 'absent in the root of the host (rootfs: { host: true })'

function demandNothing({ process, hostname, domainname, mounts, hooks, linux, root }: Config): void {
  const { landlock, namespaces, devices, sysctl, maskedPaths, readonlyPaths, netDevices, intelRdt } = linux
  const lists = { namespaces, devices, sysctl, maskedPaths, readonlyPaths, netDevices }
  const parts: readonly (readonly [path: string, isThere: boolean])[] = [
    ['/process', process !== null],
    ['/hostname', hostname !== null],
    ['/domainname', domainname !== null],
    ['/mounts', mounts.length > 0],
    ['/hooks', Object.values(hooks).some(list => list.length > 0)],
    ['/root/readonly', root.readonly],
    ['/linux/intelRdt', intelRdt !== null],
    ['/linux/seccomp/listenerPath', linux.seccomp?.listener != null],
    ...Object.entries(lists).map(([name, list]) => [`/linux/${name}`, list.length > 0] as const),
  ]
  const isWhole = landlock?.files != null && landlock.scope.length === 2 && landlock.minimumAbi === null
  refuse([
    ...parts.filter(([, isThere]) => isThere).map(([path]) => [path, ABSENT, 'there'] as const),
    ...(isWhole
      ? []
      : [['', 'the option landlock with fs and both scopes, and without minimumAbi', landlock] as const]),
  ])
}

/** Who it is has to be this process's user, so that it can be ended. */
function demandOwn({ user, terminal, selinuxLabel, apparmorProfile }: Process, { euid, egid }: HostFacts): void {
  const { uid, gid, additionalGids } = user
  refuse([
    ...(uid === euid ? [] : [['/process/user/uid', `${euid}, in the root of the host`, uid] as const]),
    ...(gid === egid ? [] : [['/process/user/gid', `${egid}, in the root of the host`, gid] as const]),
    ...(additionalGids.length === 0 ? [] : [['/process/user/additionalGids', ABSENT, additionalGids] as const]),
    ...(terminal ? [['/process/terminal', ABSENT, terminal] as const] : []),
    ...(selinuxLabel || apparmorProfile ? [['/process', `without labels ${ABSENT}`, 'with one'] as const] : []),
  ])
}
