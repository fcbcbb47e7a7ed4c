import { check } from './errno.js'
import { native } from './native.js'

/** The version of Landlock's interface. @throws {SystemError} ENOSYS: the kernel has none; EOPNOTSUPP: it does not use it */
export const landlockVersion = (): number => check(native().ts_landlock(), 'landlock_create_ruleset')
