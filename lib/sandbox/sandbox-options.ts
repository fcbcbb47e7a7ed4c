/** What a sandbox can be asked for. */
import { optionError, readByteCount, readDuration } from '../config/option.js'
import {
  checkShapes,
  FLAG,
  hasFunction,
  isText,
  isTexts,
  type OptionShapes,
  refuseOtherNames,
  SIGNAL,
  USER,
  VARIABLES,
} from '../config/option-shapes.js'
import type { ByteSize } from '../config/size.js'
import type { Images } from '../image/index.js'
import type { SandboxMeter } from './metrics.js'
import { PROFILE, type SandboxProfile } from './profile.js'
import type { SandboxNetwork } from './sandbox-network.js'
import { checkFilter } from './system-calls.js'
import type { SandboxTracer } from './tracing.js'

export interface SandboxMount {
  /** On the host; absolute, or relative to the working directory. */
  readonly source?: string
  /** In place of a source: the name of a volume in the store of the image, which is made if need be, and filled from the image. */
  readonly volume?: string
  /** In the sandbox; absolute. */
  readonly target: string
  /** `ro`: read-only (the default of a source); `rw`: what is written is written to the source (the default of a volume); `overlay`: it goes to the sandbox, and can be looked at (`diff`). */
  readonly mode?: 'ro' | 'rw' | 'overlay'
}

export interface SettledMount {
  /** "" for a volume. */
  readonly source: string
  readonly volume: string | null
  readonly target: string
  readonly mode: 'ro' | 'rw' | 'overlay'
}

export interface SandboxLimits {
  /** Of all of its memory, such as `512M`. Needs a cgroup. */
  readonly memory?: ByteSize
  /** How many processors, such as 0.5. Needs a cgroup. */
  readonly cpus?: number
  /** Processes and threads. */
  readonly pids?: number
  /** Of what is written to its root, which is in memory. */
  readonly disk?: ByteSize
}

/**
 * How far a sandbox is apart: `full`: all namespaces; `no-procfs`: all, but without a procfs, which the host does not let it have; `landlock`: no
 * namespaces, where the host allows none: the programs of this machine in its own root, kept in by Landlock, a filter of system calls and limits.
 */
export type IsolationLevel = 'full' | 'no-procfs' | 'landlock'

export interface SandboxOptions {
  /**
   * The name of an image, which is pulled if it is not there: its layers are the root, and its variables, working directory and user those of the
   * commands.
   */
  readonly image?: string
  /** Where images are. Default: the store of this user (`openImages()`). */
  readonly images?: Images
  /**
   * Its root: a directory, or several as layers, the lowest first. What is written stays in the sandbox. Default: the programs of this
   * machine (`host`).
   */
  readonly rootfs?: string | readonly string[]
  /** Without `rootfs`: what it has of the host, read-only, at the same paths. Default: /usr, /bin, /lib and the like. */
  readonly host?: readonly string[]
  readonly mounts?: readonly SandboxMount[]
  /**
   * Default `none`: a loopback of its own. `host`: the host's network, but for its abstract UNIX sockets. Else a policy by names, such as
   * `{ allow: ['example.org:443'] }`, a gateway that several sandboxes share, or `{ cni: 'NAME' }`: a network of the host, as root.
   */
  readonly network?: SandboxNetwork
  readonly limits?: SandboxLimits
  /** Milliseconds after which it is ended with all that is in it. Default Infinity. */
  readonly timeoutMs?: number
  /** Variables of all of its commands. */
  readonly envs?: Readonly<Record<string, string>>
  /** Where its commands begin. Default: the target of the first mount that can be written to, else what the image says, else `/`. */
  readonly cwd?: string
  /** Who its commands are. Default: the image's, or 1000 and 1000; as root, if something that can be written to is mounted, the owner of that. */
  readonly user?: { readonly uid: number; readonly gid: number }
  /** Ends with this process, however that ends. Default true. */
  readonly dieWithParent?: boolean
  /** What of the profile is to be different. */
  readonly profile?: Partial<SandboxProfile>
  /** Gets spans of what is made and run, such as `trace.getTracer('name')` of `@opentelemetry/api`. Default: nobody. */
  readonly tracer?: SandboxTracer
  /** Gets counts and measures of what is run, such as `metrics.getMeter('name')` of `@opentelemetry/api`. Default: nobody. */
  readonly meter?: SandboxMeter
  /** Commands can say that they are ready by sd_notify(3), at the socket of NOTIFY_SOCKET. Default false. */
  readonly notify?: boolean
  /** Less is an error. Default `no-procfs`. */
  readonly minimum?: IsolationLevel
  readonly signal?: AbortSignal
}

export interface SandboxSettings {
  readonly image: string | null
  readonly images: Images | null
  readonly layers: readonly string[] | null
  readonly host: readonly string[] | null
  readonly mounts: readonly SettledMount[]
  readonly network: SandboxNetwork
  readonly memory: number
  readonly cpus: number | null
  readonly pids: number
  readonly disk: number
  /** Limits that were asked for, so that not to have them is an error. */
  readonly needsCgroup: boolean
  readonly timeoutMs: number
  readonly envs: Readonly<Record<string, string>>
  /** null: that of the image. */
  readonly cwd: string | null
  readonly user: { readonly uid: number; readonly gid: number } | null
  readonly dieWithParent: boolean
  readonly profile: SandboxProfile
  readonly notify: boolean
  readonly tracer: SandboxTracer | undefined
  readonly meter: SandboxMeter | undefined
  readonly minimum: IsolationLevel
  readonly signal: AbortSignal | undefined
}

