/** Writes settings to the files of a container's cgroup. */
import { CgroupError, type SystemError } from '../errors.js'
import { isErrno } from '../sys/errno.js'
import { oomKillsIn } from './oom.js'
import type { Place } from './place.js'
import type { SettingGroup } from './resources.js'
import type { Setting } from './setting.js'
import { hostPath, readFileIfThere, writeFile, writeFileLater } from './tree.js'

/** The hierarchy that a controller is bound to; settings of the `cgroup` core and of no controller are those of cgroup v2. */
function placeOf(places: readonly Place[], { version, controller }: SettingGroup): Place | null {
  const candidates = places.filter(place => place.version === version)
  return version === 2 ? (candidates[0] ?? null) : (candidates.find(has(controller)) ?? null)
}

const has =
  (controller: string) =>
  ({ controllers }: Place): boolean =>
    controllers.includes(controller)

/** One write; what it is sent back is the error that the kernel refused it with, or null. */
interface Write {
  readonly place: Place
  readonly file: string
  readonly value: string
}
type Writing<T> = Generator<Write, T, SystemError | null>

/**
 * @throws {CgroupError} ERR_CGROUP_WRITE naming the field whose value the kernel refuses; ERR_CGROUP_OOM if more memory
 *   is in use than `checkBeforeUpdate` lets the limit be
 */
export function applyGroups(places: readonly Place[], groups: readonly SettingGroup[]): void {
  const writes = writesOf(places, groups)
  for (let step = writes.next(null); step.done !== true; ) {
    const { place, file, value } = step.value
    step = writes.next(errnoOf(() => writeFile(place, file, value)))
  }
}

/** The same for a cgroup in use: the event loop goes on while the kernel takes back what lower limits of memory ask for. */
export async function applyGroupsLater(places: readonly Place[], groups: readonly SettingGroup[]): Promise<void> {
  const writes = writesOf(places, groups)
  for (let step = writes.next(null); step.done !== true; ) {
    const { place, file, value } = step.value
    const write = (): void => writeFile(place, file, value)
    const isLong = RECLAIMING.includes(file)
    step = writes.next(isLong ? await writeFileLater(place, file, value).then(() => null, errnoIn) : errnoOf(write))
  }
}

function* writesOf(places: readonly Place[], groups: readonly SettingGroup[]): Writing<void> {
  for (const group of groups) {
    const place = placeOf(places, group)
    if (place !== null) yield* writesOfGroup(place, group.settings)
  }
}

function errnoOf(write: () => void): SystemError | null {
  try {
    write()
    return null
  } catch (error) {
    return errnoIn(error)
  }
}

function errnoIn(error: unknown): SystemError {
  if (isErrno(error)) return error
  throw error
}

/**
 * Some values bound each other (quota and period, memory with and without swap), and which of them has to go first
 * depends on what is there. So what is refused is tried again as long as another one of the group could be written.
 */
function* writesOfGroup(place: Place, settings: readonly Setting[]): Writing<void> {
  let left = settings
  for (;;) {
    const failures: Failure[] = []
    for (const setting of left) {
      const failure = yield* attempt(place, setting)
      if (failure !== null) failures.push(failure)
    }
    const [first] = failures
    if (first === undefined) return
    if (failures.length === left.length || !failures.every(({ isPassing }) => isPassing)) throw first.error
    left = failures.map(({ setting }) => setting)
  }
}

/** The kernel lets their writer wait until it has taken back as much memory as they ask for. */
const RECLAIMING: readonly string[] = [
  ...['memory.max', 'memory.high', 'memory.swap.max'],
  ...['memory.limit_in_bytes', 'memory.memsw.limit_in_bytes', 'memory.kmem.limit_in_bytes'],
]

function unlessErrno(error: unknown): void {
  if (!isErrno(error)) throw error
}

/** What the files say now; the result writes that back, as far as the kernel takes it, the last first. */
export function remember(places: readonly Place[], groups: readonly SettingGroup[]): () => void {
  const kept = groups.flatMap(group => {
    const place = placeOf(places, group)
    const files = group.settings.flatMap(({ writes }) => writes.map(({ file }) => file))
    return place === null ? [] : files.flatMap(file => linesOf(place, file).map(value => ({ place, file, value })))
  })
  return () => {
    for (const { place, file, value } of kept.reverse()) tryWrite(place, file, value)
  }
}

