/** Where the specification speaks of a field: the last pointer that fits wins, `*` is any one key. */
import type { ConfigIssue } from '../errors.js'
import { describe, isObject, pointer } from './json.js'
import type { OciConfig } from './oci-config.js'

const ANCHORS: readonly (readonly [string, string])[] = [
  ['', 'config.md'],
  ['/ociVersion', 'config.md#specification-version'],
  ['/root', 'config.md#root'],
  ['/mounts', 'config.md#mounts'],
  ['/mounts/*/options', 'config.md#linux-mount-options'],
  ['/mounts/*/type', 'config.md#posix-platform-mounts'],
  ['/mounts/*/uidMappings', 'config.md#posix-platform-mounts'],
  ['/mounts/*/gidMappings', 'config.md#posix-platform-mounts'],
  ['/process', 'config.md#process'],
  ['/process/user', 'config.md#posix-platform-user'],
  ['/process/rlimits', 'config.md#posix-process'],
  ['/process/apparmorProfile', 'config.md#linux-process'],
  ['/process/capabilities', 'config.md#linux-process'],
  ['/process/noNewPrivileges', 'config.md#linux-process'],
  ['/process/oomScoreAdj', 'config.md#linux-process'],
  ['/process/scheduler', 'config.md#linux-process'],
  ['/process/selinuxLabel', 'config.md#linux-process'],
  ['/process/ioPriority', 'config.md#linux-process'],
  ['/process/execCPUAffinity', 'config.md#linux-process'],
  ['/hostname', 'config.md#hostname'],
  ['/domainname', 'config.md#domainname'],
  ['/hooks', 'config.md#posix-platform-hooks'],
  ['/annotations', 'config.md#annotations'],
  ['/vm', 'config-vm.md'],
  ['/linux', 'config-linux.md'],
  ['/linux/namespaces', 'config-linux.md#namespaces'],
  ['/linux/uidMappings', 'config-linux.md#user-namespace-mappings'],
  ['/linux/gidMappings', 'config-linux.md#user-namespace-mappings'],
  ['/linux/timeOffsets', 'config-linux.md#offset-for-time-namespace'],
  ['/linux/devices', 'config-linux.md#devices'],
  ['/linux/netDevices', 'config-linux.md#network-devices'],
  ['/linux/cgroupsPath', 'config-linux.md#cgroups-path'],
  ['/linux/resources', 'config-linux.md#control-groups'],
  ['/linux/resources/unified', 'config-linux.md#unified'],
  ['/linux/resources/devices', 'config-linux.md#allowed-device-list'],
  ['/linux/resources/memory', 'config-linux.md#memory'],
  ['/linux/resources/cpu', 'config-linux.md#cpu'],
  ['/linux/resources/blockIO', 'config-linux.md#block-io'],
  ['/linux/resources/hugepageLimits', 'config-linux.md#huge-page-limits'],
  ['/linux/resources/network', 'config-linux.md#network'],
  ['/linux/resources/pids', 'config-linux.md#pids'],
  ['/linux/resources/rdma', 'config-linux.md#rdma'],
  ['/linux/intelRdt', 'config-linux.md#intelrdt'],
  ['/linux/memoryPolicy', 'config-linux.md#memory-policy'],
  ['/linux/sysctl', 'config-linux.md#sysctl'],
  ['/linux/seccomp', 'config-linux.md#seccomp'],
  ['/linux/rootfsPropagation', 'config-linux.md#rootfs-mount-propagation'],
  ['/linux/maskedPaths', 'config-linux.md#masked-paths'],
  ['/linux/readonlyPaths', 'config-linux.md#readonly-paths'],
  ['/linux/mountLabel', 'config-linux.md#mount-label'],
  ['/linux/personality', 'config-linux.md#personality'],
]

/** The anchor for a JSON pointer, such as `config-linux.md#namespaces` for /linux/namespaces/0/type. */
export function anchorOf(path: string): string {
  const keys = path.split('/')
  const fits = (pattern: string): boolean =>
    pattern.split('/').every((key, index) => index < keys.length && (key === '*' || key === keys[index]))
  return ANCHORS.findLast(([pattern]) => fits(pattern))?.[1] ?? 'config.md'
}

export interface Finding {
  readonly path: string
  /** Completes "must be ...". */
  readonly expected: string
  /** The value that is there, described for the message. */
  readonly received: unknown
  /** Where the rule stands, if not where the field does. */
  readonly rule?: string
}

/** What runc calls a fault in these fields: suites of tests and people look for the words. */
const KNOWN_AS: readonly (readonly [path: RegExp, words: string])[] = [
  [/^\/linux\/memoryPolicy\/mode$/, 'invalid memory policy mode: '],
  [/^\/linux\/memoryPolicy\/nodes$/, 'invalid memory policy node: '],
  [/^\/linux\/memoryPolicy\/flags\b/, 'invalid memory policy flag: '],
]

/** The one grammar of messages: "must be X, but is Y", or "is missing: must be X". */
export function makeIssue({ path, expected, received, rule = anchorOf(path) }: Finding): ConfigIssue {
  const found = describe(received)
  const known = KNOWN_AS.find(([pattern]) => pattern.test(path))?.[1] ?? ''
  const fault = received === undefined ? `is missing: must be ${expected}` : `must be ${expected}, but is ${found}`
  return { path, rule, expected, received: found, message: `${known}${fault}` }
}

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
  const isSound = soundness(issues)
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

/** Tells of a pointer whether no issue is at it, above it or below it; in the time that its depth takes, however many issues there are. */
function soundness(issues: readonly ConfigIssue[]): (path: string) => boolean {
  const places = new Set(issues.map(({ path }) => path))
  const above = new Set(issues.flatMap(({ path }) => pathAndAbove(path)))
  return path => !above.has(path) && !pathAndAbove(path).some(place => places.has(place))
}

/** The pointer, and those of all that it is in. */
function pathAndAbove(path: string): string[] {
  const found = [path]
  for (let end = path.lastIndexOf('/'); end !== -1; end = path.lastIndexOf('/', end - 1)) {
    found.push(path.slice(0, end))
    if (end === 0) break
  }
  return found
}

function listAt(document: unknown, path: string): readonly unknown[] {
  const keys = path.split('/').slice(1)
  const list = keys.reduce<unknown>((value, key) => (isObject(value) ? value[key] : undefined), document)
  return Array.isArray(list) ? list : []
}
