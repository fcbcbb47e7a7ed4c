import { check } from './errno.js'
import { native } from './native.js'

export interface Spawned {
  readonly pid: number
  readonly pidfd: number
}

/**
 * Starts `executable` (a descriptor) with `argument` as argv[1] and an empty environment; `fds[i]` becomes its descriptor i,
 * all others are closed. `namespaces` are CLONE_NEW* flags, `cgroup` a directory of the v2 hierarchy or null.
 * The child stays ours to reap. Blocks until the child has exec'd (about 0.3 ms).
 */
export function spawn({
  executable,
  argument,
  namespaces,
  cgroup,
  fds,
}: {
  executable: number
  argument: string
  namespaces: number
  cgroup: number | null
  fds: readonly number[]
}): Spawned {
  const numbers = Buffer.from(Int32Array.from(fds).buffer)
  const pidfd = Buffer.alloc(4)
  const pid = check(
    native().ts_spawn(executable, argument, namespaces, cgroup ?? -1, numbers, fds.length, pidfd),
    'clone3',
  )
  return { pid, pidfd: pidfd.readInt32LE(0) }
}
