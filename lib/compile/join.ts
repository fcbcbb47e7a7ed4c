import type { Config, Hook, Process } from '../config/config.js'
import { isHosted } from '../config/host-root.js'
import type { HostFacts } from '../host/facts.js'
import { CLONE, SOCKET_KINDS, type SocketKind } from '../plan/flags.js'
import type { Plan } from '../plan/plan.js'
import { ownsDev } from './devices.js'
import { type CompileOptions, newDraft, type Work, withDefaults } from './draft.js'
import { allowsAll, type KnownCalls } from './filter-allows.js'
import { compileHostedExec } from './hosted.js'
import { assumeIdentity, becomeUser, grantable, type Identity } from './identity.js'
import { openConsole } from './inside.js'
import { limitOpenFiles, mayChangeOthers, preservedCount } from './limits.js'
import { joinCgroups } from './namespaces.js'
import { isRootless, ownerOf } from './privilege.js'
import { lastFilter, lookUp, runProgram } from './program.js'
import { restrict } from './restrict.js'

/** Into a container that exists, for hooks: its cgroups, its namespaces, its root. */
function joinContainer(work: Work): void {
  joinCgroups(work)
  joinNamespaces(work, { entersPids: true })
  joinRoot(work)
}

const ORIGIN = '/linux/namespaces'

/** All namespaces of the container at once through the pidfd of its init (Linux 5.8; the kernel takes the user namespace first). */
function joinNamespaces({ config, draft }: Work, { entersPids }: { readonly entersPids: boolean }): void {
  const type = flagsOf(config)
  draft.op('not_dumpable', {})
  if (type !== 0) draft.op('setns', { slot: draft.slot({ kind: 'init', origin: ORIGIN }), type }, ORIGIN)
  if (type & CLONE.NEWUSER) draft.op('become_root', ownerOf(config), ORIGIN)
  if (entersPids && type & CLONE.NEWPID) draft.op('clone', {}, ORIGIN)
  draft.op('setsid', {})
}

const flagsOf = ({ linux }: Config): number => linux.namespaces.reduce((mask, { flag }) => mask | flag, 0)

const CLONE_PARENT = 0x8000n
/** What the helper calls from there to where the program is looked for. */
const CALLS_OF_A_BIRTH: KnownCalls = {
  clone: [CLONE_PARENT],
  ...{
    socketpair: null,
    sendto: null,
    read: null,
    close: null,
    prctl: null,
    exit_group: null,
    setsid: null,
    ioctl: null,
  },
}

/**
 * Whether the process is born in the pid namespace as the user that it is going to be, with no more capabilities: what is
 * there can be traced by processes of the container that have CAP_SYS_PTRACE. False if that can't be:
 *
 * - a filter that takes privileges to apply, and would not let the helper clone, or has a listener, which goes with the process
 * - a label in a user namespace, where the procfs that it is written to shows the processes of the pid namespace only
 */
function isBornLast({ config }: Work, { selinuxLabel, apparmorProfile, noNewPrivileges }: Process): boolean {
  const type = flagsOf(config)
  if ((type & CLONE.NEWPID) === 0) return false
  if ((type & CLONE.NEWUSER) !== 0 && (selinuxLabel || apparmorProfile)) return false
  const { seccomp } = config.linux
  return seccomp === null || noNewPrivileges || (seccomp.listener === null && allowsAll(seccomp, CALLS_OF_A_BIRTH))
}

function joinRoot({ draft }: Work): void {
  draft.op('join_root', { slot: draft.slot({ kind: 'init_root', origin: '/root/path' }) }, '/root/path')
}

export interface ExecInput {
  /** The container's, as it was created. */
  readonly config: Config
  readonly facts: HostFacts
  /** What is executed, in place of the container's own process. */
  readonly process: Process
  readonly options: CompileOptions
  /** Orphans among its descendants stay its descendants, so that all of them can be found. */
  readonly keepsTree: boolean
  /** It waits for the runtime also where nothing is set from outside. */
  readonly waits: boolean
}

/**
 * The plan of a process that joins a running container. Everything about its identity comes from the same code as for the
 * container's own process: labels, session keyring, user, capabilities, filter.
 */
