import type { IntelRdt } from './config.js'
import type { Warn } from './issues.js'
import type { OciLinux } from './oci-config.js'
import * as s from './shape.js'

/** Directories that the kernel has in the root of the file system. */
const RESERVED: readonly string[] = ['.', '..', 'info', 'mon_groups', 'mon_data']

const className = s.word(
  { test: text => text === '/' || (/^[^/\n]+$/.test(text) && !RESERVED.includes(text)) },
  'the name of a directory that the kernel has not taken, or / for its default class',
)
const oneLine = (text: string): boolean => text !== '' && !text.includes('\n')

export const intelRdtShape = s.object({
  closID: s.optional(className),
  schemata: s.optional(s.list(s.word({ test: oneLine }, 'one line'))),
  l3CacheSchema: s.optional(s.text),
  memBwSchema: s.optional(s.word(/^MB:[^\n]*$/, 'one line that starts with MB:')),
  enableMonitoring: s.optional(s.truth),
})

export function normaliseIntelRdt({ intelRdt }: OciLinux, warn: Warn): IntelRdt | null {
  if (intelRdt === undefined) return null
  if (Object.keys(intelRdt).length === 0) {
    warn('/linux/intelRdt', 'an empty object asks for nothing')
    return null
  }
  const { closID = null, schemata = [], l3CacheSchema = '', memBwSchema, enableMonitoring = false } = intelRdt
  const cache = l3CacheSchema.split('\n').filter(line => line !== '')
  const isReplaced = (line: string): boolean => memBwSchema !== undefined && line.startsWith('MB:')
  return {
    class: closID === '/' ? '.' : closID,
    first: [...cache.filter(line => !isReplaced(line)), ...(memBwSchema === undefined ? [] : [memBwSchema])],
    last: schemata,
    monitors: enableMonitoring,
  }
}
