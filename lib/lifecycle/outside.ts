/** What the kernel lets us set from outside, by pid, while the helper waits at a barrier. */
import { type ConfigIssue, HostError, LaunchError, type SystemError } from '../errors.js'
import type { HostFacts } from '../host/facts.js'
import type { Config, IdMapping, TimeOffset } from '../spec/config.js'
import { errnoMessage, isErrno } from '../sys/errno.js'
import { setRlimit, writeProcFile } from '../sys/process.js'

interface Setting {
  readonly pid: number
  readonly file: string
  readonly text: string
  readonly origin: ConfigIssue['path']
}

/** @throws {LaunchError} ERR_LAUNCH_OP naming the config field */
function write({ pid, file, text, origin }: Setting): void {
  attempt({ origin, what: `/proc/${pid}/${file}`, phase: 'SPAWN' }, () => writeProcFile(pid, file, text))
}

interface Attempt {
  readonly origin: string
  readonly what: string
  readonly phase: string
  /** What a user can do about it; "" where there is nothing to say. */
  readonly advice?: (errno: string, cause: SystemError) => string
}

/** @throws {LaunchError} ERR_LAUNCH_OP naming `origin`, where the system call of `act` fails */
export function attempt<T>(attempted: Attempt, act: () => T): T {
  try {
    return act()
  } catch (cause) {
    if (!isErrno(cause)) throw cause
    throw refusal(attempted, cause)
  }
}

/** The same for what takes its time. */
export async function attemptLater<T>(attempted: Attempt, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (cause) {
    if (!isErrno(cause)) throw cause
    throw refusal(attempted, cause)
  }
}

export function refusal({ origin, what, phase, advice = () => '' }: Attempt, cause: SystemError): LaunchError {
  const { syscall, errno } = cause
  const hint = advice(errno, cause)
  const message = `${origin}: ${syscall} ${what}: ${errno}: ${errnoMessage(errno)}${hint === '' ? '' : ` (${hint})`}`
  return new LaunchError(
    'ERR_LAUNCH_OP',
    message,
    { configPath: origin, op: '', phase, syscall, errno, signal: null },
    { cause },
  )
}

/** The `map` barrier: ids of a new user namespace, offsets of a new time namespace. */
export function writeMappings(pid: number, { linux }: Config, facts: HostFacts): void {
  const makesUserNamespace = linux.namespaces.some(({ type, path }) => type === 'user' && path === null)
  if (makesUserNamespace) {
    if (facts.euid !== 0) throw needsRoot(facts.euid)
    write({ pid, file: 'uid_map', text: mapText(linux.uidMappings), origin: '/linux/uidMappings' })
    write({ pid, file: 'gid_map', text: mapText(linux.gidMappings), origin: '/linux/gidMappings' })
  }
  const offsets = offsetText(linux.timeOffsets)
  if (offsets !== '') write({ pid, file: 'timens_offsets', text: offsets, origin: '/linux/timeOffsets' })
}

const needsRoot = (euid: number): HostError =>
  new HostError('ERR_HOST_PRIVILEGE', {
    needs: 'root to write the id mappings of a user namespace',
    found: `uid ${euid}`,
    remedy: 'run as root; rootless containers are not supported yet',
  })

const mapText = (mappings: readonly IdMapping[]): string =>
  mappings.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join('')

function offsetText({ monotonic, boottime }: { monotonic: TimeOffset | null; boottime: TimeOffset | null }): string {
  const line = (clock: string, offset: TimeOffset | null): string =>
    offset === null ? '' : `${clock} ${offset.secs} ${offset.nanosecs}\n`
  return line('monotonic', monotonic) + line('boottime', boottime)
}

/** Resource limits, best at the `created` barrier: earlier they may be in the helper's own way. */
export function applyRlimits(pid: number, { process }: Config): void {
  for (const { resource, soft, hard, origin, type } of process?.rlimits ?? []) {
    attempt({ origin, what: type, phase: 'EXEC' }, () => setRlimit({ pid, resource, soft, hard }))
  }
}

export function applyOomScore(pid: number, { process }: Config): void {
  const score = process?.oomScoreAdj ?? null
  if (score !== null) write({ pid, file: 'oom_score_adj', text: String(score), origin: '/process/oomScoreAdj' })
}

/** Both, at the `created` barrier. */
export function applyLimits(pid: number, config: Config): void {
  applyRlimits(pid, config)
  applyOomScore(pid, config)
}
