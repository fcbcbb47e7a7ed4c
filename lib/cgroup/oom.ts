/** Out of memory, at the moment it happens: the kernel wakes us, nothing is polled. */
import { closeFd, openBeneath } from '../sys/beneath.js'
import { openEventfd, readAgain, takeEvents } from '../sys/notify.js'
import { PRIORITY, READABLE, watch } from '../sys/watch.js'
import type { Place } from './paths.js'
import { isGone, readFileIfThere, rootOf, writeFile } from './tree.js'

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
