/** Stopping and continuing all processes of a cgroup. */
import { CgroupError, HostError } from '../errors.js'
import { readTextIfThere } from '../sys/file.js'
import { monotonicMs, sleep } from '../sys/self.js'
import type { Place } from './place.js'
import { hostPath, isGone, writeFile, writeFileIfThere } from './tree.js'
import { readIn, type Visit, walk, writeIn } from './walk.js'

const LIMIT_MS = 5000
const FIRST_PAUSE_MS = 1
const LONGEST_PAUSE_MS = 20

/** The hierarchy that freezes: that of the v1 freezer, which other runtimes look at, else that of cgroup v2. */
export function freezerOf(places: readonly Place[]): Place | null {
  const v1 = places.find(({ version, controllers }) => version === 1 && controllers.includes('freezer'))
  return v1 ?? places.find(({ version }) => version === 2) ?? null
}

/** True from the moment on that somebody asked for it; false if the cgroup is gone. */
export function isFrozen(places: readonly Place[]): boolean {
  const place = freezerOf(places)
  if (place === null) return false
  if (place.version === 2) return readByPath(place, 'cgroup.freeze')?.startsWith('1') ?? false
  return !(readByPath(place, 'freezer.state') ?? 'THAWED').startsWith('THAWED')
}

/** For one word, in a file system that has no links, `tsrun state` need not load the native library. */
function readByPath(place: Place, file: string): string | null {
  try {
    return readTextIfThere(`${hostPath(place)}/${file}`)
  } catch (error) {
    if (isGone(error)) return null
    throw error
  }
}

/** Resolves when all processes have stopped; else thaws them again. */
export async function freeze(places: readonly Place[]): Promise<void> {
  const place = freezerFor(places)
  try {
    await waitUntilFrozen(place)
  } catch (error) {
    thaw(places)
    throw error
  }
}

async function waitUntilFrozen(place: Place): Promise<void> {
  const deadline = monotonicMs() + LIMIT_MS
  for (let wait = FIRST_PAUSE_MS; ; wait = Math.min(wait * 2, LONGEST_PAUSE_MS)) {
    // Asked again each time: version 1 misses processes that are being born meanwhile.
    requestFreeze(place)
    if (hasFrozen(place)) return
    if (monotonicMs() > deadline) throw stillRunning(place)
    await sleep(wait)
  }
}

export function requestFreeze(place: Place): void {
  if (place.version === 2) writeFile(place, 'cgroup.freeze', '1')
  else writeFile(place, 'freezer.state', 'FROZEN')
}

/**
 * Of version 2, the cgroup itself only tells of its own processes as long as it has some (seen on Linux 6.18), so all below
 * are asked too. One that has gone meanwhile has no process.
 */
function hasFrozen(place: Place): boolean {
  for (const visit of walk(place)) if (visit.left === null && !hasFrozenItself(visit, place)) return false
  return true
}

function hasFrozenItself(visit: Visit, { version }: Place): boolean {
  if (version === 2) return /^frozen 1$/m.test(readIn(visit, 'cgroup.events') ?? 'frozen 1')
  return (readIn(visit, 'freezer.state') ?? 'FROZEN').trim() === 'FROZEN'
}

function stillRunning(place: Place): CgroupError {
  const [file, value] = place.version === 2 ? ['cgroup.freeze', '1'] : ['freezer.state', 'FROZEN']
  const path = `${hostPath(place)}/${file}`
  const message = `${path}: some processes did not stop within ${LIMIT_MS / 1000} seconds`
  return new CgroupError('ERR_CGROUP_WRITE', message, { file: path, value, errno: 'ETIMEDOUT', configPath: '' })
}

/** Lets the processes of the cgroup go on; a cgroup below that was frozen by itself stays so. */
export function thaw(places: readonly Place[]): void {
  thawOne(freezerFor(places))
}

const thawing = ({ version }: Place): readonly [file: string, value: string] =>
  version === 2 ? ['cgroup.freeze', '0'] : ['freezer.state', 'THAWED']

function thawOne(place: Place): void {
  writeFileIfThere(place, ...thawing(place))
}

/** The same in all cgroups below, and without an error if there is no freezer: nothing frozen can be killed. */
export function thawAll(places: readonly Place[]): void {
  const place = freezerOf(places)
  if (place === null) return
  for (const visit of walk(place)) if (visit.left === null) writeIn(visit, ...thawing(place))
}

function freezerFor(places: readonly Place[]): Place {
  const place = freezerOf(places)
  if (place !== null) return place
  throw new HostError('ERR_HOST_CGROUP', {
    needs: 'a cgroup that can be frozen',
    found: 'neither the freezer of cgroup v1 nor cgroup v2',
    remedy: 'mount the freezer hierarchy',
  })
}
