/**
 * `idmap=uids=0-1000-10#10-5000-5;gids=@0-0-10`: a mount with mappings of its own in one option, as crun knows it. Each range is
 * the first id of the file system, the first id that it becomes, and how many; with `@` the latter is one of the container.
 */

import type { IdMapping } from './config.js'
import type { Report, Rule } from './issues.js'
import { pointer } from './json.js'
import { MOST_MAPPINGS, normaliseMapping } from './namespaces.js'
import type { OciConfig, OciIdMapping, OciMount } from './oci-config.js'

interface Range extends IdMapping {
  /** hostID counts as the container does. */
  readonly isRelative: boolean
}

interface Ranges {
  readonly uids: readonly Range[]
  readonly gids: readonly Range[]
}

const OPTION = /^(r?idmap)=(.*)$/s
const KEYS = ['uids', 'gids'] as const
const IDS = 2 ** 32 - 1

/** True for an option that brings its mappings along. */
export const isInlineIdmap = (option: string): boolean => OPTION.test(option)

/** null: not in that form. */
function rangesOf(option: string): Ranges | null {
  const parts = OPTION.exec(option)?.[2]?.split(';') ?? []
  const found = new Map(parts.map(part => [part.slice(0, 5), part.slice(5).split('#').map(rangeOf)]))
  const [uids, gids] = KEYS.map(key => found.get(`${key}=`))
  if (parts.length !== KEYS.length || uids === undefined || gids === undefined) return null
  const isRange = (range: Range | null): range is Range => range !== null
  if (uids.length > MOST_MAPPINGS || gids.length > MOST_MAPPINGS) return null
  return uids.every(isRange) && gids.every(isRange) ? { uids, gids } : null
}

function rangeOf(text: string): Range | null {
  const numbers = /^(@?)([0-9]{1,10})-([0-9]{1,10})-([0-9]{1,10})$/.exec(text)
  if (numbers === null) return null
  const [containerID = 0, hostID = 0, size = 0] = numbers.slice(2).map(Number)
  const isGood = size > 0 && containerID + size <= IDS && hostID + size <= IDS
  return isGood ? { containerID, hostID, size, isRelative: numbers[1] === '@' } : null
}

/** null: not in one range of the container's own mappings, which would be needed. */
function absolute({ isRelative, ...range }: Range, own: readonly OciIdMapping[]): IdMapping | null {
  if (!isRelative) return range
  const { hostID, size } = range
  const outer = own
    .map(normaliseMapping)
    .find(({ containerID, size: all }) => hostID >= containerID && hostID + size <= containerID + all)
  return outer === undefined ? null : { ...range, hostID: hostID - outer.containerID + outer.hostID }
}

/** The mount as it would be written with mappings beside the option. What the rule refuses does not get here. */
export function withIdmapBeside(mount: OciMount, { linux = {} }: OciConfig): OciMount {
  const { options = [] } = mount
  const option = options.find(isInlineIdmap)
  const ranges = option === undefined ? null : rangesOf(option)
  if (option === undefined || ranges === null) return mount
  const all = (list: readonly Range[], own: readonly OciIdMapping[] = []): IdMapping[] =>
    list.flatMap(range => absolute(range, own) ?? [])
  return {
    ...mount,
    options: options.map(other => (other === option ? option.slice(0, option.indexOf('=')) : other)),
    uidMappings: all(ranges.uids, linux.uidMappings),
    gidMappings: all(ranges.gids, linux.gidMappings),
  }
}

export const idmapOptionRules: readonly Rule[] = [
  {
    reads: ['/linux/uidMappings', '/linux/gidMappings'],
    check(config, { each, report }) {
      for (const [mount, path] of each<OciMount>('/mounts')) checkMount(config, mount, { path, report })
    },
  },
]

function checkMount(config: OciConfig, mount: OciMount, { path, report }: { path: string; report: Report }): void {
  const { options = [], uidMappings, gidMappings } = mount
  const found = options.flatMap((option, index) => (/^r?idmap(?:=|$)/.test(option) ? [index] : []))
  const inline = found.find(index => isInlineIdmap(options[index] ?? ''))
  if (inline === undefined) return
  const expected = expectedInstead(config, options[inline] ?? '')
  const at = pointer(path, 'options', inline)
  if (expected !== null) report({ path: at, expected, received: options[inline] })
  if (found.length > 1) report({ path: at, expected: 'the only idmap option of the mount', received: options[inline] })
  if (uidMappings === undefined && gidMappings === undefined) return
  report({ path: at, expected: 'idmap or ridmap, next to uidMappings and gidMappings', received: options[inline] })
}

/** null: it is good. */
function expectedInstead({ linux = {} }: OciConfig, option: string): string | null {
  const ranges = rangesOf(option)
  if (ranges === null) return 'idmap=uids=A-B-N;gids=A-B-N, with ranges separated by #'
  const isIn = (list: readonly Range[], own: readonly OciIdMapping[] = []): boolean =>
    list.every(range => absolute(range, own) !== null)
  if (isIn(ranges.uids, linux.uidMappings) && isIn(ranges.gids, linux.gidMappings)) return null
  return 'with @ a range that one of /linux/uidMappings or /linux/gidMappings has'
}
