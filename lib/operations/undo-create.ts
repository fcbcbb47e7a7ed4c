/** What a create that failed has made is removed. */
import type { Cgroup } from '../cgroup/index.js'
import { uncoverRoot } from '../host/root-mount.js'
import type { Context } from '../launch/context.js'
import { poststopHooks } from '../launch/hooks.js'
import { undoClass } from '../resctrl/class.js'
import type { ClassRecord } from '../resctrl/filesystem.js'
import type { Bundle } from './bundle.js'
import type { Ledger } from './ledger.js'

interface Undoing {
  readonly context: Context
  readonly cgroup: Cgroup
  readonly bundle: Bundle
  /** null: none was asked for. */
  readonly rdt: ClassRecord | null
  /** For the words of a warning. Default `create`. */
  readonly what?: 'create' | 'restore'
}

/** Undoes what was made, as far as it was made; the error that led here is the one that counts. */
export async function undo({ context, cgroup, bundle, rdt, what = 'create' }: Undoing, ledger: Ledger): Promise<void> {
  const record = ledger.record()
  const log = (error: unknown): void =>
    context.log({ level: 'warning', message: `clean-up after a failed ${what}: ${String(error)}`, id: record.id })
  for (const { restore } of ledger.held) restore().forEach(log)
  await cgroup.destroy().catch(log)
  if (rdt !== null) quietly(() => undoClass(rdt), log)
  quietly(() => uncoverRoot(record), log)
  if (ledger.hasBegun) await poststopHooks({ context, config: bundle.config, record })
  context.store.remove(record.id)
}

function quietly(undo: () => void, log: (error: unknown) => void): void {
  try {
    undo()
  } catch (error) {
    log(error)
  }
}
