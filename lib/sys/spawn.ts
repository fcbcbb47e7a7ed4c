import { check } from './errno.js'
import { native } from './native.js'
import { cpuMask } from './scheduling.js'

export interface Spawned {
  readonly pid: number
  readonly pidfd: number
}

export interface SpawnInput {
  readonly executable: number
  readonly argument: string
  readonly namespaces: number
  readonly cgroup: number | null
  readonly fds: readonly number[]
  readonly cpus?: readonly number[] | null
}

/** What native/sys says in place of a pidfd where the CPUs are what has been refused. */
const CPUS_REFUSED = -2

/**
 * Starts `executable` (a descriptor) with `argument` as argv[1] and an empty environment; `fds[i]` becomes its descriptor i,
 * all others are closed. `namespaces` are CLONE_NEW* flags, `cgroup` a directory of the v2 hierarchy or null, `cpus` what it
 * runs on (default: what we do). The child stays ours to reap. Blocks until the child has exec'd (about 0.3 ms).
 */
export function spawn({ executable, argument, namespaces, cgroup, fds, cpus = null }: SpawnInput): Spawned {
  const numbers = Buffer.from(Int32Array.from(fds).buffer)
  const mask = cpus === null ? Buffer.alloc(0) : cpuMask(cpus)
  const pidfd = Buffer.alloc(4)
  const given = [executable, argument, namespaces, cgroup ?? -1, numbers, fds.length, mask, mask.length, pidfd] as const
  const pid = native().ts_spawn(...given)
  check(pid, pidfd.readInt32LE(0) === CPUS_REFUSED ? 'sched_setaffinity' : 'clone3')
  return { pid, pidfd: pidfd.readInt32LE(0) }
}
