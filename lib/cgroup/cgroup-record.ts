/** What is kept of a cgroup on disk, so that another process can go on with it. */
import { StateError } from '../errors.js'
import { faultOf, type Place } from './place.js'
import type { OwnedPlace } from './remove.js'
import type { Scope } from './systemd/scope.js'

/** Plain JSON. */
export interface CgroupRecord {
  readonly id: string
  /** False: somebody else's processes were there before us, so none is killed and nothing removed. */
  readonly isOurs: boolean
  readonly places: readonly OwnedPlace[]
  /** The unit of systemd that it is; null if it is none. */
  readonly scope: Scope | null
}

/** Records do not change, and each step of a container's life asks for its own. */
const parsed = new WeakMap<object, CgroupRecord>()

/** @throws {StateError} ERR_STATE_CORRUPT for anything but what `toJSON` has given */
export function parseCgroupRecord(value: unknown): CgroupRecord {
  if (!isObject(value)) return parseAnew(value)
  const known = parsed.get(value) ?? parseAnew(value)
  parsed.set(value, known)
  return known
}

function parseAnew(value: unknown): CgroupRecord {
  const { id, isOurs, places, scope = null } = isObject(value) ? value : {}
  const isSound =
    typeof id === 'string' && typeof isOurs === 'boolean' && Array.isArray(places) && places.every(isPlace)
  if (isSound && (scope === null || isScope(scope))) return { id, isOurs, places, scope }
  const message = 'the recorded cgroup can not be read'
  throw new StateError('ERR_STATE_CORRUPT', message, { id: typeof id === 'string' ? id : '' })
}

function tryParse(value: unknown): CgroupRecord | null {
  try {
    return parseCgroupRecord(value)
  } catch (error) {
    if (error instanceof StateError) return null
    throw error
  }
}

/** Whether a directory of the recorded cgroup is one of these, or below one; false for a record that can't be read. */
export function shares(ours: { places: readonly Place[]; scope: Scope | null }, recorded: unknown): boolean {
  const theirs = tryParse(recorded)
  if (theirs === null) return false
  if (ours.scope !== null && ours.scope.unit === theirs.scope?.unit && ours.scope.manager === theirs.scope.manager) {
    return true
  }
  const isIn = (place: Place): boolean =>
    ours.places.some(
      ({ mountpoint, path }) =>
        mountpoint === place.mountpoint && (place.path === path || place.path.startsWith(`${path}/`)),
    )
  return theirs.places.some(isIn)
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

const isScope = (value: unknown): value is Scope =>
  isObject(value) && typeof value.unit === 'string' && (value.manager === 'system' || value.manager === 'user')

function isPlace(value: unknown): value is OwnedPlace {
  if (!isObject(value)) return false
  const { version, controllers, mountpoint, path, made } = value
  const hasControllers = Array.isArray(controllers) && controllers.every(name => typeof name === 'string')
  const isAt = typeof mountpoint === 'string' && mountpoint.startsWith('/') && typeof path === 'string'
  if (!isAt || !hasControllers || (version !== 1 && version !== 2)) return false
  const components = path.split('/')
  return components.every(name => faultOf(name) === null) && isCount(made, components.length)
}

const isCount = (value: unknown, most: number): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most

export const placeToJSON = ({ version, controllers, mountpoint, path }: Place, made: number): OwnedPlace => ({
  version,
  controllers,
  mountpoint,
  path,
  made,
})
