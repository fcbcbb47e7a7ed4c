import type { IdMapping, Linux, Namespace } from './config.js'
import type { Report, Rule, View, Warn } from './issues.js'
import { pointer } from './json.js'
import type { NamespaceType, OciConfig, OciIdMapping, OciLinux, OciTimeOffset } from './oci-config.js'
import * as s from './shape.js'

/** CLONE_NEW* of each namespace type (linux/sched.h). */
export const NAMESPACE_FLAGS = {
  time: 0x80,
  mount: 0x20000,
  cgroup: 0x2000000,
  uts: 0x4000000,
  ipc: 0x8000000,
  user: 0x10000000,
  pid: 0x20000000,
  network: 0x40000000,
} as const satisfies Record<NamespaceType, number>

/** The file of each namespace type in /proc/PID/ns. */
export const NAMESPACE_FILES = {
  time: 'time',
  mount: 'mnt',
  cgroup: 'cgroup',
  uts: 'uts',
  ipc: 'ipc',
  user: 'user',
  pid: 'pid',
  network: 'net',
} as const satisfies Record<NamespaceType, string>

export const NAMESPACE_TYPES = Object.keys(NAMESPACE_FLAGS) as NamespaceType[]

/** Most entries that the kernel takes in one uid_map (5.x: UID_GID_MAP_MAX_EXTENTS). */
export const MOST_MAPPINGS = 340
const IDS = 2 ** 32 - 1
const LONGEST_UTS_NAME = 64

export const mappingList = s.list(s.object({ containerID: s.id, hostID: s.id, size: s.integer(1, IDS) }))

const timeOffset = s.object({ secs: s.optional(s.int64), nanosecs: s.optional(s.integer(0, 999_999_999)) })

export const namespaceShapes = {
  namespaces: s.optional(s.list(s.object({ type: s.oneOf(NAMESPACE_TYPES), path: s.optional(s.absolutePathOrNone) }))),
  uidMappings: s.optional(mappingList),
  gidMappings: s.optional(mappingList),
  timeOffsets: s.optional(s.object({ monotonic: s.optional(timeOffset), boottime: s.optional(timeOffset) })),
}

export function listsNamespace({ linux = {} }: OciConfig, type: NamespaceType): boolean {
  return (linux.namespaces ?? []).some(namespace => namespace.type === type)
}

function makesNamespace({ linux = {} }: OciConfig, type: NamespaceType): boolean {
  return (linux.namespaces ?? []).some(namespace => namespace.type === type && !namespace.path)
}

const MAPPINGS = ['uidMappings', 'gidMappings'] as const

export const namespaceRules: readonly Rule[] = [
  { reads: [], check: checkDuplicates },
  { reads: ['/linux/namespaces', '/linux/uidMappings', '/linux/gidMappings'], check: checkUserNamespace },
  ...MAPPINGS.map(
    (field): Rule => ({
      reads: [`/linux/${field}`],
      check: ({ linux = {} }, { report }) => checkMappings(linux[field] ?? [], `/linux/${field}`, report),
    }),
  ),
  {
    reads: ['/linux/namespaces', '/linux/uidMappings', '/linux/gidMappings', '/process/user'],
    check: checkMappedUser,
  },
  {
    reads: ['/linux/namespaces', '/linux/timeOffsets'],
    check(config, { report }) {
      const offsets = config.linux?.timeOffsets
      if (offsets === undefined || Object.keys(offsets).length === 0 || makesNamespace(config, 'time')) return
      report({ path: '/linux/timeOffsets', expected: 'absent without a new time namespace', received: offsets })
    },
  },
  ...(['hostname', 'domainname'] as const).map(
    (field): Rule => ({
      reads: ['/linux/namespaces', `/${field}`],
      check: (config, { report }) => checkUtsName(config, field, report),
    }),
  ),
]

function checkDuplicates(_config: OciConfig, { each, report }: View): void {
  const seen = new Set<string>()
  for (const [{ type }, path] of each<{ type: NamespaceType }>('/linux/namespaces')) {
    if (seen.has(type)) report({ path: `${path}/type`, expected: 'a type not in the list before', received: type })
    seen.add(type)
  }
}

function checkUserNamespace(config: OciConfig, { report }: View): void {
  for (const field of MAPPINGS) {
    const path = `/linux/${field}`
    const mappings = config.linux?.[field] ?? []
    if (mappings.length > 0 && !listsNamespace(config, 'user')) {
      report({ path, expected: 'absent without a user namespace', received: mappings })
    } else if (makesNamespace(config, 'user') && mappings.length === 0) {
      const expected = 'at least one mapping, which a new user namespace is set up by'
      report({ path, expected, received: config.linux?.[field], rule: 'tsrun#user-namespace' })
    }
  }
}

