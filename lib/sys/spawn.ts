import { check } from './errno.js'
import { native } from './native.js'
import { cpuMask } from './priorities.js'

export interface Spawned {
  readonly pid: number
  readonly pidfd: number
}

export interface SpawnInput {
  readonly executable: number
  /** One or two. */
  readonly arguments: readonly [string, string?]
  readonly fds: readonly number[]
  /** Which of `fds`, a stream socket, a failure is told on. Default: none of them. */
  readonly report?: number
  readonly cpus?: readonly number[] | 'all' | null
}

/** More CPUs than any kernel has. */
const EVERY_CPU = Buffer.alloc(1024, 0xff)
const NO_CPUS = Buffer.alloc(0)

/**
 * Starts `executable` (a descriptor) with `arguments` and an empty environment, in our namespaces and cgroups; `fds[i]` becomes its
 * descriptor i, all others are closed. `cpus`: what it runs on (default: what we do; `all`: whatever its cgroup allows, also one
 * that it goes to later). The child stays ours to reap. Does not wait
 * until the child has exec'd: until then it has our memory, and must not be moved anywhere. If the exec fails, the child sends a frame
 * on `fds[report]` (see launch/report.ts) and exits with status 127.
 */
export function spawn(input: SpawnInput): Spawned {
  const { executable, fds, report = -1, cpus = null } = input
  const [first, second = ''] = input.arguments
  const numbers = Buffer.from(Int32Array.from(fds).buffer)
  const mask = cpus === 'all' ? EVERY_CPU : cpus === null ? NO_CPUS : cpuMask(cpus)
  const pidfd = Buffer.alloc(4)
  const given = [executable, first, second, numbers, fds.length, report] as const
  const pid = check(native().ts_spawn(...given, mask, mask.length, pidfd), 'clone3')
  return { pid, pidfd: pidfd.readInt32LE(0) }
}
