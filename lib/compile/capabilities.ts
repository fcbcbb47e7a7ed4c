import { capabilityNames } from '../capabilities.js'
import type { HostFacts } from '../host/facts.js'
import type { OpArgs } from '../plan/ops.js'
import type { Capabilities } from '../spec/config.js'
import type { Work } from './draft.js'
import { hasNamespace } from './namespaces.js'

const POINTER = '/process/capabilities'

/** The sets that the process gets. */
export interface GrantedSets extends OpArgs<'capabilities'> {
  readonly bounding: bigint
}

/** All capabilities that the kernel knows. */
function knownTo({ lastCapability }: Pick<HostFacts, 'lastCapability'>): bigint {
  return (1n << BigInt(lastCapability + 1)) - 1n
}

/** What the runtime can give to the process at all: everything in a user namespace, else no more than it has. */
export function grantable({ config, facts }: Pick<Work, 'config' | 'facts'>): bigint {
  return hasNamespace(config, 'user') ? knownTo(facts) : knownTo(facts) & facts.bounding & facts.permitted
}

/**
 * `process.capabilities`, limited to what can be granted; the specification wants a warning for the rest, and no error.
 * No capability is ever added to the inheritable or ambient set (CVE-2022-24769). Without the field there are none.
 */
export function grantCapabilities(work: Work): GrantedSets {
  const { capabilities } = work.config.process ?? { capabilities: null }
  if (capabilities === null) return { bounding: 0n, effective: 0n, permitted: 0n, inheritable: 0n, ambient: 0n }
  const limit = limiter(work, capabilities)
  const all = grantable(work)
  const bounding = limit('bounding', all, 'not available')
  const permitted = limit('permitted', all, 'not available')
  const effective = limit('effective', permitted, 'not permitted')
  const inheritable = limit('inheritable', bounding, 'not in the bounding set')
  const ambient = limit('ambient', permitted & inheritable, 'not permitted and inheritable')
  return { bounding, effective, permitted, inheritable, ambient }
}

/** Cuts a set down to what is allowed, and warns of what was cut off. */
function limiter({ draft }: Work, sets: Capabilities) {
  return (name: Exclude<keyof Capabilities, 'unknown'>, allowed: bigint, reason: string): bigint => {
    const refused = sets[name] & ~allowed
    if (refused !== 0n) draft.warn(`${POINTER}/${name}: left out, ${reason}: ${capabilityNames(refused).join(', ')}`)
    return sets[name] & allowed
  }
}
