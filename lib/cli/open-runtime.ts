import { type CommandRuntime, createCommandRuntime } from '../for-command.js'
import { isTsrunError } from '../index.js'
import type { Globals } from './command.js'
import { UsageError } from './command-line.js'
import { Interrupted } from './signals.js'

/** Runs `act`; an error says which command failed, as the callers of other runtimes know it. */
export async function failing<T>(command: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (cause) {
    if (cause instanceof UsageError || cause instanceof Interrupted || !(cause instanceof Error)) throw cause
    throw new Error(`tsrun ${command} failed: ${cause.message}`, { cause })
  }
}

/** Runs `act`; what is wrong with a document is told with the name of its file, if it has one. */
export async function naming<T>(file: string | undefined, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (cause) {
    if (!file || !isTsrunError(cause) || !cause.code.startsWith('ERR_CONFIG_')) throw cause
    throw new Error(`${file}: ${cause.message}`, { cause })
  }
}

export function runtimeOf({ root, cgroupManager, log, isDebug }: Globals): CommandRuntime {
  return createCommandRuntime({
    ...(root !== undefined && { root }),
    cgroupManager,
    unknownProperties: 'ignore',
    debug: isDebug,
    log: ({ level, id, message }) => log[level](level === 'debug' && id !== '' ? `${id}: ${message}` : message),
  })
}