export function compileExec(input: ExecInput): { plan: Plan; warnings: readonly string[] } {
  const { facts, process, options } = input
  const config = { ...input.config, process }
  const work: Work = { config, facts, options: withDefaults(options), draft: newDraft() }
  const isOutside = input.waits || isSetFromOutside(process) || config.linux.intelRdt !== null
  if (isHosted(config)) return compileHostedExec(work, { process, waits: isOutside })
  const isLast = isBornLast(work, process) && (!input.waits || mayChangeOthers(facts))
  // Without privileges the runtime reaches the files of a process in /proc only as long as that is dumpable, and lacking
  // some it changes those only that have its own user.
  const isEarly = isOutside && (isRootless(facts) || (isLast && !mayChangeOthers(facts)))
  const enter = (): void =>
    enterPids(work, process, { isLast, keepsTree: input.keepsTree, waits: isOutside && !isEarly })
  joinCgroups(work)
  if (isEarly) work.draft.op('map', {}, '/process')
  joinNamespaces(work, { entersPids: !isLast })
  if (!isLast) enter()
  joinRoot(work)
  connect(work, process, { isSession: !isLast })
  assumeIdentity(work, isLast ? enter : undefined)
  lookUp(work.draft, process)
  work.draft.op('home_env', {}, '/process/env')
  restrict(work)
  runProgram(work, process, { origin: '/process/args', filter: lastFilter(config) })
  return { plan: work.draft.plan({ cloneFlags: 0, preserveFds: preservedCount(work) }), warnings: work.draft.warnings }
}

function isSetFromOutside({ rlimits, oomScoreAdj, scheduler, ioPriority, execAffinity }: Process): boolean {
  return rlimits.length > 0 || [oomScoreAdj, scheduler, ioPriority, execAffinity.final].some(value => value !== null)
}

interface Entry {
  readonly isLast: boolean
  readonly keepsTree: boolean
  /** For what is set from outside. */
  readonly waits: boolean
}

/** What belongs to the process itself, and not to what it is cloned of. */
function enterPids({ draft }: Work, { terminal }: Process, { isLast, keepsTree, waits }: Entry): void {
  if (isLast) draft.op('clone', {}, ORIGIN)
  if (isLast && terminal) draft.op('controlling_terminal', {}, '/process/terminal')
  if (keepsTree) draft.op('subreaper', {})
  if (waits) draft.op('map', {}, '/process')
}

function connect(work: Work, process: Process, { isSession }: { readonly isSession: boolean }): void {
  // /dev/console stays that of the container's own process.
  if (process.terminal) openConsole(work, process, { bind: false })
  else if (ownsDev(work)) work.draft.op('reopen_null', {})
  if (process.terminal && isSession) work.draft.op('controlling_terminal', {}, '/process/terminal')
}

export interface SocketsInput {
  readonly config: Config
  readonly kinds: readonly SocketKind[]
}

/** The plan of a process that only makes sockets in the network namespace of a container that is there. */
export function compileSockets({ config, kinds }: SocketsInput): Plan {
  const draft = newDraft()
  const origin = '/linux/namespaces'
  const hasUser = config.linux.namespaces.some(({ type }) => type === 'user')
  const type = CLONE.NEWNET | (hasUser ? CLONE.NEWUSER : 0)
  draft.op('not_dumpable', {})
  draft.op('setns', { slot: draft.slot({ kind: 'init', origin }), type }, origin)
  if (hasUser) draft.op('become_root', ownerOf(config), origin)
  const numbers = kinds.map(kind => SOCKET_KINDS.indexOf(kind))
  draft.op('sockets', { slot: draft.slot({ kind: 'sockets', origin: '' }), kinds: numbers })
  return draft.plan({ cloneFlags: 0, preserveFds: 0 })
}

export interface HookInput {
  readonly kind: 'createContainer' | 'startContainer'
  readonly config: Config
  readonly facts: HostFacts
  readonly hook: Hook
  readonly options: CompileOptions
}

/**
 * The plan of a hook in the container: a second helper that joins it while its init waits. Its path is looked up in the root that
 * init has at that time. Before the switch that is the host's, and the hook is the caller's own program, which is given all that
 * there is to give. After it the path is the image's, and whatever is there is as confined as the container's own process.
 * The environment is exactly the hook's. The first kind begins in the root's directory on the host, the second one where the process does.
 */
export function compileHook({ kind, config, facts, hook, options }: HookInput): Plan {
  const isImages = kind === 'startContainer'
  const work = {
    config,
    facts,
    options: withDefaults({ ...options, noNewKeyring: true }),
    draft: newDraft(),
  }
  const { draft } = work
  joinContainer(work)
  if (isImages) assumeIdentity(work)
  else {
    limitOpenFiles(work)
    becomeUser(draft, containerRoot(work, hook))
  }
  draft.op('resolve_exec', { candidates: [hook.path] }, `${hook.origin}/path`)
  if (isImages) restrict(work)
  runProgram(work, hook, { origin: hook.origin, filter: isImages ? lastFilter(config) : null })
  return draft.plan({ cloneFlags: 0, preserveFds: 0 })
}

function containerRoot(work: Work, hook: Hook): Identity {
  const all = grantable(work)
  return {
    user: { ...ownerOf(work.config), umask: null, additionalGids: [] },
    sets: { bounding: all, effective: all, permitted: all, inheritable: 0n, ambient: 0n },
    cwd: work.options.rootfs,
    // Where the root of the container's user namespace may not go it begins in "/".
    isCwdOptional: true,
    noNewPrivileges: false,
    filter: null,
    origin: () => hook.origin,
  }
}
