import type { ConfigIssue } from '../errors.js'
import { anchorOf } from './anchors.js'
import { describe } from './json.js'

export interface Finding {
  readonly path: string
  /** Completes "must be ...". */
  readonly expected: string
  /** The value that is there, described for the message. */
  readonly received: unknown
  /** Where the rule stands, if not where the field does. */
  readonly rule?: string
}

/** The one grammar of messages: "must be X, but is Y", or "is missing: must be X". */
export function makeIssue({ path, expected, received, rule = anchorOf(path) }: Finding): ConfigIssue {
  const found = describe(received)
  const message = received === undefined ? `is missing: must be ${expected}` : `must be ${expected}, but is ${found}`
  return { path, rule, expected, received: found, message }
}
