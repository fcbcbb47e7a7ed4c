/** The hook that runs in the runtime namespace, for a `delete --force` of another process: it waits for nobody. */
import { replaceFile } from '../sys/file.js'
import { isPid, parseObject } from './container-record.js'
import type { Store } from './store.js'

const FILE = 'hook'
const LONGEST = 4096

export interface HookNote {
  /** Of its keeper (native/init/hook.c). */
  readonly pid: number
  readonly startTime: string
}

/** Needs the lock. */
export function noteHook(store: Store, id: string, note: HookNote): void {
  store.writeFile(id, FILE, path => replaceFile(path, JSON.stringify(note)))
}

/** The last one, which may have ended; null: there was none. */
export function readHookNote(store: Store, id: string): HookNote | null {
  const content = store.readFile(id, { name: FILE, limit: LONGEST })
  if (content === null || 'because' in content) return null
  const { pid, startTime } = parseObject(content.toString('utf8')) ?? {}
  return isPid(pid) && pid !== 0 && typeof startTime === 'string' ? { pid, startTime } : null
}
