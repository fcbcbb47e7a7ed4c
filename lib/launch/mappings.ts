/** The ids of a new user namespace, written while the helper waits at `map`. */

import { capabilityBit } from '../capabilities.js'
import { mapsOnlySelf } from '../compile/index.js'
import type { Config, IdMapping } from '../config/config.js'
import { HostError } from '../errors.js'
import type { HostFacts } from '../host/facts.js'
import { isErrno } from '../sys/errno.js'
import { type ProgramResult, run } from '../sys/run-program.js'
import { environment } from '../sys/self.js'
import { writeSetting } from './process-settings.js'

const KINDS = {
  uid: { field: 'uidMappings', program: 'newuidmap', ranges: '/etc/subuid', capability: capabilityBit('CAP_SETUID') },
  gid: { field: 'gidMappings', program: 'newgidmap', ranges: '/etc/subgid', capability: capabilityBit('CAP_SETGID') },
} as const

export function makesUserNamespace({ linux }: Config): boolean {
  return linux.namespaces.some(({ type, path }) => type === 'user' && path === null)
}

interface Target {
  readonly pid: number
  readonly config: Config
  readonly facts: HostFacts
}

/**
 * Without CAP_SETUID and CAP_SETGID a user may map only itself; newuidmap and newgidmap, which are privileged, map what the
 * host grants to the user.
 *
 * @throws {HostError} ERR_HOST_PRIVILEGE if they are needed, and missing or refuse
 * @throws {LaunchError} ERR_LAUNCH_OP if the kernel refuses
 */
export async function writeIdMappings(target: Target): Promise<void> {
  await writeMapping(target, 'uid')
  await writeMapping(target, 'gid')
}

async function writeMapping({ pid, config, facts }: Target, kind: keyof typeof KINDS): Promise<void> {
  const { field, capability } = KINDS[kind]
  const mappings = config.linux[field]
  const origin = `/linux/${field}`
  const isPrivileged = (facts.permitted & capability) !== 0n
  if (!isPrivileged && !mapsOnlySelf(mappings, kind === 'uid' ? facts.euid : facts.egid)) {
    return mapByProgram({ pid, kind, mappings })
  }
  // Else a user could leave a group that denies something to its members.
  if (!isPrivileged && kind === 'gid') writeSetting({ pid, file: 'setgroups', text: 'deny', origin })
  const text = mappings.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join('')
  writeSetting({ pid, file: `${kind}_map`, text, origin })
}

interface Mapping {
  readonly pid: number
  readonly kind: keyof typeof KINDS
  readonly mappings: readonly IdMapping[]
}

async function mapByProgram({ pid, kind, mappings }: Mapping): Promise<void> {
  const { program, ranges, field } = KINDS[kind]
  const numbers = mappings.flatMap(({ containerID, hostID, size }) => [containerID, hostID, size])
  const { exitCode, signal, stderr } = await started(kind, [program, ...[pid, ...numbers].map(String)])
  if (exitCode === 0) return
  throw new HostError('ERR_HOST_PRIVILEGE', {
    needs: `the ids of /linux/${field}, which ${program} did not map`,
    found: stderr.trim() || `its end with ${signal ?? `status ${exitCode}`}`,
    remedy: `grant the user a range in ${ranges} that has them, or map only the own id, with size 1`,
  })
}

async function started(kind: keyof typeof KINDS, args: readonly string[]): Promise<ProgramResult> {
  const { program, field } = KINDS[kind]
  const { PATH = '' } = environment()
  try {
    return await run({ path: program, args, env: [`PATH=${PATH}`], cwd: '/', stdin: '', timeoutMs: null })
  } catch (cause) {
    if (!isErrno(cause)) throw cause
    const fields = {
      needs: `${program}, for other ids than the own one in /linux/${field}`,
      found: `${cause.errno} in PATH=${PATH}`,
      remedy: 'install it (package uidmap or shadow-utils), or map only the own id, with size 1',
    }
    throw new HostError('ERR_HOST_PRIVILEGE', fields, { cause })
  }
}
