import type { ConfigIssue } from '../errors.js'
import { isObject, type JsonValue, pointer } from './json.js'
import { optionMeaning } from './mount-options.js'
import { makeIssue } from './shape.js'

/** A part of the configuration that is valid and that this release does not do. */
interface Gap {
  /** JSON pointer; `*` is any one member. */
  readonly at: string
  /** Only texts of which this is true. */
  readonly when?: (text: string) => boolean
  /** Only where this text is in the same list. */
  readonly among?: string
  /** What would be supported; absence where not said. */
  readonly expected?: string
}

const matches = (pattern: RegExp) => (text: string) => pattern.test(text)
const notify = { when: matches(/^SCMP_ACT_NOTIFY$/), expected: 'an action other than SCMP_ACT_NOTIFY' }

/** All that is not supported: to support one, do it and take its line out. */
const GAPS: readonly Gap[] = [
  { at: '/ociVersion', when: matches(/^(?!1\.)|^1\.0\.0-/), expected: 'a version from 1.0.0 to below 2.0.0' },
  { at: '/process/scheduler' },
  { at: '/process/ioPriority' },
  { at: '/process/execCPUAffinity' },
  { at: '/mounts/*/options/*', when: matches(/^(?:r?idmap(?:=.*)?|tmpcopyup)$/s) },
  { at: '/mounts/*/options/*', among: 'remount', when: changesFileSystem, expected: 'an option of the mount alone' },
  { at: '/mounts/*/uidMappings' },
  { at: '/mounts/*/gidMappings' },
  { at: '/linux/netDevices' },
  { at: '/linux/intelRdt' },
  { at: '/linux/memoryPolicy' },
  { at: '/linux/seccomp/defaultAction', ...notify },
  { at: '/linux/seccomp/syscalls/*/action', ...notify },
  { at: '/vm' },
]

function changesFileSystem(option: string): boolean {
  const { kind } = optionMeaning(option) ?? { kind: 'data' }
  return kind === 'data' || kind === 'superblock'
}

/** An issue for each part of a document (which stands at `base`) that this release does not support. */
export function unsupportedIssues(document: JsonValue, base = ''): ConfigIssue[] {
  return GAPS.filter(({ at }) => at.startsWith(`${base}/`)).flatMap(gap =>
    find({ value: document, path: base, parent: null }, gap.at.slice(base.length + 1).split('/'))
      .filter(place => applies(gap, place))
      .map(({ path, value }) => {
        const issue = makeIssue({ path, expected: gap.expected ?? 'absent', received: value })
        return { ...issue, message: `is not supported by this release: ${issue.message}` }
      }),
  )
}

function applies({ when, among }: Gap, { value, parent }: Place): boolean {
  if (when !== undefined && !(typeof value === 'string' && when(value))) return false
  return among === undefined || (Array.isArray(parent) && parent.includes(among))
}

interface Place {
  readonly path: string
  readonly value: JsonValue
  readonly parent: JsonValue
}

function find(place: Place, [key, ...rest]: readonly string[]): Place[] {
  if (key === undefined) return [place]
  const { path, value: parent } = place
  const members = Array.isArray(parent) ? [...parent.entries()] : isObject(parent) ? Object.entries(parent) : []
  return members
    .filter(([name]) => key === '*' || key === String(name))
    .flatMap(([name, value]) => find({ path: pointer(path, name), value, parent }, rest))
}
