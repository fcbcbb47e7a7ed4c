import { NAMESPACE_TYPES } from './namespaces.js'
import { version } from './oci-version.js'
import { readDocument, type Source } from './read-document.js'
import { SECCOMP_ACTIONS, SECCOMP_ARCHITECTURES, SECCOMP_OPERATORS } from './seccomp.js'
import * as s from './shape.js'

/** The features document (features.md, features-linux.md): what a runtime knows, whatever the host can do. */
export interface OciFeatures {
  readonly ociVersionMin: string
  readonly ociVersionMax: string
  readonly hooks?: readonly string[]
  readonly mountOptions?: readonly string[]
  readonly linux?: LinuxFeatures
  readonly annotations?: Readonly<Record<string, string>>
  readonly potentiallyUnsafeConfigAnnotations?: readonly string[]
}

interface Enabled {
  readonly enabled?: boolean
}

export interface LinuxFeatures {
  readonly namespaces?: readonly string[]
  readonly capabilities?: readonly string[]
  readonly cgroup?: {
    readonly v1?: boolean
    readonly v2?: boolean
    readonly systemd?: boolean
    readonly systemdUser?: boolean
    readonly rdma?: boolean
  }
  readonly seccomp?: Enabled & {
    readonly actions?: readonly string[]
    readonly operators?: readonly string[]
    readonly archs?: readonly string[]
    readonly knownFlags?: readonly string[]
    readonly supportedFlags?: readonly string[]
  }
  readonly apparmor?: Enabled
  readonly selinux?: Enabled
  readonly intelRdt?: Enabled & { readonly schemata?: boolean; readonly monitoring?: boolean }
  readonly memoryPolicy?: { readonly modes?: readonly string[]; readonly flags?: readonly string[] }
  readonly mountExtensions?: { readonly idmap?: Enabled }
  readonly netDevices?: Enabled
}

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
