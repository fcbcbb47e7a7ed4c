/** A namespace that is joined may be our own: what is set in it is set for the host. */

import type { Config, Namespace } from '../config/config.js'
import { makeIssue } from '../config/issues.js'
import { NAMESPACE_FILES } from '../config/namespaces.js'
import { namespaceOfSysctl } from '../config/sysctl.js'
import { ConfigError, type ConfigIssue } from '../errors.js'
import { isErrno } from '../sys/errno.js'
import { fileStatus } from '../sys/file.js'

/** @throws {ConfigError} ERR_CONFIG_INVALID for kernel parameters of a namespace that the container shares with us */
export function refuseOwnSysctls({ linux }: Config): void {
  const issues = linux.sysctl.flatMap(({ key, origin }): ConfigIssue[] => {
    const type = namespaceOfSysctl(key)
    const joined = linux.namespaces.find(namespace => namespace.type === type)
    if (joined === undefined || !isOurs(joined)) return []
    const expected = `absent where ${joined.origin}/path is the host's own namespace`
    return [makeIssue({ path: origin, expected, received: key })]
  })
  if (issues.length > 0) throw new ConfigError('ERR_CONFIG_INVALID', issues)
}

function isOurs({ type, path }: Namespace): boolean {
  if (path === null) return false
  try {
    const [joined, own] = [path, `/proc/self/ns/${NAMESPACE_FILES[type]}`].map(file => fileStatus(file))
    return joined?.device === own?.device && joined?.inode === own?.inode
  } catch (error) {
    // What is wrong with the path is said when it is to be joined.
    if (isErrno(error)) return false
    throw error
  }
}
