import type { OciState, Status } from '../config/state.js'
import { StateError } from '../errors.js'

/**
 * What the state directory keeps of a container, so that any process can go on with it.
 * `creating` is written before the first side effect, with all that is needed to undo it.
 */
export interface ContainerRecord {
  readonly version: 1
  readonly id: string
  readonly ociVersion: string
  readonly bundle: string
  readonly rootfs: string
  /** ISO 8601, UTC. */
  readonly created: string
  /** `started`: the process was told to go on; whether it still lives is told by the kernel. */
  readonly phase: 'creating' | 'created' | 'started'
  /** 0 until the first process exists. */
  readonly pid: number
  /** Start time of `pid` in clock ticks, so that a reused pid is not taken for ours. */
  readonly startTime: string
  readonly annotations: Readonly<Record<string, string>>
  /** True if it has a pid namespace of its own, so that the end of its init is the end of all. */
  readonly ownPidNamespace: boolean
  /** True if the configuration has hooks that run after create. */
  readonly hooks: boolean
  /** False: the configuration has no process, so that it can be created but not started. */
  readonly startable: boolean
  /** True if its process keeps the session keyring of the runtime's caller, and so do those that are exec'd in it. */
  readonly noNewKeyring: boolean
  /** The steps after `start`, for the words of an error. */
  readonly tail: PlanTail
  /** What the cgroup was opened by; null if there is none. */
  readonly cgroup: unknown
  /** True if its first process is ours, and keeps how the program ended (status-file.ts). Default false. */
  readonly reaps?: boolean
  /** Who made it; null or absent if it is to outlive that process. */
  readonly owner?: Owner | null
  /** Of a root of layers: these, the lowest first, and the directory that takes what is written (null: memory); else null or absent. */
  readonly layered?: { readonly layers: readonly string[]; readonly upper: string | null } | null
  /** What its first process got as standard streams, such as `pipe:[1234]`; absent in a record of a tsrun that could not checkpoint. */
  readonly stdio?: readonly string[]
  /** Its class of service; null or absent if it has none. */
  readonly rdt?: unknown
  /** The mount over its root, where it has no mount namespace; null or absent where there is none. */
  readonly rootMount?: unknown
}

/** The process that made a container. Its pid counts in that pid namespace; with its start time it is that process and no other. */
export interface Owner {
  readonly pid: number
  /** In clock ticks, as field 22 of /proc/PID/stat. */
  readonly startTime: string
  /** Such as `pid:[4026531836]`. */
  readonly pidNamespace: string
  readonly uid: number
}

/** The plan's ops from `first` on: all that can fail once the container is created. */
export interface PlanTail {
  readonly first: number
  readonly ops: readonly { readonly op: string; readonly origin: string }[]
  readonly program: string
}

const TYPES = {
  id: 'string',
  ociVersion: 'string',
  bundle: 'string',
  rootfs: 'string',
  created: 'string',
  phase: 'string',
  pid: 'number',
  startTime: 'string',
  annotations: 'object',
  ownPidNamespace: 'boolean',
  hooks: 'boolean',
  startable: 'boolean',
  noNewKeyring: 'boolean',
  tail: 'object',
} as const

/** Of the record as it is written now; another number when a reader of this one would misunderstand it. */
const VERSION = 1

/**
 * @throws {StateError} ERR_STATE_CORRUPT for anything that `JSON.stringify(record)` would not write, ERR_STATE_VERSION for the record of
 * another version of tsrun
 */
export function parseRecord(id: string, text: string): ContainerRecord {
  const value = parseObject(text)
  if (value !== null && Number.isSafeInteger(value.version) && value.version !== VERSION) {
    throw otherVersion({ id, what: 'state', found: value.version as number, known: String(VERSION) })
  }
  const sound =
    value !== null &&
    value.version === VERSION &&
    value.id === id &&
    Object.entries(TYPES).every(([key, type]) => typeof value[key] === type && value[key] !== null) &&
    ['creating', 'created', 'started'].includes(value.phase as string) &&
    isPid(value.pid)
  if (!sound) throw new StateError('ERR_STATE_CORRUPT', `the state of container "${id}" cannot be read`, { id })
  return value as unknown as ContainerRecord
}

/** Of what a record has alike with the one before, or with those of other containers. */
const texts = new WeakMap<object, string>()

function textOf(part: unknown): string {
  if (typeof part !== 'object' || part === null) return JSON.stringify(part)
  const text = texts.get(part) ?? JSON.stringify(part)
  texts.set(part, text)
  return text
}

/** A record as JSON. Its large parts stay what they are, and are written four times in the life of a container. */
export function recordText({ tail, cgroup, ...rest }: ContainerRecord): string {
  return `${JSON.stringify(rest).slice(0, -1)},"tail":${textOf(tail)},"cgroup":${textOf(cgroup)}}`
}

/** 0: there is no process yet. Never 1, which is no container's. */
export const isPid = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value === 0 || (value as number) > 1)

interface OtherVersion {
  readonly id: string
  readonly what: string
  readonly found: number
  readonly known: string
}

/** What another version of tsrun has written in a way that this one does not know. */
export function otherVersion({ id, what, found, known }: OtherVersion): StateError {
  const message = `container "${id}" was created by another version of tsrun: its ${what} is of version ${found}, and this one reads ${known}`
  return new StateError('ERR_STATE_VERSION', `${message}. Use that one, or delete the container with --force`, { id })
}

/** null: it is no JSON object. */
export function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null
  } catch (error) {
    // RangeError: QuickJS has no stack for what is nested that deep, where V8 reads it.
    if (error instanceof SyntaxError || error instanceof RangeError) return null
    throw error
  }
}

/** The state document of the specification (runtime.md, state). The pid is left out if there is no process. */
export function ociState(record: ContainerRecord, status: Status): OciState {
  const { ociVersion, id, pid, bundle, annotations } = record
  const alive = status !== 'stopped' && pid !== 0
  return { ociVersion, id, status, ...(alive ? { pid } : {}), bundle, annotations: { ...annotations } }
}
