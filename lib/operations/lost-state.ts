/** What `delete --force` finds of a container whose record can't be read, or not all of it. */
import { type Cgroup, openCgroup } from '../cgroup/index.js'
import type { Config } from '../config/config.js'
import { isTsrunError } from '../errors.js'
import type { Context } from '../launch/context.js'
import { recordedClass } from '../resctrl/class.js'
import type { ClassRecord } from '../resctrl/filesystem.js'
import { isPid } from '../store/container-record.js'
import { readStoredConfigIfThere } from '../store/stored-config.js'
import { lostCgroup } from './own-cgroup.js'
import type { InitIdentity } from './state.js'

export interface Remains {
  /** Every process that the record has ever named as its init. */
  readonly inits: readonly InitIdentity[]
  /** null: nothing is known of it. */
  readonly cgroup: Cgroup | null
  readonly rdt: ClassRecord | null
}

/**
 * The record is a log: what its last line does not say an earlier one may. The cgroup is in the configuration too. If that is lost as
 * well there is nothing more to be found out.
 */
export function findRemains(context: Context, id: string): Remains {
  const fragments = context.store.fragments(id).filter(fragment => fragment.id === id)
  const inits = initsOf(fragments)
  const recorded = firstOf(fragments, ({ cgroup }) => openCgroup({ recorded: cgroup }))
  const rdt = firstOf(fragments, fragment => recordedClass({ id, rdt: fragment.rdt }))
  return { inits, rdt, cgroup: recorded ?? cgroupOfConfig(context, id) }
}

/** As `inits` of `Remains`. */
export const findInits = ({ store }: Context, id: string): InitIdentity[] =>
  initsOf(store.fragments(id).filter(fragment => fragment.id === id))

const initsOf = (fragments: readonly Record<string, unknown>[]): InitIdentity[] =>
  fragments.flatMap(({ pid, startTime }) =>
    isPid(pid) && pid !== 0 && typeof startTime === 'string' ? [{ pid, startTime }] : [],
  )

/** Of the first fragment that has it in a form that can be read. */
function firstOf<T>(
  fragments: readonly Record<string, unknown>[],
  read: (fragment: Record<string, unknown>) => T | null,
): T | null {
  for (const fragment of fragments) {
    try {
      const found = read(fragment)
      if (found !== null) return found
    } catch (error) {
      if (!isTsrunError(error) || error.code !== 'ERR_STATE_CORRUPT') throw error
    }
  }
  return null
}

function cgroupOfConfig(context: Context, id: string): Cgroup | null {
  const config = readConfig(context, id)
  return config === null ? null : lostCgroup(context, { id, config })
}

function readConfig({ store, log }: Context, id: string): Config | null {
  try {
    return readStoredConfigIfThere(store, id)
  } catch (error) {
    if (!isTsrunError(error)) throw error
    log({ level: 'warning', message: `nothing tells what its cgroup was: ${error.message}`, id })
    return null
  }
}
