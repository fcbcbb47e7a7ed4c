/** What this machine allows: each part of a sandbox is tried, as a sandbox would use it. */

import { checkShapes, SIGNAL } from '../config/option-shapes.js'
import { isTsrunError } from '../errors.js'
import { landlockVersion } from '../sys/landlock.js'
import { ownProgram } from '../sys/own-account.js'
import { effectiveUid, kernelRelease } from '../sys/self.js'
import { sandboxDirectory } from './box-place.js'
import type { Isolation } from './isolated-container.js'
import { grantedIds, type Tried, tryContainer } from './probes.js'
import {
  isRestricted,
  ofAppArmor,
  ofCgroups,
  ofIds,
  ofLandlock,
  ofOverlay,
  ofProcfs,
  ofSeccomp,
  ofUserNamespaces,
  wordsOf,
} from './remedies.js'
import { Sandbox } from './sandbox.js'
import type { SandboxOptions } from './sandbox-options.js'

export type ProbeName =
  | 'user-namespaces'
  | 'apparmor'
  | 'procfs'
  | 'overlay'
  | 'cgroups'
  | 'seccomp'
  | 'landlock'
  | 'newuidmap'

export interface Probe {
  readonly name: ProbeName
  readonly allowed: boolean
  /** Why not, or what else there is to know; "" if there is nothing. */
  readonly because: string
  /** What to do, "" if it is allowed. */
  readonly remedy: string
}

export interface Diagnosis {
  /** The release of the kernel. */
  readonly kernel: string
  /** As whom it was tried. */
  readonly uid: number
  /** Of a sandbox with the default options; null: there can be none. */
  readonly isolation: Isolation | null
  /** Why there can be none, else "". */
  readonly because: string
  /** The same of one with `minimum: 'landlock'`. */
  readonly least: Isolation | null
  readonly probes: readonly Probe[]
}

/**
 * Tries what a sandbox is made of, as this user on this machine, and says what to do about what is not allowed. Nothing is left behind.
 * @throws {HostError} ERR_HOST_PRIVILEGE if this user has no directory for sandboxes; the reason of `signal`
 */
export async function doctor(options: { readonly signal?: AbortSignal } = {}): Promise<Diagnosis> {
  checkShapes('', options, { signal: SIGNAL })
  const { signal } = options
  // Without it nothing can be tried.
  sandboxDirectory()
  const probes: Probe[] = []
  for (const part of PARTS) {
    signal?.throwIfAborted()
    const base = part.isWithin?.() === true ? probes.find(({ name }) => name === 'user-namespaces') : undefined
    if (base?.allowed === false) probes.push({ ...base, name: part.name, because: 'there are no user namespaces' })
    else probes.push(await probe(part, signal))
  }
  return { kernel: kernelRelease(), uid: effectiveUid(), ...(await wholeSandbox(signal)), probes }
}

interface Part {
  readonly name: ProbeName
  /** Whether it is tried in a user namespace, so that there is nothing to try if there can be none. */
  readonly isWithin?: () => boolean
  /** What else there is to know. */
  attempt(signal: AbortSignal | undefined): Promise<string>
  remedy(): string
}

/** Root's sandboxes have no user namespace. */
const isPlain = (): boolean => effectiveUid() !== 0

const PARTS: readonly Part[] = [
  {
    name: 'user-namespaces',
    attempt: signal => tryContainer({ isMapped: true, signal }),
    remedy: () => ofUserNamespaces(ownProgram()),
  },
  { name: 'apparmor', attempt: tryRestriction, remedy: () => ofAppArmor(ownProgram()) },
  { name: 'procfs', ...tried({ hasProcfs: true }), remedy: ofProcfs },
  {
    name: 'overlay',
    isWithin: () => true,
    attempt: signal => tryContainer({ isMapped: true, isLayered: true, signal }),
    remedy: ofOverlay,
  },
  { name: 'cgroups', ...tried({ hasLimits: true }), remedy: ofCgroups },
  { name: 'seccomp', ...tried({ hasFilter: true }), remedy: ofSeccomp },
  { name: 'landlock', attempt: async () => `version ${landlockVersion()}`, remedy: ofLandlock },
  { name: 'newuidmap', isWithin: isPlain, attempt: tryIds, remedy: ofIds },
]

function tried(what: Pick<Tried, 'hasProcfs' | 'hasLimits' | 'hasFilter'>): Pick<Part, 'isWithin' | 'attempt'> {
  return { isWithin: isPlain, attempt: signal => tryContainer({ ...what, isMapped: isPlain(), signal }) }
}

async function probe({ name, attempt, remedy }: Part, signal: AbortSignal | undefined): Promise<Probe> {
  try {
    return { name, allowed: true, because: await attempt(signal), remedy: '' }
  } catch (error) {
    signal?.throwIfAborted()
    if (!isTsrunError(error)) throw error
    return { name, allowed: false, ...wordsOf(error, remedy()) }
  }
}

/** Where it restricts them it is the one that has forbidden them, unless this program has a profile, or privileges. */
async function tryRestriction(signal: AbortSignal | undefined): Promise<string> {
  if (!isRestricted()) return 'it does not restrict user namespaces'
  await tryContainer({ isMapped: true, signal })
  return 'it restricts user namespaces, but not those of this program'
}

async function tryIds(signal: AbortSignal | undefined): Promise<string> {
  if (effectiveUid() === 0) return 'not needed: root maps ids without it'
  return tryContainer({ isMapped: true, ids: grantedIds(), signal })
}

async function wholeSandbox(
  signal: AbortSignal | undefined,
): Promise<Pick<Diagnosis, 'isolation' | 'because' | 'least'>> {
  const whole = await isolationOf({}, signal)
  if (whole.isolation !== null) return { ...whole, least: whole.isolation }
  return { ...whole, least: (await isolationOf({ minimum: 'landlock' }, signal)).isolation }
}

async function isolationOf(options: Pick<SandboxOptions, 'minimum'>, signal: AbortSignal | undefined) {
  try {
    await using box = await Sandbox.create({ ...options, ...(signal !== undefined && { signal }) })
    return { isolation: box.isolation, because: '' }
  } catch (error) {
    signal?.throwIfAborted()
    if (!isTsrunError(error)) throw error
    return { isolation: null, because: error.message }
  }
}
