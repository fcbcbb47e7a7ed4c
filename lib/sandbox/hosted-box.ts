/** The lowest level, where there are no user namespaces: the machine's programs in its own root, kept in by Landlock, a filter and limits. */
import { optionError } from '../config/option.js'
import { exampleConfig, type LandlockOptions, type OciConfig } from '../index.js'
import { isErrno } from '../sys/errno.js'
import { isThere, makeDirectories, realPath } from '../sys/file.js'
import { effectiveGid, effectiveUid } from '../sys/self.js'
import { resourcesOf } from './configuration.js'
import type { HostedPlace } from './file-places.js'
import type { SandboxSettings } from './sandbox-options.js'
import { filterOnHost } from './system-calls.js'

/** What of a sandbox is different at this level. */
export interface HostedHome {
  readonly user: { readonly uid: number; readonly gid: number }
  readonly envs: Readonly<Record<string, string>>
  /** Where its commands begin if its options do not say so; also their HOME and TMPDIR. */
  readonly cwd: string
  readonly places: readonly HostedPlace[]
}

export interface HostedInput {
  readonly settings: SandboxSettings
  readonly hostPaths: readonly string[]
  /** Of its mounts, without links. */
  readonly sources: readonly string[]
  /** The directory of the sandbox. */
  readonly box: string
  readonly hasCgroup: boolean
}

export interface HostedBlueprint {
  readonly config: OciConfig
  readonly landlock: LandlockOptions
  readonly home: HostedHome
}

/** Who is who, and where names are looked up; no secrets. */
const READABLE = ['/etc/passwd', '/etc/group', '/etc/nsswitch.conf', '/etc/hosts', '/etc/host.conf', '/etc/services']
const FOR_NETWORKS = ['/etc/resolv.conf', '/etc/gai.conf']
const DEVICES = ['/dev/null', '/dev/zero', '/dev/full', '/dev/random', '/dev/urandom']

export const MISSING_ON_HOST = [
  'namespaces: the processes, users and host name of this machine can be seen, and the names, sizes and modes of all its files',
  'a root of its own: it has its working directory and its mounts, and no /tmp, /proc or /sys',
  'a limit of all that is written: each file is limited alone',
]
export const UNCOUNTED = 'a limit of its processes alone: those of the machine count as well, and root has none'

/** @throws {ConfigError} naming an option that can't be at this level, or is something else there */
export function hostedBlueprint(input: HostedInput): HostedBlueprint {
  const { settings, hostPaths, hasCgroup, box } = input
  refuseOptions(input)
  const isOpen = settings.network === 'host'
  const { linux, ociVersion = '1.0.0' } = exampleConfig({ terminal: false, limits: false })
  if (linux?.seccomp === undefined) throw optionError({ option: 'profile.seccomp', expected: 'true', received: false })
  const work = `${box}/work`
  const mounts = settings.mounts.map(({ target, mode }) => ({ path: target, isWritable: mode === 'rw' }))
  const places = [...mounts, { path: work, isWritable: true }]
  return {
    config: {
      ociVersion,
      linux: {
        namespaces: [],
        seccomp: filterOnHost(linux.seccomp, settings.profile, isOpen),
        resources: hasCgroup ? resourcesOf(settings) : {},
      },
    },
    landlock: {
      fs: [
        ...real(hostPaths).map(path => ({ path, access: ['read', 'execute'] as const })),
        ...real(isOpen ? [...READABLE, ...FOR_NETWORKS] : READABLE).map(path => ({ path, access: 'read' as const })),
        ...DEVICES.filter(isThere).map(path => ({ path, access: ['read', 'write'] as const })),
        ...places.map(({ path, isWritable }) => ({
          path,
          access: isWritable ? (['read', 'write', 'execute'] as const) : (['read', 'execute'] as const),
        })),
      ],
      ...(!isOpen && { net: {} }),
      scope: ['signal', 'abstract-unix'],
    },
    home: {
      user: { uid: effectiveUid(), gid: effectiveGid() },
      envs: { HOME: work, TMPDIR: work },
      cwd: work,
      places,
    },
  }
}

/** Its working directory, which is gone with it. */
export function makeWork({ cwd }: HostedHome): void {
  makeDirectories(cwd, 0o700)
}

/** Each once, without links; what is not there is left out. */
function real(paths: readonly string[]): readonly string[] {
  return [...new Set(paths.flatMap(realOf))]
}

function realOf(path: string): readonly string[] {
  try {
    return [realPath(path)]
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return []
    throw error
  }
}

const AT = 'at the level "landlock" (this machine lets this user make no namespaces)'

function refuseOptions(input: HostedInput): void {
  const { image, layers, network, notify, user, profile } = input.settings
  const isOther = user !== null && (user.uid !== effectiveUid() || user.gid !== effectiveGid())
  const wrong: readonly (readonly [option: string, isWrong: boolean, expected: string, received: unknown])[] = [
    ['image', image !== null, 'absent', image],
    ['rootfs', layers !== null, 'absent', layers],
    ['network', typeof network !== 'string', '"none" or "host"', network],
    ['notify', notify, 'false', notify],
    ['profile.seccomp', !profile.seccomp, 'true', false],
    ['profile.noNewPrivileges', !profile.noNewPrivileges, 'true', false],
    ['profile.capabilities', profile.capabilities.length > 0, 'empty', profile.capabilities],
    ['user', isOther, 'the one who makes the sandbox', user],
    ...mountFaults(input),
  ]
  const found = wrong.find(([, isWrong]) => isWrong)
  if (found === undefined) return
  const [option, , expected, received] = found
  throw optionError({ option, expected: `${expected} ${AT}`, received })
}

const mountFaults = ({ settings, sources }: HostedInput) =>
  settings.mounts.flatMap(({ mode, target, volume }, index) => {
    const option = `mounts[${index}]`
    const source = sources[index] ?? ''
    return [
      [`${option}.volume`, volume !== null, 'absent', volume] as const,
      [`${option}.mode`, mode === 'overlay', '"ro" or "rw"', mode] as const,
      [`${option}.target`, source !== target, `${JSON.stringify(source)}, which is its source,`, target] as const,
      [`${option}.target`, isChangeable(index, settings), 'in no mount that can be written to,', target] as const,
    ]
  })

/** What is in one can be written to as well, and another directory or a link can be put in its place. */
const isChangeable = (index: number, { mounts }: SandboxSettings): boolean =>
  mounts.some(
    ({ mode, target }, other) =>
      other !== index && mode === 'rw' && `${mounts[index]?.target}/`.startsWith(`${target}/`),
  )
