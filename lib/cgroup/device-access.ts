/** Puts the device list into force, the way that the host's cgroups do it. */

import type { DeviceRule } from '../config/config.js'
import { anchorOf } from '../config/issues.js'
import { CgroupError, ConfigError } from '../errors.js'
import { closeFd, openBeneath } from '../sys/beneath.js'
import { attachDeviceFilter, loadDeviceFilter } from '../sys/bpf.js'
import { isErrno } from '../sys/errno.js'
import { refused } from './apply.js'
import { DEVICES, effectiveRules } from './device-rules.js'
import type { Place } from './place.js'
import { hostPath, readFile, rootOf, writeLines } from './tree.js'
import { changeTo, type DeviceState, type DeviceWrite, resetTo, stateOf } from './v1/devices.js'
import { assembleDeviceFilter } from './v2/device-filter.js'

/** How a device list gets into force: made before anything is changed, so that a list that can't be is refused first. */
export type DeviceAccess = (options: { readonly isNew: boolean }) => void

/** @throws {ConfigError} ERR_CONFIG_UNSUPPORTED for a list that the host's cgroups can't express */
export function deviceAccess(places: readonly Place[], rules: readonly DeviceRule[]): DeviceAccess {
  const v1 = places.find(({ version, controllers }) => version === 1 && controllers.includes('devices'))
  if (v1 !== undefined) return listed(v1, rules)
  const v2 = places.find(({ version }) => version === 2)
  if (v2 !== undefined) return filtered(v2, rules)
  if (rules.length > 0) throw noDeviceControl()
  return () => {}
}

function noDeviceControl(): ConfigError {
  const message = 'the host has neither the devices controller of cgroup v1 nor cgroup v2'
  const issue = { path: DEVICES, rule: anchorOf(DEVICES), expected: 'a host that can control devices' }
  return new ConfigError('ERR_CONFIG_UNSUPPORTED', [{ ...issue, received: 'a device list', message }])
}

/** Worked out once for the rules of a configuration, of which many containers may be made. */
const states = new WeakMap<readonly DeviceRule[], DeviceState>()

function stateOnce(rules: readonly DeviceRule[]): DeviceState {
  const state = states.get(rules) ?? stateOf(effectiveRules(rules))
  states.set(rules, state)
  return state
}

function listed(place: Place, rules: readonly DeviceRule[]): DeviceAccess {
  const target = stateOnce(rules)
  return ({ isNew }) => {
    const writes = isNew ? resetTo(target) : changeTo(target, readFile(place, 'devices.list'))
    for (const run of runsOf(writes)) writeRun(place, run)
  }
}

/** Neighbours that go to the same file. */
function runsOf(writes: readonly DeviceWrite[]): DeviceWrite[][] {
  const runs: DeviceWrite[][] = []
  for (const write of writes) {
    const last = runs.at(-1)
    if (last?.[0]?.file === write.file) last.push(write)
    else runs.push([write])
  }
  return runs
}

function writeRun(place: Place, run: readonly DeviceWrite[]): void {
  const [{ file } = { file: '' }] = run
  const values = run.map(({ value }) => value)
  const fault = writeLines(place, file, values)
  if (fault === null) return
  const { value = '', origin = DEVICES } = run[fault.line] ?? {}
  throw refused({ place, setting: { origin }, file, value, errno: fault.errno })
}

function filtered(place: Place, rules: readonly DeviceRule[]): DeviceAccess {
  const all = effectiveRules(rules)
  return () => {
    try {
      attach(place, all)
    } catch (cause) {
      if (!isErrno(cause)) throw cause
      // Without privilege there is no filter; nor is there a way to make a device node. A list is asked for, though.
      if (isErrno(cause, 'EPERM') && rules.length === 0) return
      const { syscall, path: command, errno } = cause
      const message = `${DEVICES}: ${syscall}(${command}) for ${hostPath(place)}: ${errno}`
      const fields = { file: hostPath(place), value: command, errno, configPath: DEVICES }
      throw new CgroupError('ERR_CGROUP_WRITE', message, fields, { cause })
    }
  }
}

function attach(place: Place, rules: readonly DeviceRule[]): void {
  const directory = openBeneath(rootOf(place), place.path, 'directory')
  try {
    attachDeviceFilter(directory, programOf(rules))
  } finally {
    closeFd(directory)
  }
}

/** Loaded programs by their rules, the last used at the end: loading one takes longer than all the rest of a create. */
const programs = new Map<string, number>()
const MOST_KEPT = 8

/** The descriptor stays ours. */
function programOf(rules: readonly DeviceRule[]): number {
  const key = rules.map(({ allow, type, major, minor, access }) => [allow, type, major, minor, access].join()).join(';')
  const program = programs.get(key) ?? loadDeviceFilter(assembleDeviceFilter(rules))
  programs.delete(key)
  programs.set(key, program)
  const [oldest] = programs
  if (programs.size > MOST_KEPT && oldest !== undefined) {
    programs.delete(oldest[0])
    closeFd(oldest[1])
  }
  return program
}
