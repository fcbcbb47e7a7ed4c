/** Processes by pidfd, and what procfs tells of them. */
import { check, errnoName, isErrno, signalName } from './errno.js'
import { isThere, readLink, readText, readTextIfThere, writeText } from './file.js'
import { helperExecutable } from './memory.js'
import { native } from './native.js'

/** How a process ended: one of exit code and signal is null. */
export interface ExitStatus {
  readonly exitCode: number | null
  /** The signal's name, such as SIGKILL. */
  readonly signal: string | null
}

export interface ChildStatus extends ExitStatus {
  /** What it has used, and all that it has waited for; null: it was not our child. */
  readonly cpuTime: CpuTime | null
}

/** Milliseconds, with fractions. */
export interface CpuTime {
  readonly total: number
  readonly user: number
  readonly kernel: number
}

/** A pidfd; null if there is no such process. */
export function openPidfd(pid: number): number | null {
  const fd = native().ts_pidfd_open(pid)
  if (fd < 0 && ['ESRCH', 'EINVAL'].includes(errnoName(-fd))) return null
  return check(fd, 'pidfd_open', String(pid))
}

/** False: the process is gone already. */
export function signalPidfd(pidfd: number, signal: number): boolean {
  const sent = native().ts_pidfd_signal(pidfd, signal)
  if (sent < 0 && errnoName(-sent) === 'ESRCH') return false
  check(sent, 'pidfd_send_signal')
  return true
}

/** A duplicate of descriptor `fd` of that process; null if it has none, or is gone. */
export function takeFd(pidfd: number, fd: number): number | null {
  const taken = native().ts_pidfd_getfd(pidfd, fd)
  if (taken < 0 && ['EBADF', 'ESRCH'].includes(errnoName(-taken))) return null
  return check(taken, 'pidfd_getfd', String(fd))
}

/** Its next program does not begin before this process has ended. False: we may not hold it. */
export function holdAtExec(pid: number): boolean {
  const held = native().ts_hold_at_exec(pid)
  if (held < 0 && errnoName(-held) === 'EPERM') return false
  check(held, 'ptrace', String(pid))
  return true
}

/**
 * This process ends with exit status 0, as the last thing that it does: what it holds at its exec begins when threads and memory are gone,
 * and not milliseconds earlier. Whoever calls it has nothing left to write.
 * @throws {SystemError} if it goes on
 */
export function endAtOnce(): void {
  check(native().ts_end_at_once(helperExecutable()), 'execveat', 'tsrun-init')
}

/** `struct ending` of native/sys/process.c. */
const ending = Buffer.alloc(24)

function readStatus(cpuTime: CpuTime | null): ChildStatus {
  const code = ending.readInt32LE(0)
  const signal = ending.readInt32LE(4)
  return { exitCode: code < 0 ? null : code, signal: code < 0 ? signalName(signal) : null, cpuTime }
}

function readCpuTime(): CpuTime {
  const [user, kernel] = [8, 16].map(at => Number(ending.readBigInt64LE(at)) / 1000) as [number, number]
  return { total: user + kernel, user, kernel }
}

/** What wait(2) tells, as a number. */
export function statusOfWait(status: number): ExitStatus {
  const signal = status & 0x7f
  return signal === 0
    ? { exitCode: (status >> 8) & 0xff, signal: null }
    : { exitCode: null, signal: signalName(signal) }
}

/**
 * Takes the exit status of a child of ours, or with `leave` only reads it. `running`: not yet; `foreign`: not our child, or taken
 * already.
 */
export function reap(pidfd: number, { leave = false } = {}): ChildStatus | 'running' | 'foreign' {
  const result = native().ts_reap(pidfd, leave ? 1 : 0, ending)
  if (result < 0 && errnoName(-result) === 'ECHILD') return 'foreign'
  return check(result, 'waitid') === 0 ? 'running' : readStatus(readCpuTime())
}

/** The exit status of a process that is not our child, once its parent has taken it (Linux 6.15); else null. */
export function foreignExitStatus(pidfd: number): ChildStatus | null {
  return native().ts_exit_status(pidfd, ending) === 1 ? readStatus(null) : null
}

/** Of /proc/PID/stat, counted from the state (field 3) on. */
const EXIT_CODE = 49

/**
 * The exit status of a process of somebody else's that nobody has reaped yet; null if it has been, or if it is not ours to know.
 * Its parent may take any time for that: a first process of a machine that looks for orphans every few seconds is one.
 */
