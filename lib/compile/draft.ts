import type { Config } from '../config/config.js'
import { makeIssue } from '../config/issues.js'
import { ConfigError } from '../errors.js'
import type { HostFacts } from '../host/facts.js'
import type { Op, OpArgs, OpName } from '../plan/ops.js'
import { type LayeredTree, makeOp, type Plan, type Slot } from '../plan/plan.js'
import { MOST_SLOTS } from '../plan/rules.js'
import { newPlaces, type Places } from './paths.js'

/** A plan in the making: ops and slots are only ever added at the end. */
export interface Draft {
  op<N extends OpName>(name: N, args: OpArgs<N>, origin?: string): void
  /** The number of the new slot. */
  slot(slot: Slot): number
  warn(message: string): void
  /** Where something has been mounted by now. */
  readonly mounted: Places
  /** Where something is mounted or made at any time. */
  readonly made: Places
  /** The plan of all that was added. */
  plan(header: { cloneFlags: number; preserveFds: number }): Plan
  readonly warnings: readonly string[]
}

/** What every part of the compiler works from and adds to. */
export interface Work {
  readonly config: Config
  readonly facts: HostFacts
  readonly options: Options
  readonly draft: Draft
}

export function newDraft(): Draft {
  const ops: Op[] = []
  const slots: Slot[] = []
  const warnings: string[] = []
  return {
    op: (name, args, origin = '') => void ops.push(makeOp(name, args, origin)),
    slot: slot => {
      if (slots.length === MOST_SLOTS) throw tooManySlots(slot.origin)
      return slots.push(slot) - 1
    },
    mounted: newPlaces(),
    made: newPlaces(),
    warn: message => void warnings.push(message),
    plan: header => ({ ...header, ops, slots }),
    warnings,
  }
}

function tooManySlots(path: string): ConfigError {
  const expected = `among the first ${MOST_SLOTS} things of the host that the container is made of, such as bind mounts`
  return new ConfigError('ERR_CONFIG_UNSUPPORTED', [makeIssue({ path, expected, received: MOST_SLOTS + 1 })])
}

export interface CompileOptions {
  readonly id: string
  /** Absolute path of the bundle: relative sources of bind mounts start there. */
  readonly bundle: string
  /** Absolute path of the root file system on the host. */
  readonly rootfs: string
  /** The root is made of these; `rootfs` is then where hooks find it. Default: it is what is at `rootfs`. */
  readonly layered?: LayeredTree | null
  /** Move the root over "/" instead of pivot_root(2). Default: false. */
  readonly noPivot?: boolean | undefined
  /** Keep the caller's session keyring. Default: false. */
  readonly noNewKeyring?: boolean | undefined
  /** Descriptors after standard error that the process keeps. Default: 0. */
  readonly preserveFds?: number | undefined
  /** How many of LISTEN_FDS come before those; the process is told by LISTEN_FDS and LISTEN_PID. Default: 0. */
  readonly listenFds?: number | undefined
  /** The container has a cgroup. Default: true. */
  readonly hasCgroup?: boolean | undefined
  /** Stop before the root is switched even when no hook asks for it. Default: false. */
  readonly prepareBarrier?: boolean | undefined
  /** The terminal's output keeps its line feeds as they are. Default: false, as the kernel has it: carriage returns are added. */
  readonly lineFeedsOnly?: boolean | undefined
  /** The first process stays the helper's, and reaps. Default: false. */
  readonly reaps?: boolean | undefined
  /** The container ends with the process that makes it; needs `reaps`. Default: false. */
  readonly hasLifeline?: boolean | undefined
}

export interface Options {
  readonly id: string
  readonly bundle: string
  readonly rootfs: string
  readonly layered: LayeredTree | null
  readonly noPivot: boolean
  readonly noNewKeyring: boolean
  readonly preserveFds: number
  readonly listenFds: number
  readonly hasCgroup: boolean
  readonly prepareBarrier: boolean
  readonly lineFeedsOnly: boolean
  readonly reaps: boolean
  readonly hasLifeline: boolean
}

/** The one place of the defaults. */
export function withDefaults(given: CompileOptions): Options {
  return {
    id: given.id,
    bundle: given.bundle,
    rootfs: given.rootfs,
    layered: given.layered ?? null,
    noPivot: given.noPivot ?? false,
    noNewKeyring: given.noNewKeyring ?? false,
    preserveFds: given.preserveFds ?? 0,
    listenFds: given.listenFds ?? 0,
    hasCgroup: given.hasCgroup ?? true,
    prepareBarrier: given.prepareBarrier ?? false,
    lineFeedsOnly: given.lineFeedsOnly ?? false,
    reaps: given.reaps ?? false,
    hasLifeline: given.hasLifeline ?? false,
  }
}
