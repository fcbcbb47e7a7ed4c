/** Out of memory, at the moment it happens: the kernel wakes us, nothing is polled. */
import { closeFd, closeFds, openBeneath } from '../sys/beneath.js'
import { openEventfd, readAgain, takeEvents } from '../sys/eventfd.js'
import { duplicate } from '../sys/stream.js'
import { PRIORITY, READABLE, watch } from '../sys/watch.js'
import { witness } from '../sys/witness.js'
import type { Place } from './place.js'
import { ancestor, isGone, readFileIfThere, rootOf, writeFile } from './tree.js'

export interface OomWatch {
  /** Resolves at the next time that the memory limit lets no process go on: true; false: the cgroup is gone. */
  next(): Promise<boolean>
  stop(): void
}

/** null: the host does not account for memory, or the cgroup is gone. */
export function watchOom(places: readonly Place[]): OomWatch | null {
  const place = places.find(({ controllers }) => controllers.includes('memory'))
  if (place === undefined) return null
  try {
    return place.version === 1 ? watchControl(place) : watchEvents(place)
  } catch (error) {
    if (isGone(error)) return null
    throw error
  }
}

/** Version 1 counts up an eventfd that was registered for memory.oom_control. It does so too when the cgroup is removed. */
function watchControl(place: Place): OomWatch {
  const eventfd = openEventfd()
  try {
    const control = openBeneath(rootOf(place), `${place.path}/memory.oom_control`, 'read')
    try {
      writeFile(place, 'cgroup.event_control', `${eventfd} ${control}`)
    } finally {
      closeFd(control)
    }
  } catch (error) {
    closeFd(eventfd)
    throw error
  }
  return waiting(eventfd, READABLE, () => {
    takeEvents(eventfd)
    return readFileIfThere(place, 'memory.oom_control') === null ? 'gone' : 'happened'
  })
}

/** Version 2 wakes those that poll memory.events; other events than this one are in it too. */
function watchEvents(place: Place): OomWatch {
  const file = openBeneath(rootOf(place), `${place.path}/memory.events`, 'read')
  let known = oomKillsIn(readAgain(file))
  return waiting(file, PRIORITY, () => {
    const text = readAgain(file)
    const before = known
    known = oomKillsIn(text)
    if (text === null) return 'gone'
    return known > before ? 'happened' : 'nothing'
  })
}

/** How many kills a memory.events or a memory.oom_control tells of. */
export function oomKillsIn(text: string | null): number {
  return Number(/^oom_kill ([0-9]+)$/m.exec(text ?? '')?.[1] ?? 0)
}

/** Takes over the descriptor. */
function waiting(fd: number, events: number, look: () => 'happened' | 'nothing' | 'gone'): OomWatch {
  let wait = watch(fd, events, { keepAlive: false })
  const next = async (): Promise<boolean> => {
    for (;;) {
      await wait.ready
      const seen = look()
      if (seen === 'gone') return false
      wait = watch(fd, events, { keepAlive: false })
      if (seen === 'happened') return true
    }
  }
  const stop = (): void => {
    wait.stop()
    closeFd(fd)
  }
  return { next, stop }
}

const EVENTS = 'memory.events'

/**
 * Whether the OOM killer has killed in the cgroup (of version 2) by the time that the process of `pidfd` has ended. False
 * if nobody counts. Does not keep the event loop alive.
 */
export async function witnessOom([place]: readonly Place[], pidfd: number): Promise<boolean> {
  const events = place === undefined ? null : openEvents(place)
  if (place === undefined || events === null) return false
  const opened = [events]
  try {
    const own = duplicate(pidfd)
    opened.push(own)
    return await hasKilledAtEnd({ place, events, pidfd: own })
  } finally {
    closeFds(opened)
  }
}

async function hasKilledAtEnd(of: { place: Place; events: number; pidfd: number }): Promise<boolean> {
  const { place, events, pidfd } = of
  const above = watchAbove(place, events)
  try {
    // Nearly always faster than the cgroup is removed.
    const text = await witness({ fd: pidfd, events: READABLE, file: events }).said
    return text === null ? above.hasKilled() : oomKillsIn(text) > 0
  } finally {
    above.stop()
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
  const next = () => witness({ fd: events, events: PRIORITY, file: events })
  let before = count()
  let reachedLimit = false
  let fault: unknown = null
  let hasEnded = false
  let wait = next()
  const look = async (): Promise<void> => {
    for (let text: string | null = ''; text !== null; wait = next()) {
      const seen = await wait.said
      if (hasEnded) return
      reachedLimit ||= seen !== null
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
