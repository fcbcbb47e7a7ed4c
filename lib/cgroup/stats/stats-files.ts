/** The formats of the files that cgroups count in. */
import { listBeneath } from '../../sys/beneath.js'
import { isErrno } from '../../sys/errno.js'
import type { Place } from '../place.js'
import { isGone, readFileIfThere, rootOf } from '../tree.js'
import type { Pressure, PressureShare } from './stats.js'

/** `name value` lines; {} if there is no such file. */
export function readTable(place: Place, file: string): Readonly<Record<string, number>> {
  return tableIn(readFileIfThere(place, file) ?? '')
}

export function tableIn(text: string): Readonly<Record<string, number>> {
  return Object.fromEntries(
    text.split('\n').flatMap(line => {
      const [name = '', value] = line.split(' ')
      return value === undefined ? [] : [[name, Number(value)]]
    }),
  )
}

/** A file of one number; null if there is none. `max` is Infinity. */
export function readNumber(place: Place, file: string): number | null {
  const text = readFileIfThere(place, file)?.trim()
  if (text === undefined || text === '') return null
  return text === 'max' ? Number.POSITIVE_INFINITY : Number(text)
}

/** What the kernel writes for "no limit": `max`, or the largest number of pages of version 1. */
export const limitOf = (value: number | null): number | null => (value === null || value >= 2 ** 62 ? null : value)

/** A list such as 0-3,7. */
export function numbersOf(list: string): number[] {
  const ranges = list
    .trim()
    .split(',')
    .filter(range => range !== '')
  return ranges.flatMap(range => {
    const [first = 0, last = first] = range.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, index) => first + index)
  })
}

/** A file such as cpu.pressure; null if the kernel does not account for it. */
export function readPressure(place: Place | null, file: string): Pressure | null {
  const text = place === null ? null : readIfAccounted(place, file)
  const share = (name: string): PressureShare | null => shareOf(new RegExp(`^${name} (.*)$`, 'm').exec(text ?? '')?.[1])
  const some = share('some')
  return some === null ? null : { some, full: share('full') }
}

/** EOPNOTSUPP: switched off, by psi=0 or cgroup.pressure. */
function readIfAccounted(place: Place, file: string): string | null {
  try {
    return readFileIfThere(place, file)
  } catch (error) {
    if (isErrno(error, 'EOPNOTSUPP')) return null
    throw error
  }
}

function shareOf(text: string | undefined): PressureShare | null {
  if (text === undefined) return null
  const values = new Map(text.split(' ').map(word => word.split('=') as [string, string]))
  const number = (name: string): number => Number(values.get(name) ?? 0)
  return {
    average10: number('avg10'),
    average60: number('avg60'),
    average300: number('avg300'),
    total: number('total'),
  }
}

/** The sizes of huge pages that the place has files of, such as 2MB. */
export function pageSizes(place: Place): string[] {
  try {
    const names = listBeneath(rootOf(place), place.path).map(({ name }) => name)
    const sizes = names.map(name => /^hugetlb\.([0-9]+[KMG]B)\./.exec(name)?.[1])
    return [...new Set(sizes.filter(size => size !== undefined))].sort()
  } catch (error) {
    if (isGone(error)) return []
    throw error
  }
}
