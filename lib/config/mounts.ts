import { bindAttributes } from './bind-attributes.js'
import type { Mount, MountIdmap } from './config.js'
import { idmapOptionRules, isInlineIdmap } from './idmap-option.js'
import type { Report, Rule, View, Warn } from './issues.js'
import { pointer } from './json.js'
import { isOfFileSystem, MOUNT_ATTRIBUTES, type OptionMeaning, optionMeaning } from './mount-options.js'
import { checkMappings, listsNamespace, mappingList, normaliseMapping } from './namespaces.js'
import type { OciConfig, OciMount } from './oci-config.js'
import * as s from './shape.js'

export const mountsShape = s.list(
  s.object({
    destination: s.filled,
    source: s.optional(s.text),
    type: s.optional(s.text),
    options: s.optional(s.list(s.text)),
    uidMappings: s.optional(mappingList),
    gidMappings: s.optional(mappingList),
  }),
)

export function kindOf({ type = '', options = [] }: OciMount): { kind: Mount['kind']; recursive: boolean } {
  const meanings = options.map(optionMeaning)
  const recursive = meanings.some(meaning => meaning?.kind === 'bind' && meaning.recursive)
  if (meanings.some(meaning => meaning?.kind === 'remount')) return { kind: 'remount', recursive }
  if (type === 'bind' || meanings.some(meaning => meaning?.kind === 'bind')) return { kind: 'bind', recursive }
  return { kind: type === 'cgroup' || type === 'cgroup2' ? 'cgroup' : 'filesystem', recursive }
}

/** Where a path leads if no link is in the way. */
export function resolves(path: string): string {
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
  if (kind !== 'filesystem' && kind !== 'remount' && fields.superblock.length > 0) {
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
    ...(kind === 'bind' ? bindAttributes(options) : { implied: 0n }),
    idmap: idmapOf(mount),
    copyUp: options.includes('tmpcopyup'),
    origin,
  }
}

function idmapOf({ options = [], uidMappings = [], gidMappings = [] }: OciMount): MountIdmap | null {
  const asked = options.map(optionMeaning).filter(meaning => meaning?.kind === 'idmap')
  if (asked.length === 0 && uidMappings.length === 0) return null
  return {
    recursive: asked.some(({ recursive }) => recursive),
    uidMappings: uidMappings.map(normaliseMapping),
    gidMappings: gidMappings.map(normaliseMapping),
  }
}

type OptionFields = {
  -readonly [K in 'set' | 'clear' | 'recSet' | 'recClear' | 'propagation']: Mount[K]
} & { superblock: string[]; data: string[]; laterPropagation: number[] }

function emptyOptions(): OptionFields {
  return {
    set: 0n,
    clear: 0n,
    recSet: 0n,
    recClear: 0n,
    propagation: 0,
    laterPropagation: [],
    superblock: [],
    data: [],
  }
}

function applyOption(fields: OptionFields, option: string, warn: (message: string) => void): void {
  const meaning = optionMeaning(option)
  if (option === '') warn('an empty option means nothing')
  else if (meaning === undefined) fields.data.push(...splitData(option))
  else if (meaning.kind === 'propagation') applyPropagation(fields, meaning.flags)
  else if (meaning.kind === 'superblock') fields.superblock.push(meaning.flag)
  else if (meaning.kind === 'nothing' && meaning.missed) warn(`${option} is the file system's decision: without effect`)
  else if (meaning.kind === 'set' || meaning.kind === 'clear' || meaning.kind === 'atime')
    applyAttribute(fields, meaning)
}

function applyPropagation(fields: OptionFields, flags: number): void {
  if (fields.propagation === 0) fields.propagation = flags
  else fields.laterPropagation.push(flags)
}

type AttributeMeaning = Extract<OptionMeaning, { kind: 'set' | 'clear' | 'atime' }>

