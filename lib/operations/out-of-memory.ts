import type { Cgroup } from '../cgroup/index.js'
import { CgroupError, LaunchError } from '../errors.js'

const LIMIT = '/linux/resources/memory/limit'

/**
 * The error of a launch; of one whose process was killed by the memory limit before its program ran, that it was. To be asked while
 * the cgroup is there.
 */
export function orOutOfMemory(error: unknown, cgroup: Cgroup): unknown {
  const wasKilled = error instanceof LaunchError && error.code === 'ERR_LAUNCH_DIED' && error.signal === 'SIGKILL'
  if (!wasKilled || cgroup.isNone || cgroup.oomKills() === 0) return error
  const message = `${LIMIT}: too small to start a process in: ${error.message}, by the limit of memory`
  const fields = { file: '', value: '', errno: '', configPath: LIMIT }
  return new CgroupError('ERR_CGROUP_OOM', message, fields, { cause: error })
}
