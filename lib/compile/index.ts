/** Pure: from a configuration and what is known of the host to a plan. Nothing is opened, read or made. */

import type { Config } from '../config/config.js'
import { isHosted } from '../config/host-root.js'
import type { HostFacts } from '../host/facts.js'
import type { Plan } from '../plan/plan.js'
import { demandHost, demandRootless } from './demands.js'
import { withoutRootPath } from './destinations.js'
import { makeDevices } from './devices.js'
import { type CompileOptions, newDraft, type Work, withDefaults } from './draft.js'
import { compileHosted } from './hosted.js'
import { assumeIdentity } from './identity.js'
import { furnish } from './inside.js'
import { demandRoomForStart, limitsComeEarly, preservedCount } from './limits.js'
import { mountAll } from './mounts.js'
import { enterNamespaces } from './namespaces.js'
import { execProcess } from './program.js'
import { mountRoot, showRoot, switchRoot } from './rootfs.js'

export { cgroupOwner } from './cgroup-mounts.js'
export { demandRootless } from './demands.js'
export type { CompileOptions } from './draft.js'
export { withKeyringOf } from './identity.js'
export { compileExec, compileHook, compileSockets, type ExecInput, type HookInput } from './join.js'
export { A_COPY, memoryOptions } from './layered-root.js'
export { limitsComeEarly, scoreComesEarly } from './limits.js'
export { makesNamespace } from './namespaces.js'
export { isRootless, mapsOnlySelf } from './privilege.js'

export interface CompileInput {
  readonly config: Config
  readonly facts: HostFacts
  readonly options: CompileOptions
}

/**
 * The plan that makes the container and starts its process, and what the specification wants to be warned about.
 *
 * @throws HostError if the host lacks what the configuration needs
 * @throws ConfigError for a property of the root that needs a mount namespace if there is none, or too few descriptors
 */
export function compile(input: CompileInput): { plan: Plan; warnings: readonly string[] } {
  const { facts, options } = input
  const hosted = isHosted(input.config)
  const config = hosted ? input.config : withoutRootPath(input.config, options.rootfs)
  const work: Work = { config, facts, options: withDefaults(options), draft: newDraft() }
  demandHost(work)
  if (hosted) return compileHosted(work)
  demandRootless(work)
  demandRoomForStart(work)
  const cloneFlags = enterNamespaces(work)
  mountRoot(work)
  mountAll(work)
  makeDevices(work)
  if (hasCreateHooks(config)) showRoot(work)
  if (needsPrepare(work)) work.draft.op('prepare', {}, hasCreateHooks(config) ? '/hooks' : '')
  switchRoot(work)
  furnish(work)
  assumeIdentity(work)
  execProcess(work)
  return { plan: work.draft.plan({ cloneFlags, preserveFds: preservedCount(work) }), warnings: work.draft.warnings }
}

/** What is done between the mounts and the switch of the root: hooks, network devices, and limits that can't be set later. */
function needsPrepare(work: Work): boolean {
  const { netDevices } = work.config.linux
  return work.options.prepareBarrier || netDevices.length > 0 || hasCreateHooks(work.config) || limitsComeEarly(work)
}

function hasCreateHooks({ hooks: { prestart, createRuntime, createContainer } }: Config): boolean {
  return prestart.length + createRuntime.length + createContainer.length > 0
}
