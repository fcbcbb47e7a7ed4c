import { createRuntime, type Runtime } from '../index.js'
import type { Globals } from './command.js'

export function openRuntime({ root, cgroupManager, log }: Globals): Runtime {
  return createRuntime({
    ...(root !== undefined && { root }),
    cgroupManager,
    log: ({ level, message }) => (level === 'warning' ? log.warning(message) : log.info(message)),
  })
}
