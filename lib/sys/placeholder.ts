import { closeFd } from './beneath.js'
import { helperExecutable } from './memory.js'
import { reap, signalPidfd } from './processes.js'
import { spawn } from './spawn.js'
import { makePipe } from './stream.js'
import { READABLE, watch } from './watch.js'

const SIGKILL = 9

/** A process that does nothing, so that a cgroup can be made around it. It ends with this one at the latest. */
export interface Placeholder {
  readonly pid: number
  /** Kills it, and resolves when it has been reaped. May be called again. */
  end(): Promise<void>
}

export function startPlaceholder(): Placeholder {
  const [input, writer] = makePipe()
  try {
    const { pid, pidfd } = spawn({
      executable: helperExecutable(),
      arguments: ['-'],
      namespaces: 0,
      cgroup: null,
      fds: [input, input, input],
    })
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
    closeFd(input)
  }
}

async function reaped(pidfd: number): Promise<void> {
  await watch(pidfd, READABLE).ready
  reap(pidfd)
  closeFd(pidfd)
}
