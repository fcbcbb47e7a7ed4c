/** The ids that the host's administrator has granted to this user, to be mapped by newuidmap and newgidmap. */
import { isThere, readTextIfThere } from './file.js'
import { ID_PROGRAMS, type MappedRange } from './id-programs.js'
import { ownName } from './own-account.js'
import { effectiveGid, effectiveUid, environment } from './self.js'

type IdKind = keyof typeof ID_PROGRAMS

export interface GrantedRange {
  readonly first: number
  readonly size: number
}

/** As /etc/subuid or /etc/subgid has them, by the user's name or number; grants of other sources are not looked for. */
export function grantedRanges(kind: IdKind): readonly GrantedRange[] {
  const owners = [String(effectiveUid()), ownName()]
  const lines = (readTextIfThere(ID_PROGRAMS[kind].ranges) ?? '').split('\n').map(line => line.split(':'))
  return lines
    .filter(([owner = '', first, size]) => owners.includes(owner) && Number(first) > 0 && Number(size) > 0)
    .map(([, first, size]) => ({ first: Number(first), size: Number(size) }))
}

export interface GrantedMappings {
  readonly uidMappings: readonly MappedRange[]
  readonly gidMappings: readonly MappedRange[]
}

/** This user as 0, and after it all ids that it has been granted; null if it has none, or can't map them (programs, no_new_privs). */
export function grantedMappings(): GrantedMappings | null {
  const [uids, gids] = [grantedRanges('uid'), grantedRanges('gid')]
  if (uids.length === 0 || gids.length === 0 || !hasProgram('uid') || !hasProgram('gid') || gainsNothing()) return null
  return { uidMappings: mapped(effectiveUid(), uids), gidMappings: mapped(effectiveGid(), gids) }
}

function mapped(own: number, ranges: readonly GrantedRange[]): readonly MappedRange[] {
  const mappings: MappedRange[] = [{ containerID: 0, hostID: own, size: 1 }]
  let containerID = 1
  for (const { first, size } of ranges) {
    mappings.push({ containerID, hostID: first, size })
    containerID += size
  }
  return mappings
}

const hasProgram = (kind: IdKind): boolean =>
  (environment().PATH ?? '')
    .split(':')
    .some(folder => folder !== '' && isThere(`${folder}/${ID_PROGRAMS[kind].program}`))

/** The programs are setuid. */
const gainsNothing = (): boolean => /^NoNewPrivs:\t1$/m.test(readTextIfThere('/proc/self/status') ?? '')
