import { CAPABILITIES } from './capabilities.js'
import { UNSAFE_ANNOTATIONS } from './config/annotations.js'
import { HOOK_KINDS } from './config/config.js'
import type { LinuxFeatures, OciFeatures } from './config/features.js'
import { MOUNT_OPTIONS } from './config/mount-options.js'
import { NAMESPACE_TYPES } from './config/namespaces.js'
import { OCI_VERSION_MAX, OCI_VERSION_MIN } from './config/oci-version.js'
import { MEMORY_POLICIES, MEMORY_POLICY_FLAGS } from './config/scheduling.js'
import { SECCOMP_ACTIONS, SECCOMP_ARCHITECTURES, SECCOMP_FLAGS, SECCOMP_OPERATORS } from './config/seccomp.js'

export interface FeaturesInput {
  /** Kernel release as [major, minor]. */
  readonly kernel: readonly [number, number]
  /** The version of libseccomp, such as `2.5.4`; null if it is not installed. */
  readonly libseccomp: string | null
}

/**
 * The features document of the specification (features.md): what tsrun knows, whatever the host has. Two of its entries tell
 * of the host, as they are meant to: the filter flags that the kernel takes, and the version of libseccomp.
 */
export function describeFeatures({ kernel, libseccomp }: FeaturesInput): OciFeatures {
  return {
    ociVersionMin: OCI_VERSION_MIN,
    ociVersionMax: OCI_VERSION_MAX,
    hooks: HOOK_KINDS,
    mountOptions: MOUNT_OPTIONS,
    linux: {
      namespaces: NAMESPACE_TYPES.toSorted(),
      capabilities: CAPABILITIES,
      cgroup: { v1: true, v2: true, systemd: true, systemdUser: true, rdma: true },
      seccomp: seccompFeatures(kernel),
      apparmor: { enabled: true },
      selinux: { enabled: true },
      intelRdt: { enabled: true, schemata: true, monitoring: true },
      memoryPolicy: { modes: Object.keys(MEMORY_POLICIES), flags: Object.keys(MEMORY_POLICY_FLAGS) },
      mountExtensions: { idmap: { enabled: true } },
      netDevices: { enabled: true },
    },
    annotations: {
      // The name that engines know.
      'org.opencontainers.runc.checkpoint.enabled': 'true',
      ...(libseccomp === null ? {} : { 'io.github.seccomp.libseccomp.version': libseccomp }),
    },
    potentiallyUnsafeConfigAnnotations: UNSAFE_ANNOTATIONS,
  }
}

function seccompFeatures([major, minor]: FeaturesInput['kernel']): NonNullable<LinuxFeatures['seccomp']> {
  const flags = Object.keys(SECCOMP_FLAGS).toSorted()
  const isRecent = major > 5 || (major === 5 && minor >= 19)
  return {
    enabled: true,
    actions: SECCOMP_ACTIONS.toSorted(),
    operators: SECCOMP_OPERATORS.toSorted(),
    archs: SECCOMP_ARCHITECTURES.toSorted(),
    knownFlags: flags,
    supportedFlags: isRecent ? flags : flags.filter(flag => flag !== SINCE_5_19),
  }
}

const SINCE_5_19 = 'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV'
