import { closeFd, closeFds } from './beneath.js'
import { helperExecutable } from './memory.js'
import { reap, signalPidfd } from './processes.js'
import { type Spawned, spawn } from './spawn.js'
import { makePipe } from './stream.js'
import { READABLE, watch } from './watch.js'

const SIGKILL = 9

/** A process that does nothing, so that a cgroup can be made around it. It ends with this one at the latest. */
export interface Placeholder {
  readonly pid: number
  /** Kills it, and resolves when it has been reaped. May be called again. */
  end(): Promise<void>
}

/** Resolves when it may be moved: it has none of our memory any more. */
export async function startPlaceholder(): Promise<Placeholder> {
  const [input, writer] = makePipe()
  const [reader, output] = makePipe()
  try {
    const { pid, pidfd } = spawnOver([input, output, input])
    // A byte of the helper's, or the end of the pipe: it could not be executed.
    await watch(reader, READABLE).ready
    let ended: Promise<void> | null = null
    const end = (): Promise<void> => {
      closeFd(writer)
      signalPidfd(pidfd, SIGKILL)
      return reaped(pidfd)
    }
    return { pid, end: () => (ended ??= end()) }
  } catch (error) {
    closeFd(writer)
    throw error
  } finally {
    closeFd(reader)
  }
}

/** Takes the descriptors over. */
function spawnOver(fds: readonly [number, number, number]): Spawned {
  try {
    return spawn({ executable: helperExecutable(), arguments: ['-'], fds })
  } finally {
    closeFds([...new Set(fds)])
  }
}

async function reaped(pidfd: number): Promise<void> {
  await watch(pidfd, READABLE).ready
  reap(pidfd)
  closeFd(pidfd)
}
