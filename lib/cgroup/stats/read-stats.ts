import type { Place } from '../place.js'
import type { Stats } from './stats.js'
import * as v1 from './v1.js'
import * as v2 from './v2.js'

type Reader<T> = (place: Place) => T | null

/** Reads all; a cgroup that is gone has nothing to tell. */
export function readStats(places: readonly Place[]): Stats {
  const find = (version: 1 | 2, controller: string): Place | null =>
    places.find(place => place.version === version && place.controllers.includes(controller)) ?? null
  const unified = places.find(({ version }) => version === 2) ?? null
  const read = <T>(controller: string, of1: Reader<T>, of2: Reader<T>): T | null => {
    const place = find(1, controller)
    if (place !== null) return of1(place)
    return unified === null ? null : of2(unified)
  }
  const cpuacct = find(1, 'cpuacct')
  return {
    cpu: cpuacct === null ? unified && v2.cpu(unified) : v1.cpu({ usage: cpuacct, bandwidth: find(1, 'cpu'), unified }),
    cpuset: read('cpuset', v1.cpuset, v2.cpuset),
    memory: read('memory', place => v1.memory(place, unified), v2.memory),
    pids: read('pids', v2.pids, v2.pids),
    io: read('blkio', place => v1.io(place, unified), v2.io),
    hugetlb: read('hugetlb', v1.hugetlb, v2.hugetlb) ?? {},
  }
}
