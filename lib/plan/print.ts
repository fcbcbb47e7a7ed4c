import { CAPABILITIES } from '../capabilities.js'
import {
  CLONE,
  flagNames,
  LANDLOCK_FS,
  LANDLOCK_NET,
  LANDLOCK_SCOPE,
  MOUNT_ATTR,
  MOUNT_ATTR_ATIME,
  MS,
  SECCOMP_FILTER_FLAG,
} from './flags.js'
import { OPS, type Op, RESOLVE } from './ops.js'
import { phasesOf } from './phases.js'
import type { Cleared, Idmap, IdRange, LayeredTree, Plan, Slot } from './plan.js'

export interface PrintOptions {
  /** Show the values of the environment, which often hold secrets. Default: false. */
  readonly showEnv?: boolean
}

/**
 * The plan for people: what the first clone makes, the host objects, then one op per line under its phase, flags by name,
 * and at the end of the line the configuration field that it came from.
 */
export function printPlan(plan: Plan, options: PrintOptions = {}): string {
  const sections = [headerLines(plan), slotLines(plan.slots), ...phaseSections(plan, options)]
  return `${sections.map(lines => lines.join('\n')).join('\n\n')}\n`
}

/** The plan as plain data for `JSON.stringify`: 64-bit numbers are decimal strings. */
export function planToJson(plan: Plan, options: PrintOptions = {}): object {
  const phases = phasesOf(plan.ops)
  const ops = plan.ops.map((op, index) => ({
    phase: phases[index],
    op: op.op,
    args: Object.fromEntries(redactedArgs(op, options).map(([name, value]) => [name, jsonValue(value)])),
    origin: op.origin,
  }))
  return { cloneFlags: plan.cloneFlags, preserveFds: plan.preserveFds, slots: plan.slots, ops }
}

function jsonValue(value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value
}

function headerLines({ cloneFlags, preserveFds }: Plan): string[] {
  const namespaces = cloneFlags === 0 ? 'none' : flagNames(cloneFlags, CLONE, 'CLONE_').join('|')
  return [`clone ${namespaces}`, ...(preserveFds === 0 ? [] : [`preserve ${preserveFds} descriptors`])]
}

function slotLines(slots: readonly Slot[]): string[] {
  if (slots.length === 0) return ['SLOTS', '  none']
  return ['SLOTS', ...slots.map((slot, index) => line(`${index}: ${slotText(slot)}`, slot.origin))]
}

function slotText(slot: Slot): string {
  switch (slot.kind) {
    case 'tree':
      return `tree ${text(slot.path)}${slot.recursive ? ' recursive' : ''}${slot.nofollow ? ' nofollow' : ''}${clearedText(slot)}`
    case 'idmapped_tree':
      return `tree ${text(slot.path)}${slot.recursive ? ' recursive' : ''}${clearedText(slot)} ${idmapText(slot.idmap)}`
    case 'idmapped_filesystem':
      return `filesystem ${text(slot.type)} source=${text(slot.source)} options=${list(slot.options)} ${idmapText(slot.idmap)}`
    case 'device':
      return `device ${text(slot.path)} ${deviceText(slot)}`
    case 'place':
      return `place ${text(slot.path)}${slot.recursive ? ' recursive' : ''}${slot.device === undefined ? '' : ` ${deviceText(slot.device)}`}`
    case 'directory':
      return `directory ${text(slot.path)}`
    case 'layered':
      return `overlay of ${slot.layers.length} layers topmost=${text(slot.layers.at(-1) ?? '')} ${upperText(slot)}${slot.idmap === null ? '' : ` ${idmapText(slot.idmap)}`}`
    case 'namespace':
      return `namespace ${text(slot.path)} ${flagNames(slot.type, CLONE, 'CLONE_').join('|')}`
    case 'cgroup':
    case 'cgroup_tree':
      return `${slot.kind} hierarchy=${slot.hierarchy}`
    default:
      return slot.kind
  }
}

const upperText = ({ upper }: LayeredTree): string =>
  'memory' in upper ? `memory${upper.memory === null ? '' : `=${upper.memory}`}` : `upper=${text(upper.directory)}`

function clearedText({ cleared }: { cleared?: Cleared }): string {
  if (cleared === undefined) return ''
  const flags = cleared.mount | cleared.tree
  const times = cleared.times === null ? '' : ` times=${cleared.times === 0 ? 'relatime' : attributes(cleared.times)}`
  return `${flags === 0 ? '' : ` without=${attributes(flags)}`}${times}`
}

const deviceText = ({ type, major, minor }: { type: string; major: number; minor: number }): string =>
  `${type} ${major}:${minor}`

