import { ConfigError } from '../errors.js'
import { makeIssue } from './issues.js'

const ID = /^[A-Za-z0-9_+-][A-Za-z0-9_+.-]*$/
/** The id names a directory and a cgroup: NAME_MAX. */
const LONGEST_ID = 255

/**
 * Checks a container's id: letters, digits and `_+-.`, not starting with a dot, at most 255 characters.
 * @throws ConfigError ERR_CONFIG_INVALID with one issue, path `/id`
 */
export function validateId(id: string): void {
  if (typeof id === 'string' && ID.test(id) && id.length <= LONGEST_ID) return
  const expected = `a container id: 1 to ${LONGEST_ID} letters, digits, or one of _+-. with no dot in front`
  throw new ConfigError('ERR_CONFIG_INVALID', [
    makeIssue({ path: '/id', expected, received: id, rule: 'runtime.md#create' }),
  ])
}
