/** The scope of systemd that a container's cgroup is. */

import { anchorOf } from '../../config/issues.js'
import { BusError } from '../../dbus/bus.js'
import { CgroupError, ConfigError, HostError, isTsrunError, StateError } from '../../errors.js'
import { isErrno } from '../../sys/errno.js'
import { effectiveUid } from '../../sys/self.js'
import { connectToSystemd, isBooted, type Property, type Systemd, type Which } from './client.js'
import type { AnnotatedProperty } from './unit-properties.js'

/** A unit of one of systemd's managers. Plain JSON. */
export interface Scope {
  readonly unit: string
  readonly manager: Which
}

/** A scope that is to be made. */
export interface WantedScope extends Scope {
  readonly slice: string
}

const ORIGIN = '/linux/cgroupsPath'
const LONGEST_NAME = 255

/**
 * The scope that `cgroupsPath` (`slice:prefix:name`) asks for: of the system's manager, or without root of the caller's own.
 * @throws {ConfigError} ERR_CONFIG_INVALID, /linux/cgroupsPath
 */
export function scopeOf({ cgroupsPath, id }: { cgroupsPath: string | null; id: string }): WantedScope {
  const manager = effectiveUid() === 0 ? 'system' : 'user'
  const path = cgroupsPath === null || cgroupsPath === '' ? `:tsrun:${escapeName(id)}` : cgroupsPath
  const [slice = '', prefix = '', name = '', ...rest] = path.split(':')
  if (name === '' || rest.length > 0) throw invalid(path, 'three parts, the last of them not empty')
  const unit = prefix === '' ? `${name}.scope` : `${prefix}-${name}.scope`
  const scope = { unit, manager, slice: slice === '' ? `${manager}.slice` : slice } as const
  if (!isUnitName(unit)) throw invalid(path, 'a prefix and a name of letters, digits, "-", "_", "." and "\\"')
  const isSlice = /^(-|[^-]+(-[^-]+)*)\.slice$/.test(scope.slice) && isUnitName(scope.slice)
  if (!isSlice) throw invalid(path, 'a slice, such as "machine.slice"')
  return scope
}

const isUnitName = (name: string): boolean => /^[A-Za-z0-9_.\\-]+$/.test(name) && name.length <= LONGEST_NAME

