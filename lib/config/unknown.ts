/** Properties that the specification does not know: which of them may not be ignored. */
import { ConfigError } from '../errors.js'
import { makeIssue } from './issues.js'
import type { UnknownMember } from './shape.js'

/** What does not confine anybody: performance, and the size of a window. */
const HARMLESS =
  /^\/(?:process\/(?:consoleSize|scheduler|ioPriority|execCPUAffinity)|linux\/(?:intelRdt|memoryPolicy|netDevices|timeOffsets|personality))\//

/**
 * At the top level extensions and the parts of other platforms have their place, so there only what is nearly a known name is a slip.
 * Below it, whoever wrote the property wanted the container to be confined in a way that it would not be.
 */
function matters({ path, meant }: UnknownMember): boolean {
  const isTop = path.lastIndexOf('/') === 0
  return isTop ? meant !== null : !HARMLESS.test(path)
}

/** @throws {ConfigError} ERR_CONFIG_INVALID with all that matter for safety */
export function refuseUnknown(members: readonly UnknownMember[]): void {
  const issues = members.filter(matters).map(({ path, meant }) => {
    const hint = meant === null ? '' : `: did you mean ${JSON.stringify(meant)}?`
    const expected = meant === null ? 'absent' : JSON.stringify(meant)
    const issue = makeIssue({ path, expected, received: path.slice(path.lastIndexOf('/') + 1) })
    return { ...issue, message: `is not known, and would not have the effect that it is to have${hint}` }
  })
  if (issues.length > 0) throw new ConfigError('ERR_CONFIG_INVALID', issues)
}
