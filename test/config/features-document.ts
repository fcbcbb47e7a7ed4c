/** The rules of the features document (features.md, features-linux.md) that `tsrun features` prints. */
import type { OciFeatures } from '../../lib/config/features.js'
import { NAMESPACE_TYPES } from '../../lib/config/namespaces.js'
import { version } from '../../lib/config/oci-version.js'
import { readDocument, type Source } from '../../lib/config/read-document.js'
import { SECCOMP_ACTIONS, SECCOMP_ARCHITECTURES, SECCOMP_OPERATORS } from '../../lib/config/seccomp.js'
import * as s from '../../lib/config/shape.js'

const texts = s.optional(s.list(s.text))
const enabled = s.optional(s.truth)
const toggle = s.optional(s.object({ enabled }))

const seccomp = s.object({
  enabled,
  actions: s.optional(s.list(s.oneOf(SECCOMP_ACTIONS))),
  operators: s.optional(s.list(s.oneOf(SECCOMP_OPERATORS))),
  archs: s.optional(s.list(s.oneOf(SECCOMP_ARCHITECTURES))),
  knownFlags: texts,
  supportedFlags: texts,
})

const linux = s.object({
  namespaces: s.optional(s.list(s.oneOf(NAMESPACE_TYPES))),
  capabilities: s.optional(s.list(s.word(/^CAP_[A-Z_]+$/, 'the name of a capability'))),
  cgroup: s.optional(s.object({ v1: enabled, v2: enabled, systemd: enabled, systemdUser: enabled, rdma: enabled })),
  seccomp: s.optional(seccomp),
  apparmor: toggle,
  selinux: toggle,
  intelRdt: s.optional(s.object({ enabled, schemata: enabled, monitoring: enabled })),
  memoryPolicy: s.optional(s.object({ modes: texts, flags: texts })),
  mountExtensions: s.optional(s.object({ idmap: toggle })),
  netDevices: toggle,
})

const shape = s.object({
  ociVersionMin: version,
  ociVersionMax: version,
  hooks: texts,
  mountOptions: texts,
  linux: s.optional(linux),
  annotations: s.optional(s.map(s.text)),
  potentiallyUnsafeConfigAnnotations: texts,
})

/**
 * Reads a features document, of any runtime.
 * @throws ConfigError ERR_CONFIG_INVALID with every issue
 */
export function readFeatures(source: Source<OciFeatures>): OciFeatures {
  return readDocument<OciFeatures>({ source, base: null, shape }).value
}
