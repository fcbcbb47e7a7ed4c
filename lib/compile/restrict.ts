/** EXEC: Landlock, in the order of the kernel: what is handled, what is allowed, and from there on. */

import { makeIssue } from '../config/issues.js'
import {
  LANDLOCK_WITH_SCOPE,
  type Landlock,
  type LandlockAccess,
  type LandlockScope,
} from '../config/landlock-option.js'
import { ConfigError, HostError } from '../errors.js'
import { allFlags, LANDLOCK_FS, LANDLOCK_NET, LANDLOCK_SCOPE } from '../plan/flags.js'
import type { Work } from './draft.js'

const { EXECUTE, READ_FILE, READ_DIR, WRITE_FILE, MAKE_CHAR, MAKE_BLOCK, REFER, TRUNCATE, IOCTL_DEV } = LANDLOCK_FS
const ANYTHING = allFlags(LANDLOCK_FS)
const READ = READ_FILE | READ_DIR
const DEVICE = MAKE_CHAR | MAKE_BLOCK

const ACCESS: Readonly<Record<LandlockAccess, number>> = {
  read: READ,
  execute: EXECUTE,
  write: (ANYTHING & ~(READ | EXECUTE | DEVICE | IOCTL_DEV)) | WRITE_FILE,
  ioctl: IOCTL_DEV,
  device: DEVICE,
}

const SCOPES: Readonly<Record<LandlockScope, number>> = {
  'abstract-unix': LANDLOCK_SCOPE.ABSTRACT_UNIX_SOCKET,
  signal: LANDLOCK_SCOPE.SIGNAL,
}

/** The version of the interface that each right came with, if that was not the first one. */
const LATER_RIGHTS: readonly (readonly [right: number, version: number, name: string])[] = [
  [REFER, 2, 'to move files to other directories'],
  [TRUNCATE, 3, 'to truncate files'],
  [IOCTL_DEV, 5, 'ioctl of devices'],
]
const WITH_FILES = 5
const WITH_PORTS = 4

/**
 * What the process may do from here on, if the option `landlock` says so; what it starts may not do more.
 * @throws ConfigError without `noNewPrivileges`; HostError ERR_HOST_KERNEL for a kernel that knows less than is asked for
 */
export function restrict(work: Work): void {
  const { config, facts, draft } = work
  const { landlock } = config.linux
  if (landlock === null || config.process === null) return
  if (!config.process.noNewPrivileges) throw needsNoNewPrivileges()
  const asked = maskOf(landlock)
  demandVersion(landlock, facts.landlock)
  for (const name of unknownTo(landlock, facts.landlock)) draft.warn(`landlock: this kernel does not restrict ${name}`)
  const handled = known(asked, facts.landlock)
  if (Object.values(handled).every(mask => mask === 0n)) return
  draft.op('landlock', handled)
  for (const [access, paths] of byAccess(landlock, handled.fs)) draft.op('landlock_beneath', { access, paths })
  allowPorts(work, landlock, handled.net)
  draft.op('landlock_restrict', {})
}

interface Handled {
  readonly fs: bigint
  readonly net: bigint
  readonly scope: bigint
}

const maskOf = ({ files, ports, scope }: Landlock): Handled => ({
  fs: files === null ? 0n : BigInt(ANYTHING),
  net: ports === null ? 0n : BigInt(allFlags(LANDLOCK_NET)),
  scope: BigInt(scope.reduce((mask, name) => mask | SCOPES[name], 0)),
})

function known({ fs, net, scope }: Handled, version: number): Handled {
  const later = LATER_RIGHTS.reduce((mask, [right, since]) => (version < since ? mask | right : mask), 0)
  return {
    fs: version < 1 ? 0n : fs & ~BigInt(later),
    net: version < WITH_PORTS ? 0n : net,
    scope: version < LANDLOCK_WITH_SCOPE ? 0n : scope,
  }
}

/** What is not restricted, in words. */
function unknownTo({ files, ports, scope }: Landlock, version: number): string[] {
  const rights = version < 1 ? ['files'] : LATER_RIGHTS.filter(([, since]) => version < since).map(([, , name]) => name)
  return [
    // The first version refuses to move files to other directories at all.
    ...(files === null ? [] : rights.filter(name => version !== 1 || name !== LATER_RIGHTS[0]?.[2])),
    ...(ports === null || version >= WITH_PORTS ? [] : ['ports']),
    ...(scope.length === 0 || version >= LANDLOCK_WITH_SCOPE ? [] : ['signals and abstract sockets']),
  ]
}

function demandVersion({ files, ports, scope, minimumAbi }: Landlock, version: number): void {
  const whole = Math.max(
    files === null ? 0 : WITH_FILES,
    ports === null ? 0 : WITH_PORTS,
    scope.length === 0 ? 0 : LANDLOCK_WITH_SCOPE,
  )
  const least = Math.min(whole, minimumAbi ?? whole)
  if (version >= least) return
  throw new HostError('ERR_HOST_KERNEL', {
    needs: `version ${least} of Landlock's interface (option landlock)`,
    found: version === 0 ? 'a kernel without Landlock, or one that does not use it' : `version ${version}`,
    remedy: `boot a newer kernel with "landlock" in lsm= of its command line, or say landlock.minimumAbi: ${version}`,
  })
}

/** One op for all paths of the same access. */
function byAccess({ files }: Landlock, handled: bigint): ReadonlyMap<bigint, readonly string[]> {
  const found = new Map<bigint, string[]>()
  for (const { path, access } of files ?? []) {
    const mask = BigInt(access.reduce((all, word) => all | ACCESS[word], 0)) & handled
    const paths = found.get(mask)
    if (paths !== undefined) paths.push(path)
    else if (mask !== 0n) found.set(mask, [path])
  }
  return found
}

function allowPorts({ draft }: Work, { ports }: Landlock, handled: bigint): void {
  if (ports === null || handled === 0n) return
  const { BIND_TCP, CONNECT_TCP } = LANDLOCK_NET
  const rules = [
    [BIND_TCP, ports.bind],
    [CONNECT_TCP, ports.connect],
  ] as const
  for (const [access, list] of rules)
    if (list.length > 0) draft.op('landlock_ports', { access: BigInt(access), ports: list })
}

function needsNoNewPrivileges(): ConfigError {
  const expected = 'true, with the option landlock'
  const issue = makeIssue({ path: '/process/noNewPrivileges', expected, received: false })
  return new ConfigError('ERR_CONFIG_INVALID', [issue])
}
