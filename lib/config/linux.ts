import type { Linux, LocatedPath } from './config.js'
import { deviceRules, devicesShape, normaliseDevice } from './devices.js'
import { intelRdtShape, normaliseIntelRdt } from './intel-rdt.js'
import type { Rule, Warn } from './issues.js'
import { pointer } from './json.js'
import { PROPAGATION, PROPAGATION_NAMES } from './mount-options.js'
import { resolves } from './mounts.js'
import { listsNamespace, namespaceRules, namespaceShapes, normaliseNamespaces } from './namespaces.js'
import { netDeviceRules, netDevicesShape, normaliseNetDevices } from './net-devices.js'
import type { OciLinux } from './oci-config.js'
import { normaliseResources, resourceRules, resourcesShape } from './resources.js'
import { memoryPolicyRules, memoryPolicyShape, normaliseMemoryPolicy } from './scheduling.js'
import { normaliseSeccomp, seccompRules, seccompShape } from './seccomp.js'
import * as s from './shape.js'
import { normaliseSysctl, sysctlRules } from './sysctl.js'

/** Domain numbers of personality(2). */
const PERSONALITIES = { LINUX: 0, LINUX32: 8 } as const

const WITHOUT_PARENT = /^(?!(?:.*\/)?\.\.(?:\/|$))/s
/** What `cgroupsPath` must be. */
export const CGROUPS_PATH = 'a path without ".."'
export const isCgroupsPath = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && !value.includes('\0') && WITHOUT_PARENT.test(value)

export const linuxShape = s.object({
  ...namespaceShapes,
  devices: s.optional(devicesShape),
  netDevices: s.optional(netDevicesShape),
  cgroupsPath: s.optional(s.word(WITHOUT_PARENT, CGROUPS_PATH)),
  resources: s.optional(resourcesShape),
  sysctl: s.optional(s.map(s.text)),
  seccomp: s.optional(seccompShape),
  rootfsPropagation: s.optional(s.oneOf([...PROPAGATION_NAMES, '' as const])),
  maskedPaths: s.optional(s.list(s.absolutePathOrNone)),
  readonlyPaths: s.optional(s.list(s.absolutePathOrNone)),
  mountLabel: s.optional(s.text),
  intelRdt: s.optional(intelRdtShape),
  memoryPolicy: s.optional(memoryPolicyShape),
  personality: s.optional(s.object({ domain: s.oneOf(['LINUX', 'LINUX32']), flags: s.optional(s.list(s.text)) })),
})

const HIDDEN = ['maskedPaths', 'readonlyPaths'] as const

export const linuxRules: readonly Rule[] = [
  ...namespaceRules,
  ...deviceRules,
  ...sysctlRules,
  ...resourceRules,
  ...seccompRules,
  ...netDeviceRules,
  ...memoryPolicyRules,
  ...HIDDEN.map(
    (field): Rule => ({
      reads: [`/linux/${field}`, '/linux/namespaces'],
      check(config, { report }) {
        const paths = config.linux?.[field] ?? []
        for (const [index, received] of paths.entries()) {
          if (received !== '' && resolves(received) === '/')
            report({ path: pointer(`/linux/${field}`, index), expected: 'a path below the root', received })
        }
        if (paths.length === 0 || listsNamespace(config, 'mount')) return
        report({ path: `/linux/${field}`, expected: 'absent without a mount namespace', received: paths })
      },
    }),
  ),
  {
    reads: ['/linux/personality'],
    check({ linux = {} }, { report }) {
      const { flags = [] } = linux.personality ?? {}
      if (flags.length === 0) return
      report({ path: '/linux/personality/flags', expected: 'empty, as there are no flags yet', received: flags })
    },
  },
]

export function normaliseLinux(linux: OciLinux, warn: Warn): Linux {
  const { devices = [], rootfsPropagation, personality } = linux
  return {
    ...normaliseNamespaces(linux, warn),
    devices: devices.map((device, index) => normaliseDevice(device, pointer('/linux/devices', index))),
    cgroupsPath: linux.cgroupsPath || null,
    resources: normaliseResources(linux.resources ?? {}, '/linux/resources', warn),
    sysctl: normaliseSysctl(linux.sysctl ?? {}),
    seccomp: linux.seccomp === undefined ? null : normaliseSeccomp(linux.seccomp, warn),
    rootfsPropagation: rootfsPropagation ? PROPAGATION[rootfsPropagation] : null,
    maskedPaths: locate(linux, 'maskedPaths', warn),
    readonlyPaths: locate(linux, 'readonlyPaths', warn),
    mountLabel: linux.mountLabel || null,
    netDevices: normaliseNetDevices(linux),
    intelRdt: normaliseIntelRdt(linux, warn),
    memoryPolicy: normaliseMemoryPolicy(linux, warn),
    personality: personality === undefined ? null : PERSONALITIES[personality.domain],
    landlock: null,
  }
}

/** Each path once: a mount over a mount would hide nothing more. */
function locate(linux: OciLinux, field: (typeof HIDDEN)[number], warn: Warn): LocatedPath[] {
  const found = new Map<string, LocatedPath>()
  for (const [index, path] of (linux[field] ?? []).entries()) {
    const origin = pointer('/linux', field, index)
    if (path === '') warn(origin, 'an empty path means nothing')
    else if (!found.has(resolves(path))) found.set(resolves(path), { path, origin })
  }
  return [...found.values()]
}
