/** The places in a root where something is going to be mounted: CRIU mounts, and makes no places for it. */
import type { Cgroup } from '../cgroup/index.js'
import type { RootMount } from '../host/root-mount.js'
import type { Context } from '../launch/context.js'
import { begin } from '../launch/launch.js'
import { memoryUpper } from '../launch/layered.js'
import { makesUserNamespace, writeIdMappings } from '../launch/mappings.js'
import { writeTimeOffsets } from '../launch/process-settings.js'
import { openPlanSlots } from '../launch/slots.js'
import { type OpenStdio, openStdio } from '../launch/stdio.js'
import type { Plan } from '../plan/plan.js'
import type { ClassRecord } from '../resctrl/filesystem.js'
import type { Bundle } from './bundle.js'

/** What is known before anything is made. */
export interface NewContainer {
  readonly context: Context
  readonly options: { readonly id: string; readonly signal?: AbortSignal }
  readonly bundle: Bundle
  /** Waits when all is mounted. */
  readonly plan: Plan
  readonly cgroup: Cgroup
  /** null: none is asked for. */
  readonly rdt: ClassRecord | null
}

/**
 * Launches the container up to its mounts, and ends it there: what create makes in the root is there then, by the same steps, and
 * all else has gone with the namespaces.
 * `covering`: see `openPlanSlots`.
 * @throws {LaunchError|SafetyError} as create would; the reason of the signal
 */
export async function makeMountPoints(draft: NewContainer, covering: (mount: RootMount) => void): Promise<void> {
  const stdio = await openStdio('ignore', null)
  try {
    await launchToMounts(draft, { stdio: { ...stdio, console: stdio.fds[0] }, covering })
  } finally {
    stdio.release()
  }
}

interface Places {
  readonly stdio: OpenStdio
  readonly covering: (mount: RootMount) => void
}

async function launchToMounts({ context, options, bundle, plan, cgroup }: NewContainer, places: Places): Promise<void> {
  const { id, signal } = options
  const { config, rootfs } = bundle
  const { stdio } = places
  const launch = begin({ plan, stdio: stdio.fds, cgroup: cgroup.directoryFd(), signal })
  try {
    const sources = { ...places, memory: memoryUpper() }
    launch.hand(await openPlanSlots({ context, config, plan, cgroup, id, rootfs, signal, ...sources }))
    await launch.born()
    if (await launch.reach('map')) {
      const { pid } = launch.child
      if (makesUserNamespace(config)) await writeIdMappings({ pid, config, facts: context.facts() })
      writeTimeOffsets(pid, config)
      launch.release()
    }
    await launch.stays()
    await launch.reach('prepare')
    await launch.end(null)
  } catch (error) {
    throw await launch.end(error)
  } finally {
    launch.close()
  }
}