/** Characters that an id may have and a unit may not, as systemd-escape writes them. */
const escapeName = (id: string): string =>
  id.replace(/[^A-Za-z0-9_.-]/g, character => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`)

function invalid(path: string, expected: string): ConfigError {
  const received = JSON.stringify(path)
  const message = `expected cgroupsPath to be of format "slice:prefix:name" for systemd cgroups, with ${expected}, received ${received}`
  return new ConfigError('ERR_CONFIG_INVALID', [
    { path: ORIGIN, rule: anchorOf(ORIGIN), expected: 'slice:prefix:name', received, message },
  ])
}

const REMEDY = 'use the cgroup manager cgroupfs'

/** @throws {HostError} ERR_HOST_CGROUP if the cgroup manager systemd can't be used */
export function checkHost(mode: string): void {
  const needs = 'systemd as the init system, for the cgroup manager systemd'
  if (!isBooted()) throw new HostError('ERR_HOST_CGROUP', { needs, found: 'no /run/systemd/system', remedy: REMEDY })
  if (mode === 'v2') return
  const found = mode === 'none' ? 'no cgroups' : `cgroup ${mode}`
  const fields = { needs: 'cgroup v2 alone, for the cgroup manager systemd', found, remedy: REMEDY }
  throw new HostError('ERR_HOST_CGROUP', fields)
}

export interface StartInput {
  readonly scope: WantedScope
  readonly id: string
  /** The process that is in it from the beginning: systemd makes no empty scope. */
  readonly pid: number
  readonly limits: readonly Property[]
  readonly annotated: readonly AnnotatedProperty[]
}

/**
 * Resolves when the scope is active, with the process in it.
 * @throws {StateError} ERR_STATE_EXISTS for a unit that is there
 * @throws {HostError} ERR_HOST_CGROUP, {CgroupError} ERR_CGROUP_WRITE for what systemd refuses
 */
export async function startScope({ scope, id, pid, limits, annotated }: StartInput): Promise<void> {
  const own: Property[] = [
    { name: 'Description', signature: 's', value: `container ${id}` },
    { name: 'DefaultDependencies', signature: 'b', value: false },
    // Where the configuration has no limit there is none: systemd would have one of its own.
    { name: 'TasksMax', signature: 't', value: 2n ** 64n - 1n },
    ...['CPUAccounting', 'MemoryAccounting', 'TasksAccounting', 'IOAccounting'].map(accounting),
    ...limits,
    ...annotated,
  ]
  // Not to be overruled by an annotation: without them it is not the container's scope.
  const fixed: Property[] = [
    { name: 'Slice', signature: 's', value: scope.slice },
    { name: 'Delegate', signature: 'b', value: true },
    { name: 'PIDs', signature: 'au', value: [pid] },
  ]
  const properties = [...new Map([...own, ...fixed].map(property => [property.name, property])).values()]
  await withSystemd(scope, systemd => systemd.startTransient(scope.unit, properties), annotated)
}

const accounting = (name: string): Property => ({ name, signature: 'b', value: true })

/** Kills all that is in the scope and removes it; fine where it is gone. @throws {HostError|CgroupError} */
export async function stopScope(scope: Scope): Promise<void> {
  await withSystemd(scope, async systemd => {
    try {
      await systemd.kill(scope.unit)
    } catch (error) {
      if (!(error instanceof BusError) || error.name !== NO_SUCH_UNIT) throw error
    }
  })
}

/** Tells systemd of new limits. @throws {HostError|CgroupError} */
export async function changeScope(scope: Scope, limits: readonly Property[]): Promise<void> {
  if (limits.length > 0) await withSystemd(scope, systemd => systemd.setProperties(scope.unit, limits))
}

const NO_SUCH_UNIT = 'org.freedesktop.systemd1.NoSuchUnit'

async function withSystemd(
  scope: Scope,
  act: (systemd: Systemd) => Promise<void>,
  annotated: readonly AnnotatedProperty[] = [],
): Promise<void> {
  let systemd: Systemd | null = null
  try {
    systemd = await connectToSystemd(scope.manager)
    await act(systemd)
  } catch (cause) {
    throw systemd === null ? notReached(scope, cause) : refused(scope, cause, annotated)
  } finally {
    systemd?.close()
  }
}

function notReached({ manager }: Scope, cause: unknown): unknown {
  if (!isErrno(cause) && !(cause instanceof BusError)) return cause
  const whose = manager === 'system' ? "the system's manager" : "the user's manager"
  const bus = manager === 'system' ? 'start dbus' : 'log in by a session of its own, or set XDG_RUNTIME_DIR'
  const found = cause.message
  return new HostError(
    'ERR_HOST_CGROUP',
    { needs: `systemd, ${whose}, on D-Bus`, found, remedy: `${bus}, or ${REMEDY}` },
    { cause },
  )
}

function refused({ unit }: Scope, cause: unknown, annotated: readonly AnnotatedProperty[]): unknown {
  if (isTsrunError(cause) && !isErrno(cause)) return cause
  const isBus = cause instanceof BusError
  if (!isBus && !isErrno(cause)) return cause
  if (isBus && cause.name === 'org.freedesktop.systemd1.UnitExists') {
    return new StateError('ERR_STATE_EXISTS', `the unit ${unit} exists already`, { id: unit }, { cause })
  }
  const errno = isBus ? cause.name : cause.errno
  const named = annotated.find(({ name }) => new RegExp(`\\b${name}\\b`).test(cause.message))
  const configPath = named?.origin ?? '/linux/resources'
  const message = `${configPath}: systemd, ${unit}: ${cause.message}`
  return new CgroupError('ERR_CGROUP_WRITE', message, { file: unit, value: '', errno, configPath }, { cause })
}
