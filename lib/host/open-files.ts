/** Node raises its soft limit of open files to the hard one when it starts, and keeps no note of what it was. */
import { readText, readTextIfThere } from '../sys/file.js'
import { environment, parentPid } from '../sys/self.js'

/** What nearly every system starts programs with. */
const USUAL = 1024

interface Limit {
  readonly soft: number
  readonly hard: number
}

/**
 * The soft limit that this process was started with; null if that is the one that it has now.
 *
 * The command's launcher notes it in TSRUN_OPEN_FILES. Without the note it is taken to be the parent's, if that has the same hard
 * limit. A parent with another one, or none that can be seen, has set the limits for us alone, as systemd does: the usual one then.
 */
export function openFilesAtStart(): number | null {
  const own = limitIn(readText('/proc/self/limits'))
  // Not raised, or set by the program itself.
  if (own === null || own.soft < own.hard) return null
  const start = noted() ?? parents(own) ?? Math.min(USUAL, own.hard)
  return start < own.soft ? start : null
}

function noted(): number | null {
  const text = environment().TSRUN_OPEN_FILES ?? ''
  if (text === 'unlimited') return Number.POSITIVE_INFINITY
  return /^[0-9]{1,15}$/.test(text) ? Number(text) : null
}

function parents(own: Limit): number | null {
  const limit = limitIn(readTextIfThere(`/proc/${parentPid()}/limits`) ?? '')
  return limit !== null && limit.hard === own.hard ? limit.soft : null
}

function limitIn(limits: string): Limit | null {
  const [, soft = '', hard = ''] = /^Max open files +(\S+) +(\S+)/m.exec(limits) ?? []
  if (soft === '') return null
  const number = (text: string): number => (text === 'unlimited' ? Number.POSITIVE_INFINITY : Number(text))
  return { soft: number(soft), hard: number(hard) }
}