function idmapText({ recursive, by }: Idmap): string {
  const ranges = (list: readonly IdRange[]): string =>
    list.map(({ containerID, hostID, size }) => `${containerID}:${hostID}:${size}`).join(',')
  const how = 'namespace' in by ? text(by.namespace) : `uid=${ranges(by.uid)} gid=${ranges(by.gid)}`
  return `${recursive ? 'ridmap' : 'idmap'} ${how}`
}

function phaseSections(plan: Plan, options: PrintOptions): string[][] {
  const phases = phasesOf(plan.ops)
  const sections = new Map<string, string[]>()
  for (const [index, op] of plan.ops.entries()) {
    const phase = phases[index] ?? ''
    const lines = sections.get(phase) ?? [phase]
    lines.push(opLine(op, options))
    sections.set(phase, lines)
  }
  return [...sections.values()]
}

function opLine(op: Op, options: PrintOptions): string {
  const args = redactedArgs(op, options).flatMap(([name, value]) => argText({ op: op.op, name, value }))
  return line([op.op, ...args].join(' '), op.origin)
}

function line(content: string, origin: string): string {
  return origin === '' ? `  ${content}` : `  ${content}  # ${origin}`
}

/** The arguments in the order of the table. */
function redactedArgs({ op, args }: Op, { showEnv = false }: PrintOptions): [string, unknown][] {
  const values = args as Readonly<Record<string, unknown>>
  return Object.keys(OPS[op].args).map(name => {
    const value = values[name]
    return name === 'env' && !showEnv ? [name, (value as readonly string[]).map(redacted)] : [name, value]
  })
}

function redacted(entry: string): string {
  return `${entry.slice(0, entry.indexOf('=') + 1)}<redacted>`
}

/** `name=value`, or nothing for a set of flags that is empty. */
function argText({ op, name, value }: { op: string; name: string; value: unknown }): string[] {
  const format = FORMATS[`${op}.${name}`] ?? FORMATS[name]
  if (format !== undefined) {
    const formatted = format(value as number | bigint)
    return formatted === '' ? [] : [`${name}=${formatted}`]
  }
  return [`${name}=${Array.isArray(value) ? list(value) : text(String(value))}`]
}

function list(values: readonly unknown[]): string {
  return `[${values.map(value => text(String(value))).join(', ')}]`
}

/** As it is where it can't be misread, else as a JSON string. */
function text(value: string): string {
  return /^[\w./:@%+=~<>-]+$/.test(value) ? value : JSON.stringify(value)
}

type Format = (value: number | bigint) => string

const attributes: Format = value => {
  const atime = (BigInt(value) & BigInt(MOUNT_ATTR_ATIME)) === BigInt(MOUNT_ATTR_ATIME)
  const rest = atime ? BigInt(value) & ~BigInt(MOUNT_ATTR_ATIME) : value
  return [...(atime ? ['MOUNT_ATTR__ATIME'] : []), ...flagNames(rest, MOUNT_ATTR, 'MOUNT_ATTR_')].join('|')
}
const propagation: Format = value => flagNames(value, MS, 'MS_').join('|')
const namespaces: Format = value => flagNames(value, CLONE, 'CLONE_').join('|')
const octal: Format = value => `0${value.toString(8)}`
const capabilities: Format = value => {
  const numbers = Object.fromEntries(CAPABILITIES.map((name, number) => [name, 2 ** number]))
  const names = flagNames(value, numbers, '')
  return names.length === CAPABILITIES.length ? 'all' : names.length === 0 ? 'none' : names.join('|')
}

/** How arguments that are not plain numbers or texts are written, by name or by op and name. */
const FORMATS: Readonly<Record<string, Format>> = {
  set: attributes,
  clear: attributes,
  implied: attributes,
  recSet: attributes,
  recClear: attributes,
  attributes,
  propagation,
  'propagation.flags': propagation,
  'unshare.flags': namespaces,
  'setns.type': namespaces,
  'seccomp.flags': value => flagNames(value, SECCOMP_FILTER_FLAG, 'SECCOMP_FILTER_FLAG_').join('|'),
  'landlock.fs': value => flagNames(value, LANDLOCK_FS, '').join('|'),
  'landlock.net': value => flagNames(value, LANDLOCK_NET, '').join('|'),
  'landlock.scope': value => flagNames(value, LANDLOCK_SCOPE, '').join('|'),
  'landlock_beneath.access': value => flagNames(value, LANDLOCK_FS, '').join('|'),
  'landlock_ports.access': value => flagNames(value, LANDLOCK_NET, '').join('|'),
  resolve: value => flagNames(value, RESOLVE, 'RESOLVE_').join('|'),
  mode: octal,
  'memory_policy.mode': String,
  mask: octal,
  persona: value => `0x${value.toString(16)}`,
  'bounding_set.keep': capabilities,
  effective: capabilities,
  permitted: capabilities,
  inheritable: capabilities,
  ambient: capabilities,
}
