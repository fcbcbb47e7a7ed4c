/** stats and events: what a container uses, and when it has no memory left. */

import { type OomWatch, openCgroup, type Stats } from '../cgroup/index.js'
import { readDuration } from '../config/option.js'
import { StateError } from '../errors.js'
import type { Context } from '../launch/context.js'
import { abortOf } from '../sys/abort.js'
import { closeFd } from '../sys/beneath.js'
import { monotonicMs } from '../sys/self.js'
import { after, type Timer } from '../sys/timer.js'
import { READABLE, watch } from '../sys/watch.js'
import { openInit, statusOf } from './state.js'

export type ContainerEvent =
  | { readonly type: 'stats'; readonly stats: Stats }
  /** The memory limit let no process go on; the kernel kills one, unless the configuration forbids it. */
  | { readonly type: 'oom' }

export interface EventsOptions {
  /** Milliseconds between two statistics, above 0; Infinity for none. Default 5000. */
  readonly interval?: number
  readonly signal?: AbortSignal
}

const DEFAULT_INTERVAL = 5000

/** Of a container that has ended what it has used, as long as its cgroup is there. */
export function currentStats(context: Context, id: string): Stats {
  return openCgroup({ recorded: context.store.read(id).cgroup }).stats()
}

const notRunning = (id: string): StateError =>
  new StateError('ERR_STATE_STATUS', `container with id ${id} is not running`, {
    id,
    status: 'stopped',
    expected: 'running',
  })

type Happening = 'tick' | 'oom' | 'end'

/** @throws {StateError|ConfigError} as `Container.events`, at the first step */
export async function* events(
  context: Context,
  id: string,
  { interval: asked, signal }: EventsOptions,
): AsyncGenerator<ContainerEvent, void> {
  const interval = readDuration({ option: 'interval', value: asked, otherwise: DEFAULT_INTERVAL })
  signal?.throwIfAborted()
  const record = context.store.read(id)
  const pidfd = statusOf(context, record) === 'stopped' ? null : openInit(record)
  if (pidfd === null) throw notRunning(id)
  const cgroup = openCgroup({ recorded: record.cgroup })
  const before = cgroup.oomKills()
  const sources = openSources({ pidfd, oom: cgroup.watchOom(), interval, signal })
  let told = 0
  try {
    for (let now = await sources.next(); now !== 'end'; now = await sources.next()) {
      if (now === 'oom') told++
      yield now === 'oom' ? { type: 'oom' } : { type: 'stats', stats: cgroup.stats() }
    }
    // The kill that ends the container may be seen by its end first.
    if (cgroup.oomKills() - before > told) yield { type: 'oom' }
  } finally {
    sources.close()
  }
}

interface SourcesInput {
  /** Of the container's init; taken over. */
  readonly pidfd: number
  /** Taken over. */
  readonly oom: OomWatch | null
  readonly interval: number
  readonly signal: AbortSignal | undefined
}

/** What happens next, of several sources; what has happened meanwhile is not lost. */
function openSources({ pidfd, oom, interval, signal }: SourcesInput) {
  const exit = watch(pidfd, READABLE)
  const ended = exit.ready.then((): Happening => 'end')
  const never = new Promise<Happening>(() => {})
  const nextOom = (): Promise<Happening> =>
    oom === null ? never : oom.next().then(happened => (happened ? 'oom' : never))
  let outOfMemory = nextOom()
  const cancelled = abortOf(signal)
  let due = monotonicMs() + interval
  const next = async (): Promise<Happening> => {
    let timer: Timer | undefined
    const tick = new Promise<Happening>(resolve => {
      timer = after(Math.max(0, due - monotonicMs()), () => resolve('tick'))
    })
    const now = await Promise.race([outOfMemory, ended, cancelled.promise, tick]).finally(() => timer?.stop())
    if (now === 'oom') outOfMemory = nextOom()
    // A slow consumer misses ticks, it does not get them all at once.
    if (now === 'tick') due = monotonicMs() + interval
    return now
  }
  const close = (): void => {
    cancelled.stop()
    exit.stop()
    closeFd(pidfd)
    oom?.stop()
  }
  return { next, close }
}
