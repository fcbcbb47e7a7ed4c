/** What the result of a container tells of its cgroup: a few of the counts, read before the cgroup is gone. */
import { closeFds, openBeneath } from '../../sys/beneath.js'
import type { CpuTime } from '../../sys/processes.js'
import { duplicate } from '../../sys/stream.js'
import { READABLE } from '../../sys/watch.js'
import { witness } from '../../sys/witness.js'
import type { Place } from '../place.js'
import { isGone, rootOf } from '../tree.js'
import * as v1 from './v1.js'
import * as v2 from './v2.js'

export interface CgroupUsage {
  /** null: there is no cgroup, or it is gone. */
  readonly cpuTime: CpuTime | null
  /** Bytes; null: there is no cgroup that counts them. */
  readonly peakMemory: number | null
}

export function readUsage(places: readonly Place[]): CgroupUsage {
  const first = (controller: string): Place | null =>
    places.find(({ version, controllers }) => version === 1 && controllers.includes(controller)) ?? null
  const unified = places.find(({ version }) => version === 2) ?? null
  const [cpuacct, memory] = [first('cpuacct'), first('memory')]
  const cpu = cpuacct === null ? unified && v2.cpuTime(unified) : v1.cpuTime(cpuacct)
  return {
    cpuTime: cpu === null ? null : inMilliseconds(cpu),
    peakMemory: memory === null ? unified && v2.memoryPeak(unified) : v1.memoryPeak(memory),
  }
}

const inMilliseconds = ({ total, user, kernel }: CpuTime): CpuTime => ({
  total: total / 1e6,
  user: user / 1e6,
  kernel: kernel / 1e6,
})

/** The same, of a cgroup of version 2 that somebody removes as soon as the process of `pidfd` has ended. Does not keep the event loop alive. */
export async function witnessUsage([place]: readonly Place[], pidfd: number): Promise<CgroupUsage> {
  const read = (file: string): Promise<string> => (place ? textAtEnd({ place, file, pidfd }) : Promise.resolve(''))
  const [cpu, peak] = await Promise.all([read('cpu.stat'), read('memory.peak')])
  return {
    cpuTime: cpu === '' ? null : inMilliseconds(v2.cpuTimeIn(cpu)),
    peakMemory: peak === '' ? null : Number(peak),
  }
}

/** Nearly always read before the cgroup is removed. "" if not, or if there is no such file. */
async function textAtEnd({ place, file, pidfd }: { place: Place; file: string; pidfd: number }): Promise<string> {
  const counter = openIfThere(place, file)
  if (counter === null) return ''
  const opened = [counter]
  try {
    const own = duplicate(pidfd)
    opened.push(own)
    return (await witness({ fd: own, events: READABLE, file: counter }).said) ?? ''
  } finally {
    closeFds(opened)
  }
}

function openIfThere(place: Place, file: string): number | null {
  try {
    return openBeneath(rootOf(place), `${place.path}/${file}`, 'read')
  } catch (error) {
    if (isGone(error)) return null
    throw error
  }
}