/** None of a file that is not there, or only to be written. */
function linesOf(place: Place, file: string): string[] {
  try {
    return (readFileIfThere(place, file) ?? '').split('\n').filter(line => line !== '')
  } catch (error) {
    if (isErrno(error)) return []
    throw error
  }
}

function tryWrite(place: Place, file: string, value: string): void {
  try {
    writeFile(place, file, value)
  } catch (error) {
    unlessErrno(error)
  }
}

interface Failure {
  readonly setting: Setting
  readonly error: CgroupError
  /** It may work once another value has changed. */
  readonly isPassing: boolean
}

/** null: written. */
function* attempt(place: Place, setting: Setting): Writing<Failure | null> {
  for (const { file, value } of setting.writes) {
    const cause = yield { place, file, value }
    if (cause === null) return null
    if (cause.errno === 'ENOENT') continue
    const error = refused({ place, setting, file, value, errno: cause.errno, cause })
    return { setting, error, isPassing: ['EINVAL', 'EBUSY'].includes(cause.errno) }
  }
  return setting.optional ? null : { setting, error: missing(place, setting), isPassing: false }
}

interface Refused {
  readonly place: Place
  readonly setting: Pick<Setting, 'origin'>
  readonly file: string
  readonly value: string
  readonly errno: string
  readonly cause?: unknown
}

/** The error of a value that could not be written. */
export function refused({ place, setting: { origin }, file, value, errno, cause }: Refused): CgroupError {
  const path = `${hostPath(place)}/${file}`
  const what = `${origin}: write(${JSON.stringify(path)}, ${JSON.stringify(value)}): ${errno}${hint(place, file, errno)}`
  return new CgroupError('ERR_CGROUP_WRITE', what, { file: path, value, errno, configPath: origin }, { cause })
}

function hint(place: Place, file: string, errno: string): string {
  if (errno !== 'EBUSY' || !file.startsWith('memory.')) return ''
  const usage = readFileIfThere(place, 'memory.usage_in_bytes')?.trim()
  return usage === undefined ? '' : `: ${usage} bytes are in use`
}

function missing(place: Place, setting: Setting): CgroupError {
  const files = setting.writes.map(({ file }) => file)
  const [{ file, value } = { file: '', value: '' }] = setting.writes
  const path = `${hostPath(place)}/${file}`
  const message = `${setting.origin}: the kernel has no ${files.join(' or ')} in ${hostPath(place)}`
  return new CgroupError('ERR_CGROUP_WRITE', message, {
    file: path,
    value,
    errno: 'ENOENT',
    configPath: setting.origin,
  })
}

/** @throws {CgroupError} ERR_CGROUP_OOM if more than `limit` bytes are in use */
export function checkUsage(places: readonly Place[], limit: bigint): void {
  const place = places.find(has('memory'))
  if (place === undefined || limit <= 0n) return
  const file = place.version === 2 ? 'memory.current' : 'memory.usage_in_bytes'
  const usage = BigInt(readFileIfThere(place, file)?.trim() ?? '0')
  if (usage <= limit) return
  const fields = { file: `${hostPath(place)}/${file}`, value: String(limit), errno: '', configPath: MEMORY_LIMIT }
  const message = `${MEMORY_LIMIT}: rejecting a memory limit of ${limit} bytes, since ${usage} are in use`
  throw new CgroupError('ERR_CGROUP_OOM', message, fields)
}

const MEMORY_LIMIT = '/linux/resources/memory/limit'

/** How often the kernel's OOM killer has killed in this cgroup; 0 if nobody counts. */
export function countOomKills(places: readonly Place[]): number {
  const place = places.find(has('memory'))
  if (place === undefined) return 0
  const text = readFileIfThere(place, place.version === 2 ? 'memory.events' : 'memory.oom_control')
  return oomKillsIn(text)
}