export function zombieExitStatus({ pid, pidfd }: { pid: number; pidfd: number }): ChildStatus | null {
  const fields = statFields(pid)
  const code = Number(fields?.[EXIT_CODE])
  if (fields?.[0] !== 'Z' || !Number.isInteger(code)) return null
  // The kernel says 0 to those that may not know, and to them alone it does not show the namespaces.
  if (code === 0 && !maySeeNamespaces(pid)) return null
  // The number is still that of the process: what was read is of it.
  if (errnoName(-native().ts_pidfd_signal(pidfd, 0)) === 'ESRCH') return null
  return { ...statusOfWait(code), cpuTime: null }
}

function maySeeNamespaces(pid: number): boolean {
  try {
    return readLink(`/proc/${pid}/ns/user`) !== ''
  } catch (error) {
    if (isErrno(error, 'EACCES', 'EPERM', 'ENOENT', 'ESRCH')) return false
    throw error
  }
}

/** Sets soft and hard limit of `resource` (a number of getrlimit(2)) of another process. */
export function setRlimit({
  pid,
  resource,
  soft,
  hard,
}: {
  pid: number
  resource: number
  soft: bigint
  hard: bigint
}): void {
  const limits = Buffer.alloc(16)
  limits.writeBigUInt64LE(soft, 0)
  limits.writeBigUInt64LE(hard, 8)
  check(native().ts_prlimit(pid, resource, limits), 'prlimit', String(resource))
}

/** Writes a file of /proc/PID, such as `uid_map`. The caller holds the process (a child that is not reaped). */
export function writeProcFile(pid: number, file: string, text: string): void {
  writeText(`/proc/${pid}/${file}`, text)
}

/** What we call the user that the process's user namespace calls `uid`; null if it maps no such user, or the process is gone. */
export function hostUid(pid: number, uid: number): number | null {
  const lines = (readTextIfThere(`/proc/${pid}/uid_map`) ?? '').split('\n').filter(line => line !== '')
  const ranges = lines.map(line => line.trim().split(/ +/).map(Number))
  const range = ranges.find(([inside = 0, , size = 0]) => uid >= inside && uid < inside + size)
  if (range === undefined) return null
  const [inside = 0, outside = 0] = range
  return outside + (uid - inside)
}

/** What /proc/PID/stat tells of a process. */
export interface ProcessStat {
  /** In clock ticks since boot. With the pid it names a process uniquely until the next boot. */
  readonly startTime: string
  readonly parent: number
  readonly zombie: boolean
}

/** Null if there is none. */
export function processStat(pid: number): ProcessStat | null {
  const fields = statFields(pid)
  const [state = '', parent = '', time = ''] = [fields?.[0], fields?.[1], fields?.[19]]
  const zombie = state === 'Z' || state === 'X'
  return time === '' ? null : { startTime: time, parent: Number(parent), zombie }
}

/** The fields of /proc/PID/stat from the state on; null: there is no such process. */
function statFields(pid: number): readonly string[] | null {
  // Asked beforehand: an error costs more than the rest of a delete's look at a dead process.
  const stat = isThere(`/proc/${pid}`) ? readTextIfThere(`/proc/${pid}/stat`) : null
  // The second field is the command in parentheses and may hold anything, so fields count from the last one.
  return stat === null
    ? null
    : stat
        .trimEnd()
        .slice(stat.lastIndexOf(')') + 2)
        .split(' ')
}

/** What each of these open descriptors of ours is, such as `pipe:[1234]` or a path. */
export function namesOfFds(fds: readonly number[]): string[] {
  const names = new Map(Array.from(new Set(fds), fd => [fd, readLink(`/proc/self/fd/${fd}`)] as const))
  return fds.map(fd => names.get(fd) ?? '')
}

/** The same of another process's standard streams. */
export const namesOfStreams = (pid: number): string[] => [0, 1, 2].map(fd => readLink(`/proc/${pid}/fd/${fd}`))

/** The number that a process has in its own pid namespace; `pid` if that can not be seen. */
export function pidInNamespace(pid: number): number {
  const [, numbers = ''] = /^NSpid:(.*)$/m.exec(readTextIfThere(`/proc/${pid}/status`) ?? '') ?? []
  return Number(numbers.trim().split(/\s+/).at(-1)) || pid
}

/** SIGKILL to the process group of a child of ours that is not reaped yet, so that the number is still its own. */
export function killGroup(pid: number): void {
  native().ts_kill(-pid, 9)
}

/** Processes and threads of the whole machine. */
export const taskCount = (): number => Number(/^\S+ \S+ \S+ \d+\/(\d+)/.exec(readText('/proc/loadavg'))?.[1] ?? 0)

/** The time since boot, as the start time of a process that begins now is counted: in clock ticks, rounded down. */
export const ticksSinceBoot = (): number => native().ts_boot_ticks()
