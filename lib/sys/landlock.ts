import { check, isErrno } from './errno.js'
import { native } from './native.js'

/** The version of Landlock's interface. @throws {SystemError} ENOSYS: the kernel has none; EOPNOTSUPP: it does not use it */
export const landlockVersion = (): number => check(native().ts_landlock(), 'landlock_create_ruleset')

/** The same; 0: there is none that could be used. */
export function landlockKnown(): number {
  try {
    return landlockVersion()
  } catch (error) {
    // EPERM: a filter of an engine that is older than the calls.
    if (isErrno(error, 'ENOSYS', 'EOPNOTSUPP', 'EPERM')) return 0
    throw error
  }
}
