import type { Mount } from '../config.js'
import { pointer } from '../json.js'
import { MOUNT_ATTR, type OptionMeaning, optionMeaning } from '../mount-options.js'
import type { OciMount } from '../oci-config.js'
import type { Report, Rule, Warn } from '../rule.js'
import * as s from '../shape.js'
import { hasNamespace, mappingList } from './namespaces.js'

export const mountsShape = s.list(
  s.object({
    destination: s.filled,
    source: s.optional(s.text),
    type: s.optional(s.text),
    options: s.optional(s.list(s.filled)),
    uidMappings: s.optional(mappingList),
    gidMappings: s.optional(mappingList),
  }),
)

export const mountRules: readonly Rule[] = [
  {
    reads: ['/mounts', '/linux/namespaces'],
    check(config, { report }) {
      const { mounts = [] } = config
      if (mounts.length === 0 || hasNamespace(config, 'mount')) return
      const expected = "absent or empty without a mount namespace: the mounts would be the host's"
      report({ path: '/mounts', expected, received: mounts, rule: 'tsrun#mounts' })
    },
  },
  {
    reads: [],
    check(_config, { each, report }) {
      for (const [mount, path] of each<OciMount>('/mounts')) checkMount(mount, path, report)
    },
  },
]

function checkMount(mount: OciMount, base: string, report: Report): void {
  const { kind } = kindOf(mount)
  if (resolves(mount.destination) === '/') {
    report({ path: `${base}/destination`, expected: 'a path below the root', received: mount.destination })
  }
  if (kind === 'bind' && !mount.source) {
    report({ path: `${base}/source`, expected: 'the path that is bound', received: mount.source })
  }
  if (kind === 'filesystem' && !mount.type) {
    report({ path: `${base}/type`, expected: 'a file system, unless the options have bind', received: mount.type })
  }
  checkPlaceInProc(mount, base, report)
  checkMappings(mount, base, report)
  checkOptions(mount, base, report)
}

/** What a mount may cover below /proc: files that tell of the host, for which lxcfs has others. All else is for the runtime to trust. */
const COVERABLE = [
  'cpuinfo',
  'diskstats',
  'loadavg',
  'meminfo',
  'net/dev',
  'slabinfo',
  'stat',
  'swaps',
  'sys/crypto/fips_enabled',
  'sys/kernel/ns_last_pid',
  'uptime',
].map(file => `/proc/${file}`)

function checkPlaceInProc(mount: OciMount, base: string, report: Report): void {
  const { kind } = kindOf(mount)
  const path = resolves(mount.destination)
  if (kind === 'remount' || (path !== '/proc' && !path.startsWith('/proc/'))) return
  const rule = 'tsrun#mounts-on-proc'
  if (path === '/proc') {
    if (kind === 'bind' || mount.type === 'proc') return
    report({ path: `${base}/type`, expected: 'proc, or a bind of a proc file system', received: mount.type, rule })
  } else if (!COVERABLE.includes(path)) {
    const expected = `outside of /proc, or one of ${COVERABLE.join(', ')}`
    report({ path: `${base}/destination`, expected, received: mount.destination, rule })
  }
}

function checkMappings({ uidMappings, gidMappings }: OciMount, base: string, report: Report): void {
  if ((uidMappings === undefined) === (gidMappings === undefined)) return
  const missing = uidMappings === undefined ? 'uidMappings' : 'gidMappings'
  report({ path: `${base}/${missing}`, expected: 'given along with the other mapping', received: undefined })
}

function checkOptions(mount: OciMount, base: string, report: Report): void {
  const { kind } = kindOf(mount)
  let propagation = 0
  for (const [index, option] of (mount.options ?? []).entries()) {
    const path = pointer(base, 'options', index)
    const meaning = optionMeaning(option)
    if (meaning?.kind === 'propagation') {
      if (propagation !== 0 && propagation !== meaning.flags) {
        report({ path, expected: 'the only kind of propagation of the mount', received: option })
      }
      propagation = meaning.flags
    }
    if (meaning !== undefined || LATER.test(option)) continue
    if (kind === 'bind') {
      report({ path, expected: 'an option of bind mounts, which have none of a file system', received: option })
    } else if (option.startsWith('=')) {
      report({ path, expected: 'an option with a name', received: option })
    }
  }
}

