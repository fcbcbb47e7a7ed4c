/** create: everything but the user's process. What fails is undone before the error is thrown. */
import type { Cgroup } from '../cgroup/index.js'
import { limitsComeEarly, scoreComesEarly } from '../compile/index.js'
import { validateId } from '../config/container-id.js'
import { refuseOwnSysctls } from '../host/own-namespaces.js'
import type { Child } from '../launch/child.js'
import type { Context } from '../launch/context.js'
import { createHooks } from '../launch/hooks.js'
import { begin } from '../launch/launch.js'
import { logInit } from '../launch/launch-log.js'
import { type MemoryUpper, memoryUpper } from '../launch/layered.js'
import { makesUserNamespace, writeIdMappings } from '../launch/mappings.js'
import { sendPidfd } from '../launch/pidfd-socket.js'
import { applyOomScore, applyRlimits, writeTimeOffsets } from '../launch/process-settings.js'
import { applyScheduling } from '../launch/scheduling.js'
import { initOf, openPlanSlots } from '../launch/slots.js'
import { type Launched, launchWithStreams, type OpenStdio, type Streams } from '../launch/stdio.js'
import { type LaunchClock, startClock, type TimelineEntry } from '../launch/timeline.js'
import { moveNetDevices } from '../network-devices/move.js'
import type { Plan } from '../plan/plan.js'
import { createClass, enterClass, planClass } from '../resctrl/class.js'
import type { ClassRecord } from '../resctrl/filesystem.js'
import { sendListener } from '../seccomp/listener.js'
import { type ContainerRecord, ociState } from '../store/container-record.js'
import { writeStoredConfig } from '../store/stored-config.js'
import { closeFd } from '../sys/beneath.js'
import { makeDirectory } from '../sys/file.js'
import { namesOfFds } from '../sys/processes.js'
import { duplicate } from '../sys/stream.js'
import { giveWay } from '../sys/turns.js'
import { compileOnce } from './blueprint.js'
import { type Bundle, makeExtras, placeBundle, type ReadBundle, withExtras } from './bundle.js'
import { compileOptions } from './compile-options.js'
import { inCgroup, type MadeOptions } from './create-options.js'
import { withReserved } from './first-record.js'
import { type Ledger, openLedger } from './ledger.js'
import { orOutOfMemory } from './out-of-memory.js'
import { delegate, NO_CGROUP, ownCgroup, resourcesFor } from './own-cgroup.js'
import { undo } from './undo-create.js'
import { claimUpper, type UpperClaim } from './upper-claim.js'

export interface Created {
  readonly record: ContainerRecord
  readonly child: Child
  readonly streams: Streams
  readonly cgroup: Cgroup
  /** What is written to a root in memory; null if it has none. The descriptor is the caller's. */
  readonly memory: number | null
  /** null: nobody asks for it. */
  readonly timeline: readonly TimelineEntry[] | null
}

/** What is known before anything is made. */
interface NewContainer {
  readonly context: Context
  readonly options: MadeOptions
  /** undefined: nobody asks what takes how long. */
  readonly clock: LaunchClock | undefined
  /** Lets the next one begin, before something that may take any time. */
  readonly leaveQueue: () => void
  /** With the configuration as it was given, and with what this call adds for the first process. */
  readonly asked: Bundle
  readonly bundle: Bundle
  readonly plan: Plan
  readonly cgroup: Cgroup
  /** null: none is asked for. */
  readonly rdt: ClassRecord | null
}

export interface Creating {
  readonly context: Context
  /** Called when it is this one's turn. */
  readonly read: () => Promise<ReadBundle>
  readonly options: MadeOptions
}

/** @throws {ConfigError|HostError|StateError|LaunchError|SafetyError|HookError|CgroupError} nothing is left behind */
export async function create({ context, read, options }: Creating): Promise<Created> {
  options.signal?.throwIfAborted()
  validateId(options.id)
  const clock = options.onTimeline === undefined ? undefined : startClock()
  const leaveQueue = await context.queue.enter(options.signal)
  clock?.waitedFor('other containers')
  try {
    options.signal?.throwIfAborted()
    const found = await placeBundle(await read(), () => `${context.store.directory(options.id)}/root`, options.signal)
    clock?.did('configuration')
    const draft = await prepare({ context, options, clock, found, leaveQueue })
    clock?.did('plan')
    return await withReserved(draft, first => make(draft, first))
  } finally {
    leaveQueue()
  }
}

