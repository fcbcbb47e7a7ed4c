/** Other limits for a cgroup in use. */
import type { Resources } from '../config/config.js'
import { applyGroupsLater, checkUsage, remember } from './apply.js'
import { type DeviceAccess, deviceAccess } from './device-access.js'
import { availableIn } from './make.js'
import type { Place } from './place.js'
import { compileSettings, type SettingGroup } from './resources.js'
import type { Unit } from './systemd/unit.js'

interface Limits {
  readonly resources: Resources
  readonly keepsDevices: boolean
}

export interface Change {
  readonly asked: Resources
  /** All that there is to say before the change, and after it. */
  readonly before: Resources
  readonly after: Resources
  /** The device list stays as it is. */
  readonly keepsDevices: boolean
}

interface Changing extends Change {
  readonly places: readonly Place[]
  /** null: systemd does not know of the cgroup. */
  readonly unit: Unit | null
}

/**
 * systemd is told first, so that it does not write the old limits again, and only what has been checked: it applies at once what it is
 * told. What it writes is not all, or exactly, that was asked for, so then everything is written by us.
 */
export async function changeLimits({ places, unit, asked, before, after, keepsDevices }: Changing): Promise<void> {
  const { groups, devices } = check(places, { resources: asked, keepsDevices })
  const all = unit === null ? groups : compileSettings(after, availableIn(places))
  const restore = remember(places, all)
  try {
    await unit?.change(groups)
    await applyGroupsLater(places, all)
    devices({ isNew: false })
  } catch (error) {
    // What went wrong is what counts; the kernel has the last word anyway.
    await unit?.change(compileSettings(before, availableIn(places))).catch(() => {})
    restore()
    throw error
  }
}

/** All that can be said before anything is changed. */
function check(
  places: readonly Place[],
  { resources, keepsDevices }: Limits,
): { groups: SettingGroup[]; devices: DeviceAccess } {
  const groups = compileSettings(resources, availableIn(places))
  const devices = keepsDevices ? () => {} : deviceAccess(places, resources.devices)
  if (resources.memory.checkBeforeUpdate) checkUsage(places, resources.memory.limit ?? 0n)
  return { groups, devices }
}
