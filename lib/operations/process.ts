/** What an exec runs: the container's own process, changed by what the caller asks for. */
import type { Capabilities, Config, OciProcess, OciUser, Process, User } from '../config/config.js'
import { checkedEnv, type Env, withVariables } from '../config/overrides.js'
import { readProcess } from '../config/read.js'
import type { UnknownMember } from '../config/shape.js'

/** What is left out is that of the container's own process, but for the terminal: there is none. */
export interface ExecProcessOptions {
  /** The program and its arguments. Needed, unless `process` has them. */
  readonly args?: readonly string[]
  /**
   * In addition to the container's environment, or in place of variables of the same name: an object of these, in which undefined takes
   * one away, or a list of `NAME=value`.
   */
  readonly env?: Env | readonly string[]
  /** Absolute; must exist in the container. */
  readonly cwd?: string
  /** Ids as the container counts. `additionalGids` come in addition. */
  readonly user?: OciUser
  /** A terminal of its own. Default false. */
  readonly terminal?: boolean
  /** Capabilities in addition, such as `CAP_NET_ADMIN`; they are never inheritable. */
  readonly capabilities?: readonly string[]
  readonly noNewPrivileges?: boolean
  readonly apparmorProfile?: string
  readonly selinuxLabel?: string
  /**
   * A whole process of the specification, or its JSON text, to start from in place of the container's own. What it leaves out of
   * capabilities, limits, labels and oomScoreAdj is taken from there.
   */
  readonly process?: OciProcess | string | Uint8Array
}

export interface ReadExec {
  readonly process: Process
  readonly warnings: readonly string[]
  readonly unknown: readonly UnknownMember[]
}

/** For a container that has no process of its own: root without any privilege. */
const unprivileged = (): Process => readProcess({ cwd: '/', args: ['/'], noNewPrivileges: true }).process

/** @throws {ConfigError} with all that is wrong, by pointers such as /process/user/uid */
export function processOf(config: Config, options: ExecProcessOptions): ReadExec {
  const own = config.process ?? unprivileged()
  const given = options.process === undefined ? null : readProcess(options.process)
  const base = given === null ? { ...own, terminal: false, consoleSize: null } : completed(given.process, own)
  const asked = readProcess(documentOf(options, given?.process.args))
  // Each capability is asked for in three sets, and told of once.
  const told = asked.warnings.filter(text => !/^\/process\/capabilities\/(effective|permitted)\//.test(text))
  const unknown = [...(given?.unknown ?? []), ...asked.unknown]
  return { process: changed(base, asked.process, options), warnings: [...(given?.warnings ?? []), ...told], unknown }
}

/** As other runtimes do it: engines leave out of the document what they did not change. */
function completed(given: Process, own: Process): Process {
  return {
    ...given,
    capabilities: given.capabilities ?? own.capabilities,
    rlimits: given.rlimits.length > 0 ? given.rlimits : own.rlimits,
    oomScoreAdj: given.oomScoreAdj ?? own.oomScoreAdj,
    apparmorProfile: given.apparmorProfile ?? own.apparmorProfile,
    selinuxLabel: given.selinuxLabel ?? own.selinuxLabel,
  }
}

/** The options as a document, so that they are checked by the rules of a process. */
function documentOf(options: ExecProcessOptions, otherArgs: readonly string[] | undefined): OciProcess {
  const { args = otherArgs, cwd = '/', user = {}, capabilities = [] } = options
  const env = variablesOf(options.env, [])
  const sets = { bounding: capabilities, effective: capabilities, permitted: capabilities }
  const { terminal = false, noNewPrivileges = false, apparmorProfile = '', selinuxLabel = '' } = options
  const labels = { apparmorProfile, selinuxLabel }
  return { ...(args && { args }), env, cwd, user, capabilities: sets, terminal, noNewPrivileges, ...labels }
}

function changed(base: Process, asked: Process, options: ExecProcessOptions): Process {
  return {
    ...base,
    args: asked.args,
    env: variablesOf(options.env, base.env),
    cwd: options.cwd === undefined ? base.cwd : asked.cwd,
    user: options.user === undefined ? base.user : withUser(base.user, asked.user, options.user),
    capabilities: withCapabilities(base.capabilities, asked.capabilities),
    terminal: options.terminal ?? base.terminal,
    noNewPrivileges: options.noNewPrivileges ?? base.noNewPrivileges,
    apparmorProfile: asked.apparmorProfile ?? base.apparmorProfile,
    selinuxLabel: asked.selinuxLabel ?? base.selinuxLabel,
  }
}

function variablesOf(env: ExecProcessOptions['env'] = [], before: readonly string[]): readonly string[] {
  return isList(env) ? withEnv(before, env) : withVariables(before, checkedEnv(env))
}

const isList = (env: Env | readonly string[]): env is readonly string[] => Array.isArray(env)

/** `NAME=value` entries of both; of two with one name the second one's counts. */
export function withEnv(env: readonly string[], extra: readonly string[]): readonly string[] {
  const nameOf = (entry: string): string => entry.slice(0, entry.indexOf('='))
  const replaced = new Set(extra.map(nameOf))
  return [...env.filter(entry => !replaced.has(nameOf(entry))), ...extra]
}

const withUser = (base: User, asked: User, given: OciUser): User => ({
  uid: given.uid === undefined ? base.uid : asked.uid,
  gid: given.gid === undefined ? base.gid : asked.gid,
  umask: asked.umask ?? base.umask,
  additionalGids: [...new Set([...base.additionalGids, ...asked.additionalGids])],
})

/** Nothing becomes inheritable (CVE-2022-29162), and ambient only what is inheritable already. */
function withCapabilities(base: Capabilities | null, asked: Capabilities | null): Capabilities | null {
  if (asked === null || asked.permitted === 0n) return base
  const { bounding = 0n, effective = 0n, permitted = 0n, inheritable = 0n, ambient = 0n, unknown = [] } = base ?? {}
  return {
    bounding: bounding | asked.permitted,
    effective: effective | asked.permitted,
    permitted: permitted | asked.permitted,
    inheritable,
    ambient: ambient | (asked.permitted & inheritable),
    unknown,
  }
}
