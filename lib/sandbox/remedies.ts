/** What to do if this machine does not allow something that a sandbox is made of. */
import { HostError } from '../errors.js'
import { isErrno } from '../sys/errno.js'
import { isThere, readTextIfThere } from '../sys/file.js'

/** The value of a kernel parameter; null if it is not there, or not ours to read. */
export function parameter(name: string): string | null {
  try {
    return readTextIfThere(`/proc/sys/${name}`)?.trim() ?? null
  } catch (error) {
    if (isErrno(error)) return null
    throw error
  }
}

export const isRestricted = (): boolean => parameter('kernel/apparmor_restrict_unprivileged_userns') === '1'

/** Whether somebody filters the system calls of this process, as engines do. */
const isFiltered = (): boolean => /^Seccomp:\t2$/m.test(readTextIfThere('/proc/self/status') ?? '')
const isInContainer = (): boolean => isFiltered() || isThere('/.dockerenv') || isThere('/run/.containerenv')

export const ofAppArmor = (program: string): string =>
  [
    'as root write these lines to /etc/apparmor.d/tsrun, and run "apparmor_parser -r /etc/apparmor.d/tsrun":',
    'abi <abi/4.0>,',
    'include <tunables/global>',
    `profile tsrun ${program} flags=(unconfined) {`,
    '  userns,',
    '}',
    'or, for all programs: "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"',
  ].join('\n')

const UNFILTERED =
  'Docker and Podman: --security-opt seccomp=unconfined --security-opt apparmor=unconfined; Kubernetes: securityContext.seccompProfile.type and ' +
  'appArmorProfile.type: Unconfined'

export function ofUserNamespaces(program: string): string {
  if (parameter('user/max_user_namespaces') === '0') return 'as root: "sysctl -w user.max_user_namespaces=15000"'
  if (parameter('kernel/unprivileged_userns_clone') === '0')
    return 'as root: "sysctl -w kernel.unprivileged_userns_clone=1"'
  if (isRestricted()) return ofAppArmor(program)
  if (isInContainer()) return UNFILTERED
  return 'use a kernel with CONFIG_USER_NS, on which no security module or parent namespace forbids them'
}

export const ofProcfs = (): string =>
  'let nothing be mounted over parts of /proc; Docker and Podman: --security-opt systempaths=unconfined (Podman: unmask=ALL); Kubernetes: procMount: ' +
  'Unmasked with hostUsers: false'

export const ofOverlay = (): string =>
  isInContainer() ? UNFILTERED : 'use Linux 5.11 or newer, with CONFIG_OVERLAY_FS ("modprobe overlay" as root)'

export const ofCgroups = (): string =>
  'run it as "systemd-run --user --scope -p Delegate=yes COMMAND", or as root give a cgroup with memory, cpu and pids to this user'

export const ofSeccomp = (): string => 'use a kernel with CONFIG_SECCOMP_FILTER'

export const ofLandlock = (): string =>
  'use a kernel with CONFIG_SECURITY_LANDLOCK, and "landlock" in lsm= of its command line; without it, or before Linux 6.12, there is no level "landlock"'

export const ofIds = (): string =>
  'install newuidmap and newgidmap (package uidmap or shadow-utils), and as root grant ids: "usermod --add-subuids 100000-165535 --add-subgids ' +
  '100000-165535 USER"'

/** What an error says of the reason, and of what to do, or else this. */
export const wordsOf = (error: Error, otherwise: string): { because: string; remedy: string } =>
  error instanceof HostError
    ? { because: `needs ${error.needs}, found ${error.found}`, remedy: error.remedy }
    : { because: error.message, remedy: otherwise }
