/** Descriptors that the caller left open for the container. */
import { readFileSync } from 'node:fs'

const FIRST = 3
const O_CLOEXEC = 0o2000000

export interface Inherited {
  readonly extraFds: readonly number[]
  readonly extraEnv: readonly string[]
}

/**
 * The descriptors of socket activation (LISTEN_FDS, if LISTEN_PID means this process), and `preserve` more.
 * @throws {Error} for one that is not open
 */
export function inheritedFds(preserve: number): Inherited {
  const listening = listenCount()
  const count = listening + preserve
  const extraFds = Array.from({ length: count }, (_, index) => FIRST + index)
  const closed = extraFds.find(fd => !isInherited(fd))
  if (closed !== undefined) throw new Error(`cannot pass descriptor ${closed} to the container: it is not open`)
  // The container's process is the first of its pid namespace, as every user of LISTEN_FDS checks.
  return { extraFds, extraEnv: listening === 0 ? [] : [`LISTEN_FDS=${listening}`, 'LISTEN_PID=1'] }
}

function listenCount(): number {
  const { LISTEN_FDS = '', LISTEN_PID } = process.env
  return LISTEN_PID === String(process.pid) && /^[0-9]{1,4}$/.test(LISTEN_FDS) ? Number(LISTEN_FDS) : 0
}

/** Node opens descriptors of its own, always with close-on-exec, which what was inherited can't have had. */
function isInherited(fd: number): boolean {
  const flags = /^flags:\s*([0-7]+)$/m.exec(fdInfo(fd))?.[1]
  return flags !== undefined && (Number.parseInt(flags, 8) & O_CLOEXEC) === 0
}

function fdInfo(fd: number): string {
  try {
    return readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}
