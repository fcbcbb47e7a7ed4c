/** Descriptors that the caller names by number, for a process of the container. */
import { ConfigError } from '../errors.js'
import { isOpen } from '../sys/file.js'

const STDIO = 3

/**
 * The standard streams, and what the process keeps after them.
 * @throws {ConfigError} ERR_CONFIG_INVALID naming the option that has a number of no open descriptor
 */
export function demandOpen(fds: readonly number[]): void {
  const index = fds.findIndex(fd => !isOpen(fd))
  if (index === -1) return
  const option = index < STDIO ? `stdio[${index}]` : `extraFds[${index - STDIO}]`
  const expected = 'the number of an open descriptor'
  const received = String(fds[index])
  const message = `${option}: must be ${expected}, but is ${received}`
  throw new ConfigError('ERR_CONFIG_INVALID', [{ path: '', rule: 'tsrun#stdio', expected, received, message }])
}
