import type { ConfigIssue } from '../errors.js'
import { type Finding, makeIssue } from './issue.js'
import { isObject, pointer } from './json.js'
import type { OciConfig } from './oci-config.js'

export type Report = (finding: Finding) => void
/** Says something that is not an error; the path is a JSON pointer. */
export type Warn = (path: string, message: string) => void

/** A rule between fields. What it looks at always has the right shape, whatever else is wrong in the document. */
export interface Rule {
  /** JSON pointers of what it reads as a whole: it is not asked when something in them is misshapen. */
  readonly reads: readonly string[]
  readonly check: (config: OciConfig, view: View) => void
}

export interface View {
  readonly report: Report
  /** The entries of the list at a JSON pointer that have the right shape, each with its own pointer. */
  readonly each: <T>(path: string) => readonly (readonly [entry: T, path: string])[]
}

/** What the rules find; `issues` are those of the shape. */
export function checkRules(rules: readonly Rule[], config: OciConfig, issues: readonly ConfigIssue[]): ConfigIssue[] {
  const found: ConfigIssue[] = []
  const isSound = (path: string): boolean => !issues.some(issue => within(issue.path, path) || within(path, issue.path))
  const view: View = {
    report: finding => found.push(makeIssue(finding)),
    each: <T>(path: string) =>
      listAt(config, path)
        .map((entry, index) => [entry as T, pointer(path, index)] as const)
        .filter(([, place]) => isSound(place)),
  }
  for (const rule of rules) if (rule.reads.every(isSound)) rule.check(config, view)
  return found
}

function within(path: string, parent: string): boolean {
  return path === parent || path.startsWith(`${parent}/`)
}

function listAt(document: unknown, path: string): readonly unknown[] {
  const keys = path.split('/').slice(1)
  const list = keys.reduce<unknown>((value, key) => (isObject(value) ? value[key] : undefined), document)
  return Array.isArray(list) ? list : []
}
