import type { Mount, MountIdmap } from '../config.js'
import { pointer } from '../json.js'
import { MOUNT_ATTR, type OptionMeaning, optionMeaning } from '../mount-options.js'
import type { OciMount } from '../oci-config.js'
import type { Warn } from '../rule.js'
import * as s from '../shape.js'
import { mappingList, normaliseMapping } from './namespaces.js'

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
  if (meaning === undefined) fields.data.push(...splitData(option))
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
