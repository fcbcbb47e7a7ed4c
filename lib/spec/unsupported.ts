import type { ConfigIssue } from '../errors.js'
import { isObject, type JsonValue, pointer } from './json.js'
import { makeIssue } from './shape.js'

/** A part of the configuration that is valid and that this release does not do. */
interface Gap {
  /** JSON pointer; `*` is any one member. */
  readonly at: string
  /** Only texts that match. */
  readonly when?: RegExp
  /** What would be supported; absence where not said. */
  readonly expected?: string
}

/** All that is not supported: to support one, do it and take its line out. */
const GAPS: readonly Gap[] = [
  { at: '/ociVersion', when: /^(?!1\.)|^1\.0\.0-/, expected: 'a version from 1.0.0 to below 2.0.0' },
  { at: '/process/scheduler' },
  { at: '/process/ioPriority' },
  { at: '/process/execCPUAffinity' },
  { at: '/mounts/*/options/*', when: /^(?:r?idmap(?:=.*)?|tmpcopyup)$/s },
  { at: '/mounts/*/uidMappings' },
  { at: '/mounts/*/gidMappings' },
  { at: '/linux/netDevices' },
  { at: '/linux/intelRdt' },
  { at: '/linux/memoryPolicy' },
  { at: '/linux/seccomp/defaultAction', when: /^SCMP_ACT_NOTIFY$/, expected: 'an action other than SCMP_ACT_NOTIFY' },
  {
    at: '/linux/seccomp/syscalls/*/action',
    when: /^SCMP_ACT_NOTIFY$/,
    expected: 'an action other than SCMP_ACT_NOTIFY',
  },
  { at: '/vm' },
]

/** An issue for each part of a document (which stands at `base`) that this release does not support. */
export function unsupportedIssues(document: JsonValue, base = ''): ConfigIssue[] {
  return GAPS.filter(({ at }) => at.startsWith(`${base}/`)).flatMap(({ at, when, expected = 'absent' }) =>
    find(document, at.slice(base.length + 1).split('/'), base)
      .filter(({ value }) => when === undefined || (typeof value === 'string' && when.test(value)))
      .map(({ path, value }) => {
        const issue = makeIssue({ path, expected, received: value })
        return { ...issue, message: `is not supported by this release: ${issue.message}` }
      }),
  )
}

interface Place {
  readonly path: string
  readonly value: JsonValue
}

function find(value: JsonValue, [key, ...rest]: readonly string[], path: string): Place[] {
  if (key === undefined) return [{ path, value }]
  const members = Array.isArray(value) ? [...value.entries()] : isObject(value) ? Object.entries(value) : []
  return members
    .filter(([name]) => key === '*' || key === String(name))
    .flatMap(([name, member]) => find(member, rest, pointer(path, name)))
}
