/** System calls that stand for a field of the configuration: their failure is a LaunchError that names the field. */
import { LaunchError, type SystemError } from '../errors.js'
import { errnoMessage, isErrno } from '../sys/errno.js'

export interface Attempt {
  readonly origin: string
  readonly what: string
  readonly phase: string
  /** What a user can do about it; "" if there is nothing to say. */
  readonly advice?: (errno: string, cause: SystemError) => string
}

/** @throws {LaunchError} ERR_LAUNCH_OP naming `origin`, if the system call of `act` fails */
export function attempt<T>(attempted: Attempt, act: () => T): T {
  try {
    return act()
  } catch (cause) {
    if (!isErrno(cause)) throw cause
    throw refusal(attempted, cause)
  }
}

/** The same for what takes its time. */
export async function attemptLater<T>(attempted: Attempt, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (cause) {
    if (!isErrno(cause)) throw cause
    throw refusal(attempted, cause)
  }
}

export function refusal({ origin, what, phase, advice = () => '' }: Attempt, cause: SystemError): LaunchError {
  const { syscall, errno } = cause
  const hint = advice(errno, cause)
  const message = `${origin}: ${syscall} ${what}: ${errno}: ${errnoMessage(errno)}${hint === '' ? '' : ` (${hint})`}`
  return new LaunchError(
    'ERR_LAUNCH_OP',
    message,
    { configPath: origin, op: '', phase, syscall, errno, signal: null },
    { cause },
  )
}
