/** When which hooks run, and what their failure means (runtime.md, lifecycle). */
import { compileHook } from '../compile/index.js'
import type { HostFacts } from '../host/facts.js'
import { inContainerNamespace, inRuntimeNamespace, runAllHooks, runHooks } from '../launch/hooks.js'
import type { Config } from '../spec/config.js'
import type { OciState } from '../spec/state.js'
import type { ContainerRecord } from '../store/record.js'
import type { Context } from './context.js'
import { joinSources } from './slots.js'
import { ociState } from './status.js'

interface HookPoint {
  readonly config: Config
  readonly record: ContainerRecord
  readonly facts: HostFacts
  /** The container's init. */
  readonly child: { readonly pid: number; readonly pidfd: number }
}

/** prestart, createRuntime, createContainer: the namespaces are there, the root is not yet switched. */
export async function createHooks(point: HookPoint): Promise<void> {
  const { config, record } = point
  const state = ociState(record, 'creating')
  for (const kind of ['prestart', 'createRuntime'] as const) {
    await runHooks({ kind, hooks: config.hooks[kind], state, runner: inRuntimeNamespace })
  }
  await runInContainer(point, 'createContainer', state)
}

/** startContainer: in the container, before the user's process. */
export async function startHooks(point: HookPoint): Promise<void> {
  await runInContainer(point, 'startContainer', ociState(point.record, 'created'))
}

async function runInContainer(
  { config, facts, child }: HookPoint,
  kind: 'createContainer' | 'startContainer',
  state: OciState,
): Promise<void> {
  const runner = inContainerNamespace(hook => compileHook({ config, facts, hook, where: kind }), joinSources(child))
  await runHooks({ kind, hooks: config.hooks[kind], state, runner })
}

export async function poststartHooks(config: Config, record: ContainerRecord): Promise<void> {
  const state = ociState(record, 'running')
  await runHooks({ kind: 'poststart', hooks: config.hooks.poststart, state, runner: inRuntimeNamespace })
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
  for (const error of await runAllHooks({ kind: 'poststop', hooks, state, runner: inRuntimeNamespace })) {
    context.log({ level: 'warning', message: error.message, id: record.id })
  }
}
