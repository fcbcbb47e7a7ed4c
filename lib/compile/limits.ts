import { capabilityBit } from '../capabilities.js'
import { makeIssue } from '../config/issues.js'
import { ConfigError } from '../errors.js'
import type { HostFacts } from '../host/facts.js'
import type { Work } from './draft.js'
import { hasNamespace, makesNamespace } from './namespaces.js'
import { isRootless } from './privilege.js'

const CAP_SYS_RESOURCE = capabilityBit('CAP_SYS_RESOURCE')
const CAP_SYS_NICE = capabilityBit('CAP_SYS_NICE')

/**
 * prlimit(2) on a process with other ids than our own takes CAP_SYS_RESOURCE. If we lack it, as in many containers, the
 * resource limits have to be set while the process is still like us: at `prepare` in place of `created`.
 */
export function limitsComeEarly({ config, facts }: Pick<Work, 'config' | 'facts'>): boolean {
  const { process } = config
  if (process === null || process.rlimits.length === 0) return false
  if (hasNamespace(config, 'user') || (facts.permitted & CAP_SYS_RESOURCE) !== 0n) return false
  return process.user.uid !== facts.euid || process.user.gid !== facts.egid
}

/** Whether limits and priorities may be set of a process that is another user's already. */
export function mayChangeOthers({ permitted }: Pick<HostFacts, 'permitted'>): boolean {
  return (permitted & CAP_SYS_RESOURCE) !== 0n && (permitted & CAP_SYS_NICE) !== 0n
}

/** Without privileges the score is written while the process is dumpable: later, /proc says that it is root's, and we may be another user. */
export function scoreComesEarly({ config, facts }: Pick<Work, 'config' | 'facts'>): boolean {
  return isRootless(facts) && makesNamespace(config, 'user')
}

/**
 * The process that waits for start has its limits already, and start is one more descriptor.
 * @throws ConfigError ERR_CONFIG_UNSUPPORTED for a limit that leaves no room for it
 */
export function demandRoomForStart(work: Work): void {
  const limit = work.config.process?.rlimits.find(({ type }) => type === 'RLIMIT_NOFILE')
  const least = 3 + preservedCount(work) + 1
  if (limit === undefined || limit.soft >= least) return
  const expected = `at least ${least}: the descriptors of the process, and one by which it is started`
  throw new ConfigError('ERR_CONFIG_UNSUPPORTED', [
    makeIssue({ path: `${limit.origin}/soft`, expected, received: Number(limit.soft) }),
  ])
}

/** What the helper itself opens after that, one at a time, and what it still has open. */
const ROOM = 32

/**
 * The soft limit of open files is the one that the caller was started with, unless the configuration has another: Node's own, raised one
 * makes programs slow that close or poll all that there could be.
 */
export function limitOpenFiles(work: Work): void {
  const { openFiles } = work.facts
  const isSet = work.config.process?.rlimits.some(({ type }) => type === 'RLIMIT_NOFILE') ?? false
  if (openFiles === null || isSet) return
  work.draft.op('open_files', { soft: BigInt(Math.max(openFiles, preservedCount(work) + ROOM)) })
}

/** How many descriptors after standard error the process keeps. */
export function preservedCount({ options }: Pick<Work, 'options'>): number {
  return options.listenFds + options.preserveFds
}
