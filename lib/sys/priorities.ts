/** How another process is run, set by its pid. The caller holds the process, so that the number is still its own. */
import { check } from './errno.js'
import { native } from './native.js'

/** struct sched_attr of the kernel, since Linux 5.3. */
export interface SchedulerAttributes {
  readonly policy: number
  readonly flags: number
  readonly nice: number
  readonly priority: number
  /** Nanoseconds. */
  readonly runtime: bigint
  readonly deadline: bigint
  readonly period: bigint
}

const ATTRIBUTES_BYTES = 56
/** The whole of a CPU: no upper clamp. */
const FULL_UTILISATION = 1024

export function setScheduler(pid: number, attributes: SchedulerAttributes): void {
  const { policy, flags, nice, priority, runtime, deadline, period } = attributes
  const bytes = Buffer.alloc(ATTRIBUTES_BYTES)
  bytes.writeUInt32LE(ATTRIBUTES_BYTES, 0)
  bytes.writeUInt32LE(policy, 4)
  bytes.writeBigUInt64LE(BigInt(flags), 8)
  bytes.writeInt32LE(nice, 16)
  bytes.writeUInt32LE(priority, 20)
  bytes.writeBigUInt64LE(runtime, 24)
  bytes.writeBigUInt64LE(deadline, 32)
  bytes.writeBigUInt64LE(period, 40)
  bytes.writeUInt32LE(FULL_UTILISATION, 52)
  check(native().ts_sched_setattr(pid, bytes), 'sched_setattr')
}

/** `priority`: class and level as the kernel puts them together (16 bits). */
export function setIoPriority(pid: number, priority: number): void {
  check(native().ts_ioprio_set(pid, priority), 'ioprio_set')
}

/** Of the thread `pid`; what its cgroup does not allow is left out by the kernel, EINVAL if nothing is left. */
export function setAffinity(pid: number, cpus: readonly number[]): void {
  const mask = cpuMask(cpus)
  check(native().ts_sched_setaffinity(pid, mask, mask.length), 'sched_setaffinity')
}

/** Bit n is CPU n; as long as the kernel wants it. */
export function cpuMask(cpus: readonly number[]): Buffer {
  const mask = Buffer.alloc(8 * (1 + Math.floor(Math.max(0, ...cpus) / 64)))
  for (const cpu of cpus) mask.writeUInt8(mask.readUInt8(cpu >> 3) | (1 << (cpu & 7)), cpu >> 3)
  return mask
}