/** Options of tsrun's own that are refused by name, as not supported yet, and are no file system's. */
const LATER = /^(?:r?idmap(?:=.*)?|tmpcopyup)$/s

function kindOf({ type = '', options = [] }: OciMount): { kind: Mount['kind']; recursive: boolean } {
  const meanings = options.map(optionMeaning)
  const recursive = meanings.some(meaning => meaning?.kind === 'bind' && meaning.recursive)
  if (meanings.some(meaning => meaning?.kind === 'remount')) return { kind: 'remount', recursive }
  if (type === 'bind' || meanings.some(meaning => meaning?.kind === 'bind')) return { kind: 'bind', recursive }
  return { kind: type === 'cgroup' || type === 'cgroup2' ? 'cgroup' : 'filesystem', recursive }
}

/** Where a path leads if no link is in the way. */
function resolves(path: string): string {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  return `/${parts.join('/')}`
}

export function normaliseMount(mount: OciMount, origin: string, warn: Warn): Mount {
  const { kind, recursive } = kindOf(mount)
  const { destination, type = '', options = [] } = mount
  if (!destination.startsWith('/')) {
    warn(`${origin}/destination`, 'a relative destination is deprecated; it is taken from the root')
  }
  const fields = emptyOptions()
  for (const [index, option] of options.entries()) {
    applyOption(fields, option, message => warn(pointer(origin, 'options', index), message))
  }
  if (kind !== 'filesystem' && fields.superblock.length > 0) {
    warn(`${origin}/options`, `${fields.superblock.join(', ')}: without effect on a ${kind} mount`)
  }
  const isNew = kind === 'filesystem' || kind === 'cgroup'
  return {
    kind,
    type: isNew ? type : '',
    source: mount.source || (isNew ? type : ''),
    destination: `/${destination
      .split('/')
      .filter(part => part !== '' && part !== '.')
      .join('/')}`,
    recursive,
    ...fields,
    origin,
  }
}

type OptionFields = {
  -readonly [K in 'set' | 'clear' | 'recSet' | 'recClear' | 'propagation']: Mount[K]
} & { superblock: string[]; data: string[] }

function emptyOptions(): OptionFields {
  return { set: 0n, clear: 0n, recSet: 0n, recClear: 0n, propagation: 0, superblock: [], data: [] }
}

function applyOption(fields: OptionFields, option: string, warn: (message: string) => void): void {
  const meaning = optionMeaning(option)
  if (meaning === undefined) fields.data.push(...splitData(option))
  else if (meaning.kind === 'propagation') fields.propagation = meaning.flags
  else if (meaning.kind === 'superblock') fields.superblock.push(meaning.flag)
  else if (meaning.kind === 'nothing' && meaning.missed) warn(`${option} is the file system's decision: without effect`)
  else if (meaning.kind === 'set' || meaning.kind === 'clear' || meaning.kind === 'atime')
    applyAttribute(fields, meaning)
}

type AttributeMeaning = Extract<OptionMeaning, { kind: 'set' | 'clear' | 'atime' }>

/** The last option wins; to change the access time mode the kernel wants the whole of its mask cleared. */
function applyAttribute(fields: OptionFields, meaning: AttributeMeaning): void {
  const [set, clear] = meaning.recursive ? (['recSet', 'recClear'] as const) : (['set', 'clear'] as const)
  if (meaning.kind === 'atime') {
    const other = meaning.off && (fields[set] & MOUNT_ATTR.ATIME) !== 0n && (fields[set] & meaning.mode) === 0n
    fields[clear] |= MOUNT_ATTR.ATIME
    if (!other) fields[set] = (fields[set] & ~MOUNT_ATTR.ATIME) | (meaning.off ? 0n : meaning.mode)
  } else if (meaning.kind === 'set') {
    fields[set] |= meaning.attributes
    fields[clear] &= ~meaning.attributes
  } else {
    fields[set] &= ~meaning.attributes
    fields[clear] |= meaning.attributes
  }
}

/**
 * One option may carry several, as mount(2) took them: split at commas that are neither quoted nor escaped, and quotes
 * (of SELinux contexts) removed.
 */
function splitData(option: string): string[] {
  const parts = option.match(/(?:"[^"]*"|\\.|[^,])+/gs) ?? []
  return parts.map(part => part.replace(/^([^=]+=)"([^"]*)"$/s, '$1$2'))
}