export function checkMappings(mappings: readonly OciIdMapping[], base: string, report: Report): void {
  if (mappings.length > MOST_MAPPINGS) {
    report({ path: base, expected: `at most ${MOST_MAPPINGS} mappings`, received: mappings.length })
    return
  }
  for (const side of ['containerID', 'hostID'] as const) {
    const ranges = mappings.map((mapping, index): Range => {
      const start = Number(mapping[side])
      return { index, start, end: start + Number(mapping.size) }
    })
    for (const { index, start, end } of ranges) {
      if (end <= IDS) continue
      const expected = `an id that with its size stays below ${IDS}`
      report({ path: pointer(base, index, side), expected, received: start })
    }
    for (const { index, start } of overlapping(ranges)) {
      report({ path: pointer(base, index, side), expected: 'a range that overlaps no other', received: start })
    }
  }
}

interface Range {
  readonly index: number
  readonly start: number
  readonly end: number
}

/** Of ranges that overlap those that are later in the list. */
function overlapping(ranges: readonly Range[]): Range[] {
  const sorted = [...ranges].sort((one, other) => one.start - other.start || one.index - other.index)
  const found = new Set<Range>()
  let furthest: Range | undefined
  for (const range of sorted) {
    if (furthest !== undefined && range.start < furthest.end) found.add(range.index < furthest.index ? furthest : range)
    if (furthest === undefined || range.end > furthest.end) furthest = range
  }
  return [...found].sort((one, other) => one.index - other.index)
}

function maps(mappings: readonly OciIdMapping[], id: number | bigint): boolean {
  return mappings.some(({ containerID, size }) => id >= containerID && Number(id) < Number(containerID) + Number(size))
}

function checkMappedUser(config: OciConfig, { report }: View): void {
  const { process, linux = {} } = config
  if (process === undefined || !makesNamespace(config, 'user')) return
  const { uid = 0, gid = 0, additionalGids = [] } = process.user ?? {}
  const check = (field: 'uidMappings' | 'gidMappings', id: number | bigint, path: string): void => {
    const mappings = linux[field] ?? []
    if (mappings.length === 0 || maps(mappings, id)) return
    report({ path, expected: `an id that /linux/${field} maps`, received: id })
  }
  check('uidMappings', uid, '/process/user/uid')
  check('gidMappings', gid, '/process/user/gid')
  for (const [index, id] of additionalGids.entries()) {
    check('gidMappings', id, pointer('/process/user/additionalGids', index))
  }
}

function checkUtsName(config: OciConfig, field: 'hostname' | 'domainname', report: Report): void {
  const name = config[field] ?? ''
  const path = `/${field}`
  if (name === '') return
  if (!listsNamespace(config, 'uts')) report({ path, expected: 'absent without a uts namespace', received: name })
  if (byteLength(name) > LONGEST_UTS_NAME) {
    report({ path, expected: `at most ${LONGEST_UTS_NAME} bytes`, received: name })
  }
}

function byteLength(text: string): number {
  const width = (code: number): number => (code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4)
  return Array.from(text, character => width(character.codePointAt(0) ?? 0)).reduce((sum, bytes) => sum + bytes, 0)
}

type NamespaceFields = Pick<Linux, 'namespaces' | 'uidMappings' | 'gidMappings' | 'timeOffsets'>

export function normaliseNamespaces(linux: OciLinux, warn: Warn): NamespaceFields {
  const namespaces = (linux.namespaces ?? []).map(
    ({ type, path }, index): Namespace => ({
      type,
      // "" is how a writer in Go leaves it out.
      path: path || null,
      flag: NAMESPACE_FLAGS[type],
      origin: pointer('/linux/namespaces', index),
    }),
  )
  const joinsUser = namespaces.some(({ type, path }) => type === 'user' && path !== null)
  for (const field of MAPPINGS) {
    if (joinsUser && (linux[field] ?? []).length > 0) {
      warn(`/linux/${field}`, 'not applied: the user namespace that is joined has its own')
    }
  }
  const offset = (value: OciTimeOffset | undefined): Linux['timeOffsets']['monotonic'] =>
    value === undefined ? null : { secs: BigInt(value.secs ?? 0), nanosecs: Number(value.nanosecs ?? 0) }
  return {
    namespaces,
    uidMappings: (linux.uidMappings ?? []).map(normaliseMapping),
    gidMappings: (linux.gidMappings ?? []).map(normaliseMapping),
    timeOffsets: { monotonic: offset(linux.timeOffsets?.monotonic), boottime: offset(linux.timeOffsets?.boottime) },
  }
}

export function normaliseMapping({ containerID, hostID, size }: OciIdMapping): IdMapping {
  return { containerID: Number(containerID), hostID: Number(hostID), size: Number(size) }
}
