import type { ConfigIssue } from '../errors.js'
import { makeIssue } from './issues.js'
import { isObject, type JsonValue, pointer } from './json.js'

/** A part of the configuration that is valid and that this release does not do. */
interface Gap {
  /** JSON pointer; `*` is any entry of a list. */
  readonly at: string
  /** Only texts of which this is true. */
  readonly when?: (text: string) => boolean
  /** What would be supported; absence if not said. */
  readonly expected?: string
}

const matches = (pattern: RegExp) => (text: string) => pattern.test(text)

/** All that is not supported: to support one, do it and take its line out. */
const GAPS: readonly Gap[] = [
  { at: '/ociVersion', when: matches(/^(?!1\.|$)|^1\.0\.0-/), expected: 'a version from 1.0.0 to below 2.0.0' },
  { at: '/vm' },
  // Of another platform. Here it would be ignored, and the process be root.
  { at: '/process/user/username', expected: 'absent: on Linux only uid and gid tell who a process is' },
]

const SEARCHED = GAPS.map(gap => ({ gap, keys: gap.at.split('/').slice(1) }))

/** An issue for each part of a document (which stands at `base`) that this release does not support. */
export function unsupportedIssues(document: JsonValue, base = ''): ConfigIssue[] {
  const depth = base.split('/').length - 1
  const whole: Place = { value: document, path: base }
  const issues: ConfigIssue[] = []
  for (const { gap, keys } of SEARCHED) {
    if (!gap.at.startsWith(`${base}/`)) continue
    search({ place: whole, keys, depth }, place => {
      if (applies(gap, place)) issues.push(gapIssue(gap, place))
    })
  }
  return issues
}

function gapIssue({ expected = 'absent' }: Gap, { path, value }: Place): ConfigIssue {
  const issue = makeIssue({ path, expected, received: value })
  return { ...issue, message: `is not supported by this release: ${issue.message}` }
}

function applies({ when }: Gap, { value }: Place): boolean {
  return when === undefined || (typeof value === 'string' && when(value))
}

interface Place {
  readonly path: string
  readonly value: JsonValue
}

interface Search {
  readonly place: Place
  readonly keys: readonly string[]
  /** How many of the keys lead to the place. */
  readonly depth: number
}

function search({ place, keys, depth }: Search, found: (place: Place) => void): void {
  const { path, value: parent } = place
  const key = keys[depth]
  if (key === undefined) {
    found(place)
    return
  }
  const enter = (name: string | number, value: JsonValue): void =>
    search({ place: { path: pointer(path, name), value }, keys, depth: depth + 1 }, found)
  if (key !== '*') {
    const value = isObject(parent) ? parent[key] : undefined
    if (value !== undefined) enter(key, value)
  } else if (Array.isArray(parent)) for (const [index, value] of parent.entries()) enter(index, value)
}
