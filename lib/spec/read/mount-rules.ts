import type { Mount } from '../config.js'
import { pointer } from '../json.js'
import { isOfFileSystem, optionMeaning } from '../mount-options.js'
import type { OciConfig, OciMount } from '../oci-config.js'
import type { Report, Rule, View } from '../rule.js'
import { idmapOptionRules, isInlineIdmap } from './idmap-option.js'
import { kindOf, resolves } from './mounts.js'
import { checkMappings, hasNamespace } from './namespaces.js'

export const mountRules: readonly Rule[] = [
  {
    reads: ['/mounts', '/linux/namespaces'],
    check(config, { report }) {
      const { mounts = [] } = config
      if (mounts.length === 0 || hasNamespace(config, 'mount')) return
      const expected = "absent or empty without a mount namespace: the mounts would be the host's"
      report({ path: '/mounts', expected, received: mounts, rule: 'tsrun#mounts' })
    },
  },
  {
    reads: [],
    check(_config, { each, report }) {
      for (const [mount, path] of each<OciMount>('/mounts')) checkMount(mount, path, report)
    },
  },
  { reads: ['/linux/namespaces'], check: checkIdmapSource },
  ...idmapOptionRules,
  { reads: ['/mounts'], check: checkRemounts },
]

function checkMount(mount: OciMount, base: string, report: Report): void {
  const { kind } = kindOf(mount)
  if (resolves(mount.destination) === '/') {
    report({ path: `${base}/destination`, expected: 'a path below the root', received: mount.destination })
  }
  if (kind === 'bind' && !mount.source) {
    report({ path: `${base}/source`, expected: 'the path that is bound', received: mount.source })
  }
  if (kind === 'filesystem' && !mount.type) {
    report({ path: `${base}/type`, expected: 'a file system, unless the options have bind', received: mount.type })
  }
  checkPlaceInProc(mount, base, report)
  checkIdmap(mount, base, report)
  checkOptions(mount, base, report)
}

/** What a mount may cover below /proc: files that tell of the host, for which lxcfs has others. All else is for the runtime to trust. */
const COVERABLE = [
  'cpuinfo',
  'diskstats',
  'loadavg',
  'meminfo',
  'net/dev',
  'slabinfo',
  'stat',
  'swaps',
  'sys/crypto/fips_enabled',
  'sys/kernel/ns_last_pid',
  'uptime',
].map(file => `/proc/${file}`)

function checkPlaceInProc(mount: OciMount, base: string, report: Report): void {
  const { kind } = kindOf(mount)
  const path = resolves(mount.destination)
  if (kind === 'remount' || (path !== '/proc' && !path.startsWith('/proc/'))) return
  const rule = 'tsrun#mounts-on-proc'
  if (path === '/proc') {
    if (kind === 'bind' || mount.type === 'proc') return
    report({ path: `${base}/type`, expected: 'proc, or a bind of a proc file system', received: mount.type, rule })
  } else if (!COVERABLE.includes(path)) {
    const expected = `outside of /proc, or one of ${COVERABLE.join(', ')}`
    report({ path: `${base}/destination`, expected, received: mount.destination, rule })
  }
}

function checkIdmap(mount: OciMount, base: string, report: Report): void {
  const { uidMappings, gidMappings, options = [] } = mount
  for (const [field, mappings, other] of [
    ['uidMappings', uidMappings, gidMappings],
    ['gidMappings', gidMappings, uidMappings],
  ] as const) {
    const path = `${base}/${field}`
    checkMappings(mappings ?? [], path, report)
    if ((mappings ?? []).length > 0 || (other ?? []).length === 0) continue
    report({ path, expected: 'given along with the other mapping', received: mappings })
  }
  const { kind } = kindOf(mount)
  if (kind === 'bind' || kind === 'filesystem') return
  const expected = `absent: the ids of a ${kind} mount are not mapped`
  if ((uidMappings ?? []).length > 0) report({ path: `${base}/uidMappings`, expected, received: uidMappings })
  const index = options.findIndex(option => optionMeaning(option)?.kind === 'idmap')
  if (index !== -1) report({ path: pointer(base, 'options', index), expected, received: options[index] })
}

/** Without mappings of the mount those of the container's user namespace are meant. */
function checkIdmapSource(config: OciConfig, { each, report }: View): void {
  if (hasNamespace(config, 'user')) return
  for (const [{ options = [], uidMappings = [] }, path] of each<OciMount>('/mounts')) {
    const index = options.findIndex(option => optionMeaning(option)?.kind === 'idmap')
    if (index === -1 || uidMappings.length > 0 || isInlineIdmap(options[index] ?? '')) continue
    const expected = 'next to uidMappings and gidMappings where there is no user namespace'
    report({ path: pointer(path, 'options', index), expected, received: options[index] })
  }
}

/** Only what this configuration mounts itself is its own to change: any other file system may be one of the host. */
function checkRemounts(_config: OciConfig, { each, report }: View): void {
  const made = new Map<string, Mount['kind']>()
  for (const [mount, path] of each<OciMount>('/mounts')) {
    const { kind } = kindOf(mount)
    const destination = resolves(mount.destination)
    if (kind !== 'remount') made.set(destination, kind)
    else if (made.get(destination) !== 'filesystem') {
      const index = (mount.options ?? []).findIndex(isOfFileSystem)
      if (index === -1) continue
      const expected = 'an option of the mount alone, as no entry before mounts a file system there'
      report({ path: pointer(path, 'options', index), expected, received: mount.options?.[index] })
    }
  }
}

function checkOptions(mount: OciMount, base: string, report: Report): void {
  for (const [index, option] of (mount.options ?? []).entries()) {
    const expected = expectedInstead(mount, option)
    if (expected !== null) report({ path: pointer(base, 'options', index), expected, received: option })
  }
}

function isIdmapped({ options = [], uidMappings = [] }: OciMount): boolean {
  return uidMappings.length > 0 || options.some(option => optionMeaning(option)?.kind === 'idmap')
}

/** What should stand in place of an option that this kind of mount does not have; null for a good one. */
function expectedInstead(mount: OciMount, option: string): string | null {
  const { kind } = kindOf(mount)
  const meaning = optionMeaning(option)
  if (meaning?.kind === 'copy_up' && (kind !== 'filesystem' || mount.type !== 'tmpfs')) {
    return 'absent: only a tmpfs is filled with what it hides'
  }
  if (meaning?.kind === 'copy_up' && isIdmapped(mount)) return 'absent where ids are mapped'
  if (meaning !== undefined) return null
  if (kind === 'bind') return 'an option of bind mounts, which have none of a file system'
  return option.startsWith('=') ? 'an option with a name' : null
}