interface Asked extends Pick<NewContainer, 'context' | 'options' | 'clock' | 'leaveQueue'> {
  /** What it has in common with others. */
  readonly found: Bundle
}

async function prepare({ context, options, clock, found, leaveQueue }: Asked): Promise<NewContainer> {
  const asked = inCgroup(found, options)
  const bundle = { ...asked, config: withExtras(context, asked.config, options) }
  const facts = context.facts()
  const { config } = bundle
  const { intelRdt } = config.linux
  refuseOwnSysctls(config)
  const cgroup = ownCgroup(context, { id: options.id, config })
  await giveWay()
  const { plan, warnings } = compileOnce(found, { config, facts, options: compileOptions(options, bundle, cgroup) })
  await giveWay()
  const noted = [...bundle.warnings, ...warnings, ...(cgroup.isNone ? [NO_CGROUP] : [])]
  for (const message of noted) context.log({ level: 'warning', message, id: options.id })
  context.debug(options.id, `plan of ${plan.ops.length} steps with ${plan.slots.length} descriptors`)
  const rdt = intelRdt === null ? null : planClass({ rdt: intelRdt, id: options.id })
  return { context, options, clock, leaveQueue, asked, bundle, plan, cgroup, rdt }
}

/** From here on there is something to undo. */
async function make(draft: NewContainer, first: ContainerRecord): Promise<Created> {
  const { context, cgroup, bundle, rdt } = draft
  const { intelRdt } = bundle.config.linux
  const ledger = openLedger(context.store, first)
  try {
    ledger.update({})
    makeExtras(context, draft.options)
    if (rdt !== null && intelRdt !== null) createClass(rdt, intelRdt)
    if (cgroup.isUnit) await claim(draft, ledger)
    await giveWay()
    cgroup.begin({ resources: resourcesFor(context, bundle.config, cgroup) })
    draft.clock?.did('state and cgroup')
    const { child, streams, memory } = await withUpper(draft, ledger)
    const timeline = draft.clock?.entries(draft.plan) ?? null
    logInit({ context, id: draft.options.id, pid: child.pid, config: bundle.config })
    return { record: ledger.record(), child, streams, cgroup, memory, timeline }
  } catch (error) {
    const told = orOutOfMemory(error, cgroup)
    context.store.freeSpare(first.id)
    await undo(draft, ledger)
    throw told
  } finally {
    for (const { release } of ledger.held) release()
  }
}

/** systemd says where the cgroup is: kept before anything is written there. */
async function claim({ cgroup, bundle }: NewContainer, ledger: Ledger): Promise<void> {
  await cgroup.claim(bundle.config.linux.resources)
  ledger.update({ cgroup: cgroup.toJSON() })
}

/** With what is written to a layered root. */
async function withUpper(draft: NewContainer, ledger: Ledger): Promise<Launched & Pick<Created, 'memory'>> {
  const { layered, rootfs } = draft.bundle
  const memory = memoryUpper()
  if (layered === null) return { ...(await launchInit({ ...draft, ledger, memory, claim: null })), memory: null }
  const claim = 'directory' in layered.upper ? claimUpper(layered.upper.directory, draft.options.id) : null
  try {
    if (draft.plan.ops.some(({ op }) => op === 'place_root')) makeDirectory(rootfs)
    const launched = await launchInit({ ...draft, ledger, memory, claim })
    return { ...launched, memory: memory.take() }
  } finally {
    memory.close()
    claim?.release()
  }
}

interface Rooted extends NewContainer {
  readonly ledger: Ledger
  readonly memory: MemoryUpper
  /** Of the directory that takes what is written; null if there is none. */
  readonly claim: UpperClaim | null
}

async function launchInit(draft: Rooted): Promise<Launched> {
  const { options, bundle } = draft
  const { terminal = false } = bundle.config.process ?? {}
  return launchWithStreams({ ...options, terminal }, stdio => launchToCreated({ ...draft, stdio }))
}

interface Making extends Rooted {
  readonly stdio: OpenStdio
}