const INSTRUMENTS = ['createHistogram', 'createCounter', 'createUpDownCounter'] as const

const SHAPES: OptionShapes<SandboxOptions> = {
  image: [isText, 'the name of an image'],
  images: [value => hasFunction(value, 'unpack'), 'a store of images, as openImages() returns it'],
  rootfs: [value => isText(value) || (isTexts(value) && (value as []).length > 0), 'a directory, or an array of some'],
  host: [isTexts, 'an array of paths'],
  mounts: [Array.isArray, 'an array'],
  ...{ network: null, limits: null, timeoutMs: null, profile: null, minimum: null },
  envs: VARIABLES,
  cwd: [value => isText(value) && String(value).startsWith('/'), 'an absolute path'],
  ...{ user: USER, dieWithParent: FLAG, notify: FLAG, signal: SIGNAL },
  tracer: [value => hasFunction(value, 'startSpan'), 'a tracer, as trace.getTracer() returns it'],
  meter: [value => INSTRUMENTS.every(name => hasFunction(value, name)), 'a meter, as metrics.getMeter() returns it'],
}

/** The one place of the defaults. @throws {ConfigError} naming the option */
export function readSandboxOptions(options: SandboxOptions): SandboxSettings {
  checkShapes('', options, SHAPES)
  const { rootfs, host, mounts = [], network = 'none', limits = {}, envs = {}, user = null, profile = {} } = options
  const { dieWithParent = true, minimum = 'no-procfs', notify = false, tracer, meter, signal } = options
  oneOf('minimum', minimum, ['full', 'no-procfs', 'landlock'])
  refuseOtherNames('limits.', limits, ['memory', 'cpus', 'pids', 'disk'])
  refuseOtherNames('profile.', profile, Object.keys(PROFILE))
  if (rootfs !== undefined && host !== undefined)
    throw optionError({ option: 'host', expected: 'absent if there is a rootfs', received: host })
  if (options.image !== undefined && (rootfs !== undefined || host !== undefined))
    throw optionError({ option: 'image', expected: 'absent if there is a rootfs or host', received: options.image })
  const list = readMounts(mounts, options.image !== undefined)
  const whole = { ...PROFILE, ...profile }
  checkFilter(whole)
  return {
    image: options.image ?? null,
    images: options.images ?? null,
    layers: rootfs === undefined ? null : typeof rootfs === 'string' ? [rootfs] : rootfs,
    host: rootfs === undefined && options.image === undefined ? (host ?? null) : [],
    mounts: list,
    ...{ network, envs, user, dieWithParent, notify, tracer, meter, minimum, signal, profile: whole },
    ...readLimits(limits, whole),
    timeoutMs: readDuration({ option: 'timeoutMs', value: options.timeoutMs, otherwise: Number.POSITIVE_INFINITY }),
    cwd: options.cwd ?? list.find(({ mode }) => mode !== 'ro')?.target ?? null,
  }
}

function readLimits(limits: SandboxLimits, profile: SandboxProfile) {
  const bytes = (option: string, value: ByteSize | undefined, otherwise: number): number =>
    readByteCount({ option: `limits.${option}`, value: typeof value === 'bigint' ? Number(value) : value, otherwise })
  const { cpus = null, pids = profile.pids } = limits
  if (cpus !== null && !(typeof cpus === 'number' && cpus > 0))
    throw optionError({ option: 'limits.cpus', expected: 'a number above 0', received: cpus })
  if (!Number.isInteger(pids) || pids < 1)
    throw optionError({ option: 'limits.pids', expected: 'a whole number above 0', received: pids })
  return {
    ...{ cpus, pids },
    memory: bytes('memory', limits.memory, profile.memory),
    disk: bytes('disk', limits.disk, profile.disk),
    needsCgroup: limits.memory !== undefined || cpus !== null,
  }
}

function readMounts(mounts: readonly SandboxMount[], hasImage: boolean): readonly SettledMount[] {
  const list = mounts.map(readMount)
  const index = hasImage ? -1 : list.findIndex(({ volume }) => volume !== null)
  if (index < 0) return list
  const received = mounts[index]?.volume
  throw optionError({ option: `mounts[${index}].volume`, expected: 'absent without an image', received })
}

function readMount(mount: SandboxMount, index: number): SettledMount {
  const option = `mounts[${index}]`
  refuseOtherNames(`${option}.`, mount, ['source', 'volume', 'target', 'mode'])
  const { source = '', volume = null, target } = mount
  const { mode = volume === null ? 'ro' : 'rw' } = mount
  oneOf(`${option}.mode`, mode, ['ro', 'rw', 'overlay'])
  if (volume === null && (typeof source !== 'string' || source === ''))
    throw optionError({ option: `${option}.source`, expected: 'a path', received: source })
  if (volume !== null && (typeof volume !== 'string' || source !== ''))
    throw optionError({ option: `${option}.volume`, expected: 'a name, without a source', received: volume })
  if (typeof target !== 'string' || !/^\/[^/]/.test(target))
    throw optionError({ option: `${option}.target`, expected: 'an absolute path other than "/"', received: target })
  return { source, volume, target: target.replace(/\/+$/, ''), mode }
}

function oneOf(option: string, value: unknown, words: readonly string[]): void {
  if (words.includes(value as string)) return
  throw optionError({ option, expected: words.map(word => JSON.stringify(word)).join(' or '), received: value })
}
