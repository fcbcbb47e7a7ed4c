import type { HostFacts } from '../host/facts.js'
import type { Plan } from '../plan/plan.js'
import type { Config, Process } from '../spec/config.js'
import { ownsDev } from './devices.js'
import { newDraft, type Work } from './draft.js'
import { lastFilter, lookUp, preservedFds, runProgram } from './exec.js'
import { assumeIdentity } from './identity.js'
import { openConsole } from './inside.js'
import { joinNamespaces, joinRoot } from './join.js'
import { joinCgroups } from './namespaces.js'
import { type CompileOptions, withDefaults } from './options.js'
import { isRootless } from './privilege.js'

export interface ExecInput {
  /** The container's, as it was created. */
  readonly config: Config
  readonly facts: HostFacts
  /** What is executed, in place of the container's own process. */
  readonly process: Process
  readonly options: CompileOptions
  /** Orphans among its descendants stay its descendants, so that all of them can be found. */
  readonly keepsTree: boolean
  /** The cgroup v2 directory is joined by the helper, not by the clone: in a frozen one the clone would not return. */
  readonly joinsUnified: boolean
  /** It waits for the runtime also where nothing is set from outside. */
  readonly waits: boolean
}

/**
 * The plan of a process that joins a running container. Everything about who it is comes from the same code as for the
 * container's own process: labels, session keyring, user, capabilities, filter.
 */
export function compileExec(input: ExecInput): { plan: Plan; warnings: readonly string[] } {
  const { facts, process, options } = input
  const config = { ...input.config, process }
  const work: Work = { config, facts, options: withDefaults(options), draft: newDraft() }
  const isOutside = input.waits || isSetFromOutside(process) || config.linux.intelRdt !== null
  // Without privileges the runtime reaches the files of a process in /proc only as long as that is dumpable.
  const isEarly = isOutside && isRootless(facts)
  joinCgroups(work, { unified: input.joinsUnified })
  if (isEarly) work.draft.op('map', {}, '/process')
  joinNamespaces(work)
  if (input.keepsTree) work.draft.op('subreaper', {})
  if (isOutside && !isEarly) work.draft.op('map', {}, '/process')
  joinRoot(work)
  connect(work, process)
  assumeIdentity(work)
  lookUp(work.draft, process)
  work.draft.op('home_env', {}, '/process/env')
  runProgram(work, process, { origin: '/process/args', filter: lastFilter(config) })
  return { plan: work.draft.plan({ cloneFlags: 0, preserveFds: preservedFds(work) }), warnings: work.draft.warnings }
}

function isSetFromOutside({ rlimits, oomScoreAdj, scheduler, ioPriority, execAffinity }: Process): boolean {
  return rlimits.length > 0 || [oomScoreAdj, scheduler, ioPriority, execAffinity.final].some(value => value !== null)
}

function connect(work: Work, process: Process): void {
  // /dev/console stays that of the container's own process.
  if (process.terminal) openConsole(work, process, { bind: false })
  else if (ownsDev(work)) work.draft.op('reopen_null', {})
}
