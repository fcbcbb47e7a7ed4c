/** Whether the OOM killer was there, of a cgroup that somebody removes as soon as it is empty. */
import { closeFd, openBeneath } from '../sys/beneath.js'
import { readAgain } from '../sys/notify.js'
import { duplicate } from '../sys/stream.js'
import { PRIORITY, READABLE, watch } from '../sys/watch.js'
import { oomKillsIn } from './oom.js'
import type { Place } from './paths.js'
import { ancestor, isGone, readFileIfThere, rootOf } from './tree.js'

const EVENTS = 'memory.events'

/**
 * Whether the OOM killer has killed in the cgroup (of version 2) by the time that the process of `pidfd` has ended. False
 * where nobody counts. Does not keep the event loop alive.
 */
export async function witnessOom([place]: readonly Place[], pidfd: number): Promise<boolean> {
  const events = place === undefined ? null : openEvents(place)
  if (place === undefined || events === null) return false
  const own = duplicate(pidfd)
  const above = watchAbove(place, events)
  try {
    // Read by the thread that waits, and nearly always faster than the cgroup is removed.
    const end = watch(own, READABLE, { keepAlive: false, file: events })
    await end.ready
    const text = end.said()
    return text === null ? above.hasKilled() : oomKillsIn(text) > 0
  } finally {
    above.stop()
    closeFd(own)
    closeFd(events)
  }
}

/** null: there is no such cgroup, or it does not account for memory. */
function openEvents(place: Place): number | null {
  try {
    return openBeneath(rootOf(place), `${place.path}/${EVENTS}`, 'read')
  } catch (error) {
    if (isGone(error)) return null
    throw error
  }
}

/**
 * The cgroup above counts the kills of those below, and stays. What it had counted when this one last told of having reached
 * its limit, and had killed nobody, leaves the kills from then on: ours, unless another one below killed within that moment.
 */
function watchAbove(place: Place, events: number): { hasKilled(): boolean; stop(): void } {
  const count = (): number => oomKillsIn(readFileIfThere(ancestor(place, 1), EVENTS))
  const next = () => watch(events, PRIORITY, { keepAlive: false, file: events })
  let before = count()
  let reachedLimit = false
  let fault: unknown = null
  let hasEnded = false
  let wait = next()
  const look = async (): Promise<void> => {
    for (let text: string | null = ''; text !== null; wait = next()) {
      await wait.ready
      if (hasEnded) return
      reachedLimit ||= wait.said() !== null
      const counted = count()
      text = readAgain(events)
      // In this order: what has killed nobody by now had not when the others were counted.
      if (text !== null && oomKillsIn(text) === 0) before = counted
    }
  }
  look().catch((error: unknown) => {
    fault = error
  })
  const hasKilled = (): boolean => {
    if (fault !== null) throw fault
    return reachedLimit && count() > before
  }
  const stop = (): void => {
    hasEnded = true
    wait.stop()
  }
  return { hasKilled, stop }
}