/** The last option wins; to change the access time mode the kernel wants the whole of its mask cleared. */
function applyAttribute(fields: OptionFields, meaning: AttributeMeaning): void {
  const [set, clear] = meaning.recursive ? (['recSet', 'recClear'] as const) : (['set', 'clear'] as const)
  if (meaning.kind === 'atime') {
    const other = meaning.off && (fields[set] & MOUNT_ATTRIBUTES.ATIME) !== 0n && (fields[set] & meaning.mode) === 0n
    fields[clear] |= MOUNT_ATTRIBUTES.ATIME
    if (!other) fields[set] = (fields[set] & ~MOUNT_ATTRIBUTES.ATIME) | (meaning.off ? 0n : meaning.mode)
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

export const mountRules: readonly Rule[] = [
  {
    reads: ['/mounts', '/linux/namespaces', '/root'],
    check(config, { report }) {
      const { mounts = [] } = config
      if (listsNamespace(config, 'mount') || !listsNamespace(config, 'user')) return
      const { readonly = false } = config.root ?? {}
      if (readonly)
        report({
          path: '/root/readonly',
          expected: 'false in a user namespace without a mount namespace',
          received: true,
        })
      if (mounts.length === 0) return
      const expected =
        'absent or empty in a user namespace without a mount namespace, as it may not mount in that of the host'
      report({ path: '/mounts', expected, received: mounts, rule: 'tsrun#mounts' })
    },
  },
  {
    reads: [],
    check(_config, { each, report }) {
      for (const [mount, path] of each<OciMount>('/mounts')) checkMount(mount, path, report)
    },
  },
  { reads: ['/linux/namespaces'], check: checkIdmapSource },
  ...idmapOptionRules,
  { reads: ['/mounts'], check: checkRemounts },
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
  checkIdmap(mount, base, report)
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

function checkIdmap(mount: OciMount, base: string, report: Report): void {
  const { uidMappings, gidMappings, options = [] } = mount
  for (const [field, mappings, other] of [
    ['uidMappings', uidMappings, gidMappings],
    ['gidMappings', gidMappings, uidMappings],
  ] as const) {
    const path = `${base}/${field}`
    checkMappings(mappings ?? [], path, report)
    if ((mappings ?? []).length > 0 || (other ?? []).length === 0) continue
    report({ path, expected: 'given along with the other mapping', received: mappings })
  }
  const { kind } = kindOf(mount)
  if (kind === 'bind' || kind === 'filesystem') return
  const expected = `absent: the ids of a ${kind} mount are not mapped`
  if ((uidMappings ?? []).length > 0) report({ path: `${base}/uidMappings`, expected, received: uidMappings })
  const index = options.findIndex(option => optionMeaning(option)?.kind === 'idmap')
  if (index !== -1) report({ path: pointer(base, 'options', index), expected, received: options[index] })
}

/** Without mappings of the mount those of the container's user namespace are meant. */
function checkIdmapSource(config: OciConfig, { each, report }: View): void {
  if (listsNamespace(config, 'user')) return
  for (const [{ options = [], uidMappings = [] }, path] of each<OciMount>('/mounts')) {
    const index = options.findIndex(option => optionMeaning(option)?.kind === 'idmap')
    if (index === -1 || uidMappings.length > 0 || isInlineIdmap(options[index] ?? '')) continue
    const expected = 'next to uidMappings and gidMappings where there is no user namespace'
    report({ path: pointer(path, 'options', index), expected, received: options[index] })
  }
}

/** Only what this configuration mounts itself is its own to change: any other file system may be one of the host. */
function checkRemounts(_config: OciConfig, { each, report }: View): void {
  const made = new Map<string, Mount['kind']>()
  for (const [mount, path] of each<OciMount>('/mounts')) {
    const { kind } = kindOf(mount)
    const destination = resolves(mount.destination)
    if (kind !== 'remount') made.set(destination, kind)
    else if (made.get(destination) !== 'filesystem') {
      const index = (mount.options ?? []).findIndex(isOfFileSystem)
      if (index === -1) continue
      const expected = 'an option of the mount alone, as no entry before mounts a file system there'
      report({ path: pointer(path, 'options', index), expected, received: mount.options?.[index] })
    }
  }
}

function checkOptions(mount: OciMount, base: string, report: Report): void {
  for (const [index, option] of (mount.options ?? []).entries()) {
    const expected = expectedInstead(mount, option)
    if (expected !== null) report({ path: pointer(base, 'options', index), expected, received: option })
  }
}

function isIdmapped({ options = [], uidMappings = [] }: OciMount): boolean {
  return uidMappings.length > 0 || options.some(option => optionMeaning(option)?.kind === 'idmap')
}

/** What should stand in place of an option that this kind of mount does not have; null for a good one. */
function expectedInstead(mount: OciMount, option: string): string | null {
  const { kind } = kindOf(mount)
  const meaning = optionMeaning(option)
  if (meaning?.kind === 'copy_up' && (kind !== 'filesystem' || mount.type !== 'tmpfs')) {
    return 'absent: only a tmpfs is filled with what it hides'
  }
  if (meaning?.kind === 'copy_up' && isIdmapped(mount)) return 'absent where ids are mapped'
  if (meaning !== undefined || option === '') return null
  if (kind === 'bind') return 'an option of bind mounts, which have none of a file system'
  return option.startsWith('=') ? 'an option with a name' : null
}
