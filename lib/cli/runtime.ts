import { createRuntime, type Runtime } from '../index.js'
import type { Globals } from './command.js'

export function openRuntime({ root, cgroupManager, log, isDebug }: Globals): Runtime {
  return createRuntime({
    ...(root !== undefined && { root }),
    cgroupManager,
    debug: isDebug,
    log: ({ level, id, message }) => log[level](level === 'debug' && id !== '' ? `${id}: ${message}` : message),
  })
}
