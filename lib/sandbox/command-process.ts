/** From a command of a sandbox to a process of the specification. */
import { optionError } from '../config/option.js'
import type { OciProcess } from '../index.js'
import { taskCount } from '../sys/processes.js'
import type { HostedPlace } from './file-places.js'
import type { SandboxSettings } from './sandbox-options.js'

/** An array is a program and its arguments; a string is a command line of `/bin/sh`. */
export type SandboxCommand = readonly string[] | string

/** What of the sandbox it has. */
interface Place {
  readonly settings: SandboxSettings
  readonly user: { readonly uid: number; readonly gid: number }
  readonly envs: Readonly<Record<string, string>>
  readonly cwd: string
  readonly hasCgroup: boolean
  /** null: it has a root of its own. */
  readonly places: readonly HostedPlace[] | null
}

interface Asked {
  readonly cwd?: string
  readonly envs?: Readonly<Record<string, string | undefined>>
  readonly user?: { readonly uid: number; readonly gid: number }
  readonly cpuMs?: number
}

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** @throws {ConfigError} for what is no command */
export function commandProcess(place: Place, command: SandboxCommand, asked: Asked): OciProcess {
  const { cwd = '.', envs = {}, user } = asked
  const { capabilities, noNewPrivileges } = place.settings.profile
  const variables = { PATH, LANG: 'C.UTF-8', ...place.envs, ...envs }
  return {
    args: argsOf(command),
    cwd: cwd.startsWith('/') ? cwd : `${place.cwd}/${cwd}`,
    env: Object.entries(variables).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`])),
    user: user ?? place.user,
    noNewPrivileges,
    capabilities: setsOf(capabilities),
    rlimits: limitsOf(place, asked.cpuMs),
  }
}

function limitsOf({ settings, hasCgroup, places }: Place, cpuMs = Number.POSITIVE_INFINITY) {
  const limits = {
    ...{ RLIMIT_NOFILE: settings.profile.openFiles, RLIMIT_CORE: 0 },
    ...(!hasCgroup && ofEach(settings)),
    ...(places !== null && ofHosted(settings, hasCgroup)),
  }
  const all = { ...limits, ...(Number.isFinite(cpuMs) && { RLIMIT_CPU: cpuSeconds(cpuMs, hasCgroup) }) }
  return Object.entries(all).map(([type, soft]) => ({
    type,
    soft,
    // SIGXCPU comes at the soft limit and says why; SIGKILL a second later, to who ignores it.
    hard: type === 'RLIMIT_CPU' ? soft + 1 : soft,
  }))
}

/** The kernel counts this by ticks, so that it may be early on a busy machine: with a cgroup it is for a caller that is too busy to look at that. */
const cpuSeconds = (cpuMs: number, hasCgroup: boolean): number =>
  Math.ceil(cpuMs / 1000) * (hasCgroup ? 2 : 1) + (hasCgroup ? 1 : 0)

/** In place of limits of a cgroup: of each process, and of all processes of the user namespace. */
const ofEach = ({ pids, memory }: SandboxSettings) => ({
  RLIMIT_NPROC: pids,
  ...(Number.isFinite(memory) && { RLIMIT_DATA: memory }),
})

/** Without a user namespace those of the same user everywhere count, of which there are no more than the machine has. */
const ofHosted = ({ pids, disk }: SandboxSettings, hasCgroup: boolean) => ({
  ...(!hasCgroup && { RLIMIT_NPROC: pids + taskCount() }),
  ...(Number.isFinite(disk) && { RLIMIT_FSIZE: disk }),
})

function argsOf(command: SandboxCommand): readonly string[] {
  if (typeof command === 'string') return ['/bin/sh', '-c', command]
  if (Array.isArray(command) && command.length > 0) return command
  throw optionError({
    option: 'command',
    expected: 'an array of a program and its arguments, or a string',
    received: command,
  })
}

/** Who is not root keeps over an execve what is ambient, and nothing else. */
function setsOf(capabilities: readonly string[]) {
  const all = [...capabilities]
  return { bounding: all, effective: all, permitted: all, inheritable: all, ambient: all }
}
