/** Compiles the configuration's resources for the cgroups that the host has. Pure. */

import type { Resources } from '../config/config.js'
import { anchorOf } from '../config/issues.js'
import { ConfigError, type ConfigIssue } from '../errors.js'
import { isSetting, RESOURCES, type Refusal, type Setting, type Wish } from './setting.js'
import * as v1 from './v1/resources.js'
import * as v2 from './v2/resources.js'

type Compile = (resources: Resources) => Wish[]

interface Controller {
  readonly v1: readonly [name: string, compile: Compile]
  /** null: cgroup v2 has no such thing. */
  readonly v2: readonly [name: string, compile: Compile] | null
}

/** In the order in which they are written. */
const CONTROLLERS: readonly Controller[] = [
  { v1: ['cpuset', v1.cpuset], v2: ['cpuset', v2.cpuset] },
  { v1: ['cpu', v1.cpu], v2: ['cpu', v2.cpu] },
  { v1: ['memory', v1.memory], v2: ['memory', v2.memory] },
  { v1: ['pids', v1.pids], v2: ['pids', v2.pids] },
  { v1: ['blkio', v1.blkio], v2: ['io', v2.io] },
  { v1: ['hugetlb', v1.hugetlb], v2: ['hugetlb', v2.hugetlb] },
  { v1: ['rdma', v1.rdma], v2: ['rdma', v1.rdma] },
  { v1: ['net_cls', v1.netClass], v2: null },
  { v1: ['net_prio', v1.netPriority], v2: null },
]

/** Names that start files of every cgroup v2 directory. */
const CORE = 'cgroup'

/** The controllers that can be used, by the version of the hierarchy that they are bound to. */
export interface Available {
  readonly v1: ReadonlySet<string>
  /** null: no hierarchy of cgroup v2. */
  readonly v2: ReadonlySet<string> | null
}

/** Settings of one controller, which may depend on each other. */
export interface SettingGroup {
  readonly version: 1 | 2
  readonly controller: string
  readonly settings: readonly Setting[]
}

/**
 * The settings in the order in which they are to be written; those of `unified` come last, and so win.
 * @throws {ConfigError} ERR_CONFIG_UNSUPPORTED with every field that the host's cgroups can't fulfil
 */
export function compileSettings(resources: Resources, available: Available): SettingGroup[] {
  const wished = [
    ...CONTROLLERS.map(controller => wish(controller, resources, available)),
    ...unified(resources, available),
  ]
  const refusals = wished.flatMap(({ wishes }) => wishes.filter((wish): wish is Refusal => !isSetting(wish)))
  if (refusals.length > 0) throw new ConfigError('ERR_CONFIG_UNSUPPORTED', issuesOf(refusals))
  return wished
    .map(({ version, controller, wishes }) => ({ version, controller, settings: wishes.filter(isSetting) }))
    .filter(({ settings }) => settings.length > 0)
}

interface WishGroup {
  readonly version: 1 | 2
  readonly controller: string
  readonly wishes: readonly Wish[]
}

function wish(controller: Controller, resources: Resources, available: Available): WishGroup {
  const [name, compile] = controller.v1
  if (available.v1.has(name)) return { version: 1, controller: name, wishes: compile(resources) }
  if (controller.v2 !== null && available.v2?.has(controller.v2[0])) {
    return { version: 2, controller: controller.v2[0], wishes: controller.v2[1](resources) }
  }
  // Version 1 has a word for everything, so it tells which fields are asked for.
  const missing = compile(resources).map(({ origin }) => ({
    controller: name,
    origin,
    reason: missingOf(controller, available),
  }))
  return { version: 1, controller: name, wishes: missing }
}

function missingOf({ v1: [name], v2 }: Controller, available: Available): string {
  if (v2 === null && available.v1.size === 0) return `cgroup v2 has no controller ${name}`
  return `the host has no cgroup controller ${available.v2 !== null && v2 !== null ? v2[0] : name} to offer`
}

function unified(resources: Resources, available: Available): WishGroup[] {
  return v2.unified(resources).map(wish => {
    const { controller } = wish
    const isThere = available.v2 !== null && (controller === CORE || available.v2.has(controller))
    const wishes = isThere || !isSetting(wish) ? [wish] : [unavailable(wish, available)]
    return { version: 2, controller, wishes }
  })
}

function unavailable({ controller, origin, writes }: Setting, available: Available): Refusal {
  const isV1 = available.v2 === null || available.v1.size > 0
  const why = available.v2 === null ? 'the host has no cgroup v2' : `controller "${controller}" not available`
  const reason = `unified resource "${writes[0]?.file}" can't be set: ${why}`
  // The first words are runc's for limits of version 2 on version 1.
  return { controller, origin, reason: isV1 ? `invalid configuration: ${reason}` : reason }
}

/** One issue a field: some fields are written to two files. */
function issuesOf(refusals: readonly Refusal[]): ConfigIssue[] {
  const byField = new Map(refusals.map(refusal => [refusal.origin, refusal]))
  return [...byField.values()].map(({ origin, reason }) => ({
    path: origin,
    rule: anchorOf(origin),
    expected: "what the host's cgroups can do",
    received: 'a field that they can not fulfil',
    message: reason,
  }))
}

/** True if the configuration limits anything at all, so that a host without cgroups can't run it. */
export function asksForCgroups(resources: Resources): boolean {
  const wishes = CONTROLLERS.flatMap(({ v1: [, compile] }) => compile(resources))
  return wishes.length + resources.unified.length + resources.devices.length > 0
}

/** The pointer of the first field that is asked for, else that of the resources. */
export function firstAsked(resources: Resources): string {
  const wishes = CONTROLLERS.flatMap(({ v1: [, compile] }) => compile(resources))
  return [...wishes, ...resources.unified, ...resources.devices][0]?.origin ?? RESOURCES
}
