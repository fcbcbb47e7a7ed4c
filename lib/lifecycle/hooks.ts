/** When which hooks run, and what their failure means (runtime.md, lifecycle). */
import type { Cgroup } from '../cgroup/index.js'
import { compileHook } from '../compile/index.js'
import type { HostFacts } from '../host/facts.js'
import { inContainerNamespace, inRuntimeNamespace, runAllHooks, runHooks } from '../launch/hooks.js'
import type { Plan } from '../plan/plan.js'
import type { Config, Hook } from '../spec/config.js'
import type { ContainerRecord } from '../store/record.js'
import { closeFd } from '../sys/beneath.js'
import { pidInNamespace } from '../sys/process.js'
import type { Context } from './context.js'
import { sendListener } from './listener.js'
import { openJoinSlots } from './slots.js'
import { ociState } from './status.js'

interface HookPoint {
  readonly config: Config
  readonly record: ContainerRecord
  readonly facts: HostFacts
  readonly cgroup: Cgroup
  /** Kills the hook that runs. */
  readonly signal?: AbortSignal | undefined
  /** The container's init. */
  readonly child: { readonly pid: number; readonly pidfd: number }
  /** The state directory, which has the cache of compiled filters. */
  readonly root: string
}

/** prestart, createRuntime, createContainer: the namespaces are there, the root is not yet switched. */
export async function createHooks(point: HookPoint): Promise<void> {
  const { config, record, signal } = point
  const state = ociState(record, 'creating')
  for (const kind of ['prestart', 'createRuntime'] as const) {
    await runHooks({ kind, hooks: config.hooks[kind], state, signal, runner: inRuntimeNamespace(record) })
  }
  await runInContainer(point, 'createContainer', 'creating')
}

/** startContainer: in the container, before the user's process and confined as that will be. */
export async function startHooks(point: HookPoint): Promise<void> {
  await runInContainer(point, 'startContainer', 'created')
}

/** The state has the pid that the container sees (runtime.md, state). */
async function runInContainer(
  { config, facts, child, record, cgroup, signal, root }: HookPoint,
  kind: 'createContainer' | 'startContainer',
  status: 'creating' | 'created',
): Promise<void> {
  const state = ociState({ ...record, pid: pidInNamespace(child.pid) }, status)
  const { id, bundle, rootfs } = record
  const options = { id, bundle, rootfs, hasCgroup: !cgroup.isNone }
  const planOf = (hook: Hook) => compileHook({ kind, config, facts, hook, options })
  const openSlots = (plan: Plan): number[] => openJoinSlots({ plan, cgroup, init: child, filter: { config, root } })
  const listener = (fd: number, { pid }: { pid: number }) => sendListener({ fd, pid, config, state })
  const directory = cgroup.directoryFd()
  const runner = inContainerNamespace({ planOf, openSlots, listener, cgroup: directory })
  try {
    await runHooks({ kind, hooks: config.hooks[kind], state, signal, runner })
  } finally {
    if (directory !== null) closeFd(directory)
  }
}

export async function poststartHooks(config: Config, record: ContainerRecord): Promise<void> {
  const state = ociState(record, 'running')
  await runHooks({ kind: 'poststart', hooks: config.hooks.poststart, state, runner: inRuntimeNamespace(record) })
}

/** A failure is a warning, and the rest runs. */
export async function poststopHooks({
  context,
  config,
  record,
}: {
  context: Context
  config: Config
  record: ContainerRecord
}): Promise<void> {
  const state = ociState({ ...record, pid: 0 }, 'stopped')
  const hooks = config.hooks.poststop
  for (const error of await runAllHooks({ kind: 'poststop', hooks, state, runner: inRuntimeNamespace(record) })) {
    context.log({ level: 'warning', message: error.message, id: record.id })
  }
}
