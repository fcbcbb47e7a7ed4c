import { type CapabilityName, capabilityBit, capabilityNames } from '../capabilities.js'
import type { Capabilities, Config, User } from '../config/config.js'
import { isHosted } from '../config/host-root.js'
import { notRaised } from '../config/process.js'
import { filterFlags } from '../config/seccomp.js'
import type { HostFacts } from '../host/facts.js'
import type { OpArgs } from '../plan/ops.js'
import { makeOp, type Plan } from '../plan/plan.js'
import type { Draft, Work } from './draft.js'
import { limitOpenFiles } from './limits.js'
import { hasNamespace } from './namespaces.js'
import { ownerOf } from './privilege.js'

/** The identity of a process: the part that init, exec and hooks have in common. */
export interface Identity {
  readonly user: User
  readonly sets: GrantedSets
  readonly cwd: string
  /** Default false: a directory that the user may not enter is an error. */
  readonly isCwdOptional?: boolean
  readonly noNewPrivileges: boolean
  /** Those of this process stay. Default false. */
  readonly keepsGroups?: boolean
  /** Flags of the seccomp filter; null: no filter. */
  readonly filter: number | null
  /** Adds what comes between the identity and the working directory. */
  readonly enter?: () => void
  /** The JSON pointer that a field of the process comes from. */
  readonly origin: (field: string) => string
}

/** The root of the container without any privilege: what waits for the start of a container that has no process. */
const nobody = (config: Config) => ({
  user: { ...ownerOf(config), umask: null, additionalGids: [] },
  cwd: '/',
  noNewPrivileges: true,
})

const keyringOf = (id: string): string => `_ses.${id}`

/** The plan for another container: nothing else in it depends on the id. */
export function withKeyringOf(plan: Plan, id: string): Plan {
  const ops = plan.ops.map(op => (op.op === 'keyring' ? makeOp('keyring', { name: keyringOf(id) }, op.origin) : op))
  return { ...plan, ops }
}

/** IDENTITY of the container's process. `enter`: default nothing. */
export function assumeIdentity(work: Work, enter?: () => void): void {
  const { config, options, draft } = work
  labelProcess(work)
  if (!options.noNewKeyring) draft.op('keyring', { name: keyringOf(options.id) })
  const { personality, memoryPolicy } = config.linux
  if (personality !== null) draft.op('personality', { persona: personality }, '/linux/personality')
  if (memoryPolicy !== null) draft.op('memory_policy', memoryPolicy, '/linux/memoryPolicy')
  limitOpenFiles(work)
  const identity = identityOf(work)
  draft.op('stdio_owner', { uid: identity.user.uid }, '/process/user/uid')
  becomeUser(draft, enter === undefined ? identity : { ...identity, enter })
}

function identityOf(work: Work): Identity {
  const { user, cwd, noNewPrivileges } = work.config.process ?? nobody(work.config)
  const origin = (field: string) => `/process/${field}`
  const sets = grantCapabilities(work)
  const identity = { user, cwd, noNewPrivileges, sets, filter: flagsOfFilter(work.config), origin }
  return isHosted(work.config) ? asOurselves(work, identity) : identity
}

/** A bounding set from which nothing is dropped. */
const WHATEVER_IT_IS = (1n << 64n) - 1n

/** Where there is no user namespace it takes privileges to give up groups, and what could be had by executing a program that has them. */
function asOurselves({ facts }: Work, identity: Identity): Identity {
  const { user, sets } = identity
  const may = (capability: CapabilityName): boolean => (facts.permitted & capabilityBit(capability)) !== 0n
  return {
    ...identity,
    user: { ...user, uid: facts.euid, gid: facts.egid },
    keepsGroups: !may('CAP_SETGID'),
    sets: may('CAP_SETPCAP') ? sets : { ...sets, bounding: WHATEVER_IT_IS },
  }
}

/** SECCOMP_FILTER_FLAG_* of the configuration's filter; null if it has none. */
export function flagsOfFilter({ linux }: Config): number | null {
  return linux.seccomp === null ? null : filterFlags(linux.seccomp)
}

/**
 * From root to the user. What needs privileges comes before they are gone. The working directory is tried twice: root may
 * enter what the user may not, and the other way round.
 */
