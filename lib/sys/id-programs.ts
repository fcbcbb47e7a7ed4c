/** newuidmap and newgidmap, which are privileged: they map in a user namespace what the host grants to the user. */
import { HostError } from '../errors.js'
import { isErrno } from './errno.js'
import { type ProgramResult, run } from './run-program.js'
import { environment } from './self.js'

export const ID_PROGRAMS = {
  uid: { program: 'newuidmap', ranges: '/etc/subuid' },
  gid: { program: 'newgidmap', ranges: '/etc/subgid' },
} as const

/** As the specification has it: config-linux.md, "User namespace mappings". */
export interface MappedRange {
  readonly containerID: number
  readonly hostID: number
  readonly size: number
}

export interface ProgramMapping {
  /** Whose user namespace has no map yet. */
  readonly pid: number
  readonly kind: keyof typeof ID_PROGRAMS
  readonly mappings: readonly MappedRange[]
  /** What the user has written them in, for the error. */
  readonly field: string
}

/** @throws {HostError} ERR_HOST_PRIVILEGE if the program is missing or refuses */
export async function mapByProgram({ pid, kind, mappings, field }: ProgramMapping): Promise<void> {
  const { program, ranges } = ID_PROGRAMS[kind]
  const numbers = mappings.flatMap(({ containerID, hostID, size }) => [containerID, hostID, size])
  const { exitCode, signal, stderr } = await started(program, field, [program, ...[pid, ...numbers].map(String)])
  if (exitCode === 0) return
  throw new HostError('ERR_HOST_PRIVILEGE', {
    needs: `the ids of ${field}, which ${program} did not map`,
    found: stderr.trim() || `its end with ${signal ?? `status ${exitCode}`}`,
    remedy: `grant the user a range in ${ranges} that has them, or map only the own id, with size 1`,
  })
}

async function started(program: string, field: string, args: readonly string[]): Promise<ProgramResult> {
  const { PATH = '' } = environment()
  try {
    return await run({ path: program, args, env: [`PATH=${PATH}`], cwd: '/', stdin: '', timeoutMs: null })
  } catch (cause) {
    if (!isErrno(cause)) throw cause
    const fields = {
      needs: `${program}, for other ids than the own one in ${field}`,
      found: `${cause.errno} in PATH=${PATH}`,
      remedy: 'install it (package uidmap or shadow-utils), or map only the own id, with size 1',
    }
    throw new HostError('ERR_HOST_PRIVILEGE', fields, { cause })
  }
}
