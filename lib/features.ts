import type { HostFacts } from './host/facts.js'
import { CAPABILITIES } from './spec/capabilities.js'
import { HOOK_KINDS } from './spec/config.js'
import type { LinuxFeatures, OciFeatures } from './spec/features.js'
import { MOUNT_OPTIONS } from './spec/mount-options.js'
import { NAMESPACE_TYPES } from './spec/namespaces.js'
import { MEMORY_POLICIES, MEMORY_POLICY_FLAGS } from './spec/scheduling.js'
import { SECCOMP_ACTIONS, SECCOMP_ARCHITECTURES, SECCOMP_FLAGS, SECCOMP_OPERATORS } from './spec/seccomp.js'
import { OCI_VERSION_MAX, OCI_VERSION_MIN } from './spec/version.js'

/** A prefix: whoever may write such annotations changes what systemd does with the container's unit. */
const SYSTEMD_PROPERTIES = 'org.systemd.property.'

export interface FeaturesInput {
  readonly facts: HostFacts
  /** The version of libseccomp, such as `2.5.4`; null where it is not installed. */
  readonly libseccomp: string | null
  readonly hasLibsystemd: boolean
}

/**
 * The features document of the specification (features.md). What tsrun does not do is told to be off, and what it does
 * with a library that is not installed as well.
 */
export function describeFeatures({ facts, libseccomp, hasLibsystemd }: FeaturesInput): OciFeatures {
  return {
    ociVersionMin: OCI_VERSION_MIN,
    ociVersionMax: OCI_VERSION_MAX,
    hooks: HOOK_KINDS,
    mountOptions: MOUNT_OPTIONS,
    linux: {
      namespaces: NAMESPACE_TYPES.toSorted(),
      capabilities: CAPABILITIES.slice(0, facts.lastCapability + 1),
      cgroup: { v1: true, v2: true, systemd: hasLibsystemd, systemdUser: hasLibsystemd, rdma: true },
      seccomp: seccompFeatures(libseccomp !== null),
      apparmor: { enabled: true },
      selinux: { enabled: true },
      intelRdt: { enabled: true },
      memoryPolicy: { modes: Object.keys(MEMORY_POLICIES), flags: Object.keys(MEMORY_POLICY_FLAGS) },
      mountExtensions: { idmap: { enabled: true } },
      netDevices: { enabled: true },
    },
    annotations: libseccomp === null ? {} : { 'io.github.seccomp.libseccomp.version': libseccomp },
    potentiallyUnsafeConfigAnnotations: [SYSTEMD_PROPERTIES],
  }
}

function seccompFeatures(enabled: boolean): NonNullable<LinuxFeatures['seccomp']> {
  if (!enabled) return { enabled }
  const flags = Object.keys(SECCOMP_FLAGS).toSorted()
  return {
    enabled,
    actions: SECCOMP_ACTIONS.toSorted(),
    operators: SECCOMP_OPERATORS.toSorted(),
    archs: SECCOMP_ARCHITECTURES.toSorted(),
    knownFlags: flags,
    supportedFlags: flags,
  }
}
