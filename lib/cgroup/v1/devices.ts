/**
 * The device list in the terms of cgroup v1: a default, and exceptions from it. The whole list is worked out first and
 * only then written, since the kernel drops an exception only for a rule that names it exactly. Pure.
 */

import type { DeviceRule } from '../../config/config.js'
import { anchorOf } from '../../config/issues.js'
import { ConfigError } from '../../errors.js'
import { DEVICES } from '../device-rules.js'

interface Exception {
  readonly type: 'b' | 'c'
  readonly major: number | null
  readonly minor: number | null
  readonly access: string
  readonly origin: string
}

export interface DeviceState {
  readonly allowsOthers: boolean
  readonly exceptions: readonly Exception[]
}

/** One line for devices.allow or devices.deny. */
export interface DeviceWrite {
  readonly file: 'devices.allow' | 'devices.deny'
  readonly value: string
  readonly origin: string
}

const NOTHING_ALLOWED: DeviceState = { allowsOthers: false, exceptions: [] }

/** @throws {ConfigError} ERR_CONFIG_UNSUPPORTED for an exception of an exception, which cgroup v1 can't express */
export function stateOf(rules: readonly DeviceRule[]): DeviceState {
  return rules.flatMap(withoutPartialWildcard).reduce(applyRule, NOTHING_ALLOWED)
}

/** The kernel takes `a` as everything, whatever comes after it; a narrower one is spelled out. */
function withoutPartialWildcard(rule: DeviceRule): DeviceRule[] {
  const isEverything = rule.major === null && rule.minor === null && rule.access.length === 3
  if (rule.type !== 'a' || isEverything) return [rule]
  return [
    { ...rule, type: 'b' },
    { ...rule, type: 'c' },
  ]
}

function applyRule(state: DeviceState, rule: DeviceRule): DeviceState {
  const { type } = rule
  if (type === 'a') return { allowsOthers: rule.allow, exceptions: [] }
  const exception = { ...rule, type }
  const exceptions = rule.allow === state.allowsOthers ? without(state, exception) : withOne(state, exception)
  return { ...state, exceptions }
}

const nameOf = ({ type, major, minor }: Exception): string => `${type} ${major ?? '*'}:${minor ?? '*'}`

const ACCESS = ['r', 'w', 'm']
const both = (a: string, b: string): string => ACCESS.filter(c => a.includes(c) || b.includes(c)).join('')
const minus = (a: string, b: string): string => ACCESS.filter(c => a.includes(c) && !b.includes(c)).join('')

function withOne({ exceptions }: DeviceState, added: Exception): Exception[] {
  const same = exceptions.find(exception => nameOf(exception) === nameOf(added))
  const others = exceptions.filter(exception => exception !== same)
  return [...others, { ...added, access: both(same?.access ?? '', added.access) }]
}

function without({ exceptions }: DeviceState, removed: Exception): Exception[] {
  return exceptions.flatMap(exception => {
    const access = minus(exception.access, removed.access)
    if (!overlaps(exception, removed) || access === exception.access) return [exception]
    if (!covers(removed, exception)) throw inexpressible(removed, exception)
    return access === '' ? [] : [{ ...exception, access }]
  })
}

const fits = (a: number | null, b: number | null): boolean => a === null || b === null || a === b

const overlaps = (a: Exception, b: Exception): boolean =>
  a.type === b.type && fits(a.major, b.major) && fits(a.minor, b.minor)

const covers = (wide: Exception, narrow: Exception): boolean =>
  (wide.major === null || wide.major === narrow.major) && (wide.minor === null || wide.minor === narrow.minor)

function inexpressible(rule: Exception, exception: Exception): ConfigError {
  const message = `cgroup v1 can not make an exception of ${nameOf(rule)} from the earlier rule for ${nameOf(exception)}`
  const issue = { path: rule.origin, rule: anchorOf(DEVICES), expected: 'rules that do not overlap in part' }
  return new ConfigError('ERR_CONFIG_UNSUPPORTED', [{ ...issue, received: nameOf(rule), message }])
}

const lineOf = (exception: Exception): string => `${nameOf(exception)} ${exception.access}`

const toward = (allow: boolean): DeviceWrite['file'] => (allow ? 'devices.allow' : 'devices.deny')

/** What makes a cgroup in an unknown state have `target`. The first line is refused if the cgroup has children. */
export function resetTo(target: DeviceState): DeviceWrite[] {
  const exceptions = target.exceptions.map(exception => ({
    file: toward(!target.allowsOthers),
    value: lineOf(exception),
    origin: exception.origin,
  }))
  return [{ file: toward(target.allowsOthers), value: 'a', origin: DEVICES }, ...exceptions]
}

/**
 * What makes a cgroup have `target` whose devices.list reads `list`: the differences only, so that nothing that stays
 * allowed is denied for a moment, and that works if the cgroup has children.
 */
export function changeTo(target: DeviceState, list: string): DeviceWrite[] {
  const lines = list.split('\n').filter(line => line !== '')
  // A cgroup that allows by default does not list its exceptions.
  if (target.allowsOthers || lines.some(line => line.startsWith('a '))) return resetTo(target)
  const current = lines.flatMap(parseLine)
  const now = { allowsOthers: false, exceptions: current }
  return [...additions(target, now), ...removals(target, now)]
}

function additions(target: DeviceState, { exceptions }: DeviceState): DeviceWrite[] {
  const has = new Map(exceptions.map(exception => [nameOf(exception), exception.access]))
  return target.exceptions.flatMap(exception => {
    const access = minus(exception.access, has.get(nameOf(exception)) ?? '')
    const value = lineOf({ ...exception, access })
    return access === '' ? [] : [{ file: toward(true), value, origin: exception.origin }]
  })
}

function removals(target: DeviceState, { exceptions }: DeviceState): DeviceWrite[] {
  const stays = new Map(target.exceptions.map(exception => [nameOf(exception), exception.access]))
  return exceptions.flatMap(exception => {
    const access = minus(exception.access, stays.get(nameOf(exception)) ?? '')
    return access === '' ? [] : [{ file: toward(false), value: lineOf({ ...exception, access }), origin: DEVICES }]
  })
}

/** Lines of devices.list, such as `c 136:* rwm`. */
function parseLine(line: string): Exception[] {
  const [, type, major, minor, access] = /^([bc]) ([0-9]+|\*):([0-9]+|\*) ([rwm]+)$/.exec(line) ?? []
  if (type === undefined || access === undefined) return []
  const number = (text: string | undefined): number | null => (text === '*' ? null : Number(text))
  const exception = { major: number(major), minor: number(minor), access, origin: DEVICES }
  return [{ ...exception, type: type === 'b' ? 'b' : 'c' }]
}
