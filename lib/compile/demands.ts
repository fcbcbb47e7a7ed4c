/** What is different for a runtime without privileges: it is root only in the container's user namespace, and the kernel allows it less. */
import type { Config, Mount, NamespaceType } from '../config/config.js'
import { isHosted } from '../config/host-root.js'
import { makeIssue } from '../config/issues.js'
import { ConfigError, type ConfigIssue, HostError } from '../errors.js'
import type { HostFacts } from '../host/facts.js'
import type { Work } from './draft.js'
import { hasNamespace, makesNamespace } from './namespaces.js'
import { isMapped, isRootless, mapsOnlySelf } from './privilege.js'

type Known = Pick<Work, 'config' | 'facts'>

/**
 * What the kernel would refuse in a new user namespace, in words that name the field.
 * @throws HostError ERR_HOST_PRIVILEGE if the runtime has no privileges and the container no user namespace
 * @throws ConfigError for ids that are not mapped, HostError ERR_HOST_PRIVILEGE for file systems that take another namespace
 */
export function demandRootless(work: Known): void {
  const { config, facts } = work
  if (isRootless(facts) && !hasNamespace(config, 'user') && !isHosted(config)) throw needsUserNamespace(facts)
  if (!makesNamespace(config, 'user')) return
  const issues = [...groupIssues(work), ...config.mounts.flatMap(mount => optionIssues(config, mount))]
  if (issues.length > 0) throw new ConfigError('ERR_CONFIG_INVALID', issues)
  for (const mount of config.mounts) demandNamespaceFor(work, mount)
}

function needsUserNamespace({ euid }: HostFacts): HostError {
  return new HostError('ERR_HOST_PRIVILEGE', {
    needs: 'a user namespace (/linux/namespaces)',
    found: `none, and uid ${euid} without CAP_SYS_ADMIN`,
    remedy:
      'rootless container requires user namespaces: add {"type":"user"} with uidMappings and gidMappings, as `tsrun spec --rootless` does, or run as root',
  })
}

function groupIssues({ config, facts }: Known): ConfigIssue[] {
  const gids = config.process?.user.additionalGids ?? []
  if (gids.length === 0 || !isRootless(facts) || !mapsOnlySelf(config.linux.gidMappings, facts.egid)) return []
  const expected = 'none: the kernel denies setgroups where a user without privileges maps the own group alone'
  return [makeIssue({ path: '/process/user/additionalGids', expected, received: gids })]
}

/** devpts and tmpfs take the ids of the container, which must mean somebody. */
function optionIssues({ linux }: Config, { kind, data, origin }: Mount): ConfigIssue[] {
  if (kind !== 'filesystem') return []
  return data.flatMap(option => {
    const [, name, value] = /^(uid|gid)=([0-9]+)$/.exec(option) ?? []
    if (name === undefined) return []
    const field = name === 'uid' ? 'uidMappings' : 'gidMappings'
    if (isMapped(linux[field], Number(value))) return []
    const expected = `no ${name}= but of an id that /linux/${field} has`
    return [makeIssue({ path: `${origin}/options`, expected, received: option })]
  })
}

/** Which namespace a file system shows; the kernel lets only the root of that one mount it. */
const SHOWN: Readonly<Record<string, NamespaceType>> = { proc: 'pid', sysfs: 'network', mqueue: 'ipc' }

const REMEDIES: Readonly<Record<string, string>> = {
  proc: 'or bind /proc of the host',
  sysfs: 'or bind /sys of the host',
  mqueue: 'or leave the mount out',
  cgroup: 'or leave the mount out',
}

function demandNamespaceFor({ config, facts }: Known, { kind, type, origin }: Mount): void {
  // Without a namespace a privileged runtime copies the tree of the container's cgroup; one without privileges may not.
  const namespace = kind === 'cgroup' ? (isRootless(facts) ? 'cgroup' : undefined) : SHOWN[type]
  if (kind === 'bind' || kind === 'remount' || namespace === undefined || makesNamespace(config, namespace)) return
  const name = kind === 'cgroup' ? 'cgroup' : type
  throw new HostError('ERR_HOST_PRIVILEGE', {
    needs: `a new ${namespace} namespace, to mount ${name} in a user namespace (${origin})`,
    found: 'none in /linux/namespaces',
    remedy: `add {"type":"${namespace}"}, ${REMEDIES[name] ?? 'or leave the mount out'}`,
  })
}

/** The first kernel with openat2, close_range, mount_setattr and all that the helper relies on. */
const KERNEL_FLOOR = [5, 12] as const

/**
 * What no plan can make up for.
 * @throws HostError ERR_HOST_KERNEL
 */
export function demandHost({ config, facts }: Pick<Work, 'config' | 'facts'>): void {
  const [major, minor] = facts.kernel
  if (major < KERNEL_FLOOR[0] || (major === KERNEL_FLOOR[0] && minor < KERNEL_FLOOR[1])) {
    const needs = `Linux ${KERNEL_FLOOR.join('.')} or later`
    throw new HostError('ERR_HOST_KERNEL', { needs, found: `Linux ${major}.${minor}`, remedy: 'boot a newer kernel' })
  }
  const { process, linux } = config
  if (process?.apparmorProfile && !facts.apparmor) throw noModule('AppArmor', '/process/apparmorProfile')
  if (process?.selinuxLabel && !facts.selinux) throw noModule('SELinux', '/process/selinuxLabel')
  if (linux.mountLabel && !facts.selinux) throw noModule('SELinux', '/linux/mountLabel')
}

/** A protection that is asked for and can't be given is never left out in silence. */
function noModule(module: string, pointer: string): HostError {
  return new HostError('ERR_HOST_KERNEL', {
    needs: `${module} (${pointer})`,
    found: `a kernel without ${module}`,
    remedy: `remove the field, or enable ${module}`,
  })
}
