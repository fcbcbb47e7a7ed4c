import type { Sysctl } from './config.js'
import type { Rule } from './issues.js'
import { pointer } from './json.js'
import { listsNamespace } from './namespaces.js'
import type { NamespaceType, OciConfig } from './oci-config.js'

/** The kernel parameters that belong to a namespace, and to which; all others are the host's and refused. */
const NAMESPACED: readonly (readonly [RegExp, NamespaceType])[] = [
  [/^kernel\/(?:msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)$/, 'ipc'],
  [/^fs\/mqueue\/./, 'ipc'],
  [/^net\/./, 'network'],
  [/^kernel\/domainname$/, 'uts'],
  [/^user\/./, 'user'],
]

/** The type of namespace that a parameter (its path below /proc/sys) belongs to. */
export function namespaceOfSysctl(key: string): NamespaceType | undefined {
  return NAMESPACED.find(([pattern]) => pattern.test(key))?.[1]
}

/**
 * The path below /proc/sys that a name means. As in sysctl.d(5): if the first separator is a slash, slashes separate
 * and dots are dots; otherwise dots separate and slashes are dots.
 */
function sysctlPath(name: string): string {
  const first = /[./]/.exec(name)?.[0]
  if (first === '/') return name
  return name.replace(/[./]/g, separator => (separator === '.' ? '/' : '.'))
}

export const sysctlRules: readonly Rule[] = [
  {
    reads: ['/linux/sysctl', '/linux/namespaces', '/domainname'],
    check(config, { report }) {
      const seen = new Set<string>()
      for (const name of Object.keys(config.linux?.sysctl ?? {})) {
        const key = sysctlPath(name)
        const expected = seen.has(key) ? 'a parameter not set by another name' : expectedSysctl(config, key)
        if (expected !== null) report({ path: pointer('/linux/sysctl', name), expected, received: name })
        seen.add(key)
      }
    },
  },
]

/** What the parameter would have to be, or null if it is fine. */
function expectedSysctl(config: OciConfig, key: string): string | null {
  if (key.split('/').some(part => part === '' || part === '.' || part === '..'))
    return 'a name such as net.core.somaxconn'
  if (key === 'kernel/hostname') return 'given as /hostname'
  if (key === 'kernel/domainname' && config.domainname) return 'absent where /domainname is given'
  const type = namespaceOfSysctl(key)
  if (type === undefined) return 'a parameter that a namespace has of its own'
  return listsNamespace(config, type) ? null : `absent without a namespace of type ${type}`
}

export function normaliseSysctl(sysctl: Readonly<Record<string, string>>): Sysctl[] {
  return Object.entries(sysctl).map(([name, value]) => ({
    key: sysctlPath(name),
    value,
    origin: pointer('/linux/sysctl', name),
  }))
}
