import { capabilityBit, capabilityNames } from '../capabilities.js'
import type { Capabilities, Process, Rlimit, User } from './config.js'
import type { Rule, Warn } from './issues.js'
import { pointer } from './json.js'
import type { OciCapabilities, OciProcess, OciRlimit } from './oci-config.js'
import { RLIMIT_NAMES, RLIMITS, type RlimitName } from './rlimits.js'
import { normaliseScheduling, schedulerRules, schedulingShapes } from './scheduling.js'
import * as s from './shape.js'

export const environmentShape = s.list(s.word(/^[^=]+=/s, 'NAME=value'))

const capabilities = s.object({
  bounding: s.optional(s.list(s.text)),
  effective: s.optional(s.list(s.text)),
  inheritable: s.optional(s.list(s.text)),
  permitted: s.optional(s.list(s.text)),
  ambient: s.optional(s.list(s.text)),
})

export const processShape = s.object({
  terminal: s.optional(s.truth),
  consoleSize: s.optional(s.object({ height: s.uint64, width: s.uint64 })),
  cwd: s.absolutePath,
  env: s.optional(environmentShape),
  args: s.list(s.text),
  user: s.optional(
    s.object({
      uid: s.optional(s.id),
      gid: s.optional(s.id),
      umask: s.optional(s.integer(0, 0o777)),
      additionalGids: s.optional(s.list(s.id)),
    }),
  ),
  capabilities: s.optional(capabilities),
  rlimits: s.optional(s.list(s.object({ type: s.oneOf(RLIMIT_NAMES), soft: s.uint64, hard: s.uint64 }))),
  noNewPrivileges: s.optional(s.truth),
  oomScoreAdj: s.optional(s.integer(-1000, 1000)),
  apparmorProfile: s.optional(s.text),
  selinuxLabel: s.optional(s.text),
  ...schedulingShapes,
})

export const processRules: readonly Rule[] = [
  ...schedulerRules,
  {
    reads: ['/process/args'],
    check({ process }, { report }) {
      const { args } = process ?? {}
      if (args?.length === 0) report({ path: '/process/args', expected: 'at least the program to run', received: args })
    },
  },
  {
    reads: ['/process/terminal', '/process/consoleSize'],
    check({ process }, { report }) {
      const { terminal = false, consoleSize } = process ?? {}
      for (const side of ['height', 'width'] as const) {
        const size = consoleSize?.[side] ?? 0
        if (!terminal || size <= 0xffff) continue
        report({ path: `/process/consoleSize/${side}`, expected: 'an integer from 0 to 65535', received: size })
      }
    },
  },
  {
    reads: [],
    check(_config, { each, report }) {
      const seen = new Set<string>()
      for (const [{ type, soft, hard }, path] of each<OciRlimit>('/process/rlimits')) {
        if (seen.has(type)) report({ path: `${path}/type`, expected: 'a limit not set before', received: type })
        if (soft > hard) report({ path: `${path}/soft`, expected: `at most the hard limit ${hard}`, received: soft })
        seen.add(type)
      }
    },
  },
]

/** The process as everything else works with it; `base` is the JSON pointer that it stands at. */
export function normaliseProcess(process: OciProcess, base: string, warn: Warn): Process {
  const { terminal = false, consoleSize, args = [], env = [], rlimits = [], oomScoreAdj } = process
  return {
    terminal,
    consoleSize:
      terminal && consoleSize !== undefined
        ? { rows: Number(consoleSize.height), columns: Number(consoleSize.width) }
        : null,
    user: normaliseUser(process),
    args,
    env: lastOfEachName(env),
    cwd: process.cwd,
    capabilities:
      process.capabilities === undefined
        ? null
        : normaliseCapabilities(process.capabilities, `${base}/capabilities`, warn),
    rlimits: rlimits.map((rlimit, index) => normaliseRlimit(rlimit, pointer(base, 'rlimits', index))),
    noNewPrivileges: process.noNewPrivileges ?? false,
    oomScoreAdj: oomScoreAdj === undefined ? null : Number(oomScoreAdj),
    apparmorProfile: process.apparmorProfile || null,
    selinuxLabel: process.selinuxLabel || null,
    ...normaliseScheduling(process, base, warn),
  }
}

function normaliseUser({ user = {} }: OciProcess): User {
  const { uid = 0, gid = 0, umask, additionalGids = [] } = user
  return {
    uid: Number(uid),
    gid: Number(gid),
    umask: umask === undefined ? null : Number(umask),
    additionalGids: additionalGids.map(Number),
  }
}

function lastOfEachName(env: readonly string[]): string[] {
  return [...new Map(env.map(entry => [entry.slice(0, entry.indexOf('=')), entry])).values()]
}

function normaliseRlimit({ type, soft, hard }: OciRlimit, origin: string): Rlimit {
  return { type, resource: RLIMITS[type as RlimitName], soft: BigInt(soft), hard: BigInt(hard), origin }
}

/** As runc says it, which suites of tests and people look for. */
export const notRaised = (capability: string, why: string): string =>
  `can't raise ambient capability ${capability}: operation not permitted (it is not ${why})`

/** What cannot be granted is left out with a warning, as the specification asks: config.md#linux-process. */
function normaliseCapabilities(sets: OciCapabilities, base: string, warn: Warn): Capabilities {
  const unknown = new Set<string>()
  const mask = (name: keyof OciCapabilities): bigint => {
    const bits = (sets[name] ?? []).map((capability, index) => {
      const bit = capabilityBit(capability)
      if (bit === 0n) warn(pointer(base, name, index), `unknown capability ${JSON.stringify(capability)} is left out`)
      if (bit === 0n) unknown.add(capability)
      return bit
    })
    return bits.reduce((all, bit) => all | bit, 0n)
  }
  const within = (name: keyof OciCapabilities, limit: bigint, why: string): bigint => {
    const wanted = mask(name)
    const refused = capabilityNames(wanted & ~limit)
    if (name === 'ambient') for (const each of refused) warn(pointer(base, name), notRaised(each, why))
    else if (refused.length > 0) warn(pointer(base, name), `left out, not ${why}: ${refused.join(', ')}`)
    return wanted & limit
  }
  const permitted = mask('permitted')
  const inheritable = mask('inheritable')
  const effective = within('effective', permitted, 'permitted')
  const ambient = within('ambient', permitted & inheritable, 'both permitted and inheritable')
  return { bounding: mask('bounding'), effective, inheritable, permitted, ambient, unknown: [...unknown] }
}