export function becomeUser(draft: Draft, identity: Identity): void {
  const { user, sets, cwd, isCwdOptional = false, noNewPrivileges, filter, enter, origin } = identity
  if (user.umask !== null) draft.op('umask', { mask: user.umask }, origin('user/umask'))
  draft.op('bounding_set', { keep: sets.bounding }, origin('capabilities/bounding'))
  // The processes that /proc shows are those of the pid namespace.
  if (enter === undefined || !cwd.startsWith('/proc/')) draft.op('chdir', { path: cwd, optional: 1 }, origin('cwd'))
  if (identity.keepsGroups !== true) draft.op('groups', { gids: user.additionalGids }, origin('user/additionalGids'))
  draft.op('gid', { gid: user.gid }, origin('user/gid'))
  // Without no_new_privs a filter needs CAP_SYS_ADMIN, which is effective until the user changes.
  if (filter !== null && !noNewPrivileges) applyFilter(draft, filter)
  draft.op('uid', { uid: user.uid }, origin('user/uid'))
  const { effective, permitted, inheritable, ambient } = sets
  draft.op('capabilities', { effective, permitted, inheritable, ambient }, origin('capabilities'))
  if (noNewPrivileges) draft.op('no_new_privs', {}, origin('noNewPrivileges'))
  enter?.()
  draft.op('chdir', { path: cwd, optional: isCwdOptional ? 1 : 0 }, origin('cwd'))
}

export function applyFilter(draft: Draft, flags: number): void {
  draft.op('seccomp', { slot: draft.slot({ kind: 'filter', origin: '/linux/seccomp' }), flags }, '/linux/seccomp')
}

/** The labels take effect at execve; a procfs of our own to write them to is only to be had with privileges. */
function labelProcess({ config, draft }: Work): void {
  const { selinuxLabel, apparmorProfile } = config.process ?? { selinuxLabel: null, apparmorProfile: null }
  if (selinuxLabel) {
    // The session keyring belongs to the container too; execve resets the label of new keys.
    draft.op('lsm_label', { file: 'keycreate', label: selinuxLabel }, '/process/selinuxLabel')
    draft.op('lsm_label', { file: 'exec', label: selinuxLabel }, '/process/selinuxLabel')
  }
  if (apparmorProfile) {
    draft.op('lsm_label', { file: 'apparmor/exec', label: `exec ${apparmorProfile}` }, '/process/apparmorProfile')
  }
}

const POINTER = '/process/capabilities'

/** The sets that the process gets. */
export interface GrantedSets extends OpArgs<'capabilities'> {
  readonly bounding: bigint
}

/** All capabilities that the kernel knows. */
function knownTo({ lastCapability }: Pick<HostFacts, 'lastCapability'>): bigint {
  return (1n << BigInt(lastCapability + 1)) - 1n
}

/** What the runtime can give to the process at all: everything in a user namespace, else no more than it has. */
export function grantable({ config, facts }: Pick<Work, 'config' | 'facts'>): bigint {
  return hasNamespace(config, 'user') ? knownTo(facts) : knownTo(facts) & facts.bounding & facts.permitted
}

/**
 * `process.capabilities`, limited to what can be granted; the specification wants a warning for the rest, and no error.
 * No capability is ever added to the inheritable or ambient set (CVE-2022-24769). Without the field there are none.
 */
function grantCapabilities(work: Work): GrantedSets {
  const { capabilities } = work.config.process ?? { capabilities: null }
  if (capabilities === null) return { bounding: 0n, effective: 0n, permitted: 0n, inheritable: 0n, ambient: 0n }
  const limit = limiter(work, capabilities)
  const all = grantable(work)
  const bounding = limit('bounding', all, 'available')
  const permitted = limit('permitted', all, 'available')
  const effective = limit('effective', permitted, 'permitted')
  const inheritable = limit('inheritable', bounding, 'in the bounding set')
  const ambient = limit('ambient', permitted & inheritable, 'permitted and inheritable')
  return { bounding, effective, permitted, inheritable, ambient }
}

/** Cuts a set down to what is allowed, and warns of what was cut off. */
function limiter({ draft }: Work, sets: Capabilities) {
  return (name: Exclude<keyof Capabilities, 'unknown'>, allowed: bigint, reason: string): bigint => {
    const refused = sets[name] & ~allowed
    const names = capabilityNames(refused)
    if (name === 'ambient') for (const each of names) draft.warn(`${POINTER}/${name}: ${notRaised(each, reason)}`)
    else if (refused !== 0n) draft.warn(`${POINTER}/${name}: left out, not ${reason}: ${names.join(', ')}`)
    return sets[name] & allowed
  }
}
