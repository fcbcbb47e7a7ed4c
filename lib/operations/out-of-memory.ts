import type { Cgroup } from '../cgroup/index.js'
import { CgroupError, LaunchError, StateError } from '../errors.js'

const LIMIT = '/linux/resources/memory/limit'

/**
 * The error of a create or a start; if the memory limit has killed the process before its program ran, that it has. To be asked while
 * the cgroup is there.
 */
export function orOutOfMemory(error: unknown, cgroup: Cgroup): unknown {
  const found = endOf(error)
  if (found === null || cgroup.isNone || cgroup.oomKills() === 0) return error
  const message = `${LIMIT}: too small to start a process in: ${found}, by the limit of memory`
  const fields = { file: '', value: '', errno: '', configPath: LIMIT }
  return new CgroupError('ERR_CGROUP_OOM', message, fields, { cause: error })
}

/** null: the error is not that of a process that was killed. */
function endOf(error: unknown): string | null {
  if (error instanceof LaunchError && error.code === 'ERR_LAUNCH_DIED' && error.signal === 'SIGKILL')
    return error.message
  const hasStopped = error instanceof StateError && error.code === 'ERR_STATE_STATUS' && error.status === 'stopped'
  return hasStopped ? 'the process that waited for the start was killed' : null
}