/** The straight line: each step of the runtime in its order, beside those of the plan. */
async function launchToCreated(making: Making): Promise<Child> {
  const { context, clock, plan, cgroup, bundle, options, ledger, stdio, memory } = making
  const { id, extraFds = [], signal, leavesStatus = false } = options
  const { config } = bundle
  const fds = [...stdio.fds, ...extraFds]
  await giveWay()
  clock?.did('standard streams')
  const launch = begin({ plan, stdio: fds, cgroup: cgroup.directoryFd(), signal, clock, leavesStatus })
  ledger.hasBegun = true
  try {
    await giveWay()
    clock?.did('start of the helper')
    cgroup.finish()
    await giveWay()
    clock?.did('rest of the cgroup')
    const covering = (rootMount: unknown): void => ledger.update({ rootMount })
    const { rootfs } = bundle
    const slots = await openPlanSlots({ context, config, plan, cgroup, stdio, id, rootfs, covering, memory, signal })
    clock?.did('descriptors for the plan')
    launch.hand(slots)
    await giveWay()
    // Nobody asks for it yet, and the helper is at work.
    writeStoredConfig(context.store, id, making.asked.config)
    const streams = namesOfFds(stdio.fds)
    clock?.did('plan handed over, configuration kept')
    ledger.enter(await launch.born())
    if (await launch.reach('map')) {
      clock?.waitedFor('map')
      await setAtMap(making, launch.child)
      launch.release()
      clock?.did('maps of ids')
    }
    ledger.enter(await launch.stays())
    if (await launch.reach('prepare')) {
      clock?.waitedFor('prepare')
      await setAtPrepare(making, launch.child)
      launch.release()
      clock?.did('limits, devices and hooks')
    }
    const listener = await launch.takeListener()
    if (listener !== null) {
      const state = ociState(ledger.record(), 'creating')
      await sendListener({ fd: listener, config, state, signal }).finally(() => closeFd(listener))
      launch.release()
    }
    await launch.reach('created')
    clock?.waitedFor('created')
    await setAtCreated(making, launch.child)
    ledger.update({ phase: 'created', stdio: streams })
    launch.release()
    clock?.did('settings and state')
    return launch.child
  } catch (error) {
    throw await launch.end(error)
  } finally {
    launch.close()
  }
}

/** The user namespace is made, and has no ids. */
async function setAtMap({ bundle: { config }, context }: NewContainer, { pid }: Child): Promise<void> {
  const facts = context.facts()
  if (makesUserNamespace(config)) await writeIdMappings({ pid, config, facts })
  writeTimeOffsets(pid, config)
  if (scoreComesEarly({ config, facts })) applyOomScore(pid, config)
}

/** The mounts are made, and the root is not switched. */
async function setAtPrepare(
  { context, cgroup, options, ledger, bundle, leaveQueue }: Making,
  child: Child,
): Promise<void> {
  const { config } = bundle
  const facts = context.facts()
  if (limitsComeEarly({ config, facts })) applyRlimits(child.pid, config)
  const { netDevices } = config.linux
  if (netDevices.length > 0) ledger.held.push(moveNetDevices(netDevices, child.pid))
  const point = { config, cgroup, facts, store: context.store, signal: options.signal }
  leaveQueue()
  await createHooks({ ...point, record: ledger.record(), init: initOf(child) })
}

/** All is made; the process waits for start. */
async function setAtCreated(
  { context, cgroup, options, rdt, bundle, claim, ledger }: Making,
  child: Child,
): Promise<void> {
  const { config } = bundle
  const { pid } = child
  if (rdt !== null) enterClass(rdt, pid)
  applyScheduling(pid, config)
  claim?.settle(ledger.record())
  await cgroup.settle()
  delegate(context, { id: options.id, config, cgroup, pid })
  const facts = context.facts()
  if (!limitsComeEarly({ config, facts })) applyRlimits(pid, config)
  if (!scoreComesEarly({ config, facts })) applyOomScore(pid, config)
  const { pidfdSocket: path, signal } = options
  const pidfd = path === undefined ? null : child.withPidfd(duplicate)
  if (path && pidfd) await sendPidfd({ path, pidfd, message: 'standard', signal }).finally(() => closeFd(pidfd))
}
