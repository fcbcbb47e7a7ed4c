/** Reads the host's facts; nothing is changed, and nothing is tried that could be noticed. */
import { isErrno } from '../sys/errno.js'
import { isThere, listDirectory, readLink, readText, readTextIfThere } from '../sys/file.js'
import { landlockKnown } from '../sys/landlock.js'
import { effectiveGid, effectiveUid, kernelRelease } from '../sys/self.js'
import type { HostFacts } from './facts.js'
import { openFilesAtStart } from './open-files.js'
import { readCgroupFacts } from './probe-cgroup.js'

/** The kernel gives it this number when it starts (PROC_USER_INIT_INO). */
const FIRST_USER_NAMESPACE = 'user:[4026531837]'

export function probeHost(): HostFacts {
  const status = readText('/proc/self/status')
  return {
    kernel: parseRelease(kernelRelease()),
    euid: effectiveUid(),
    egid: effectiveGid(),
    inUserNamespace: isInUserNamespace(),
    lastCapability: Number(readText('/proc/sys/kernel/cap_last_cap')),
    permitted: capabilitySet(status, 'CapPrm'),
    bounding: capabilitySet(status, 'CapBnd'),
    namespaces: listDirectory('/proc/self/ns'),
    cgroup: readCgroupFacts(),
    kcore: isThere('/proc/kcore'),
    apparmor: readTextIfThere('/sys/module/apparmor/parameters/enabled')?.startsWith('Y') ?? false,
    selinux: hasSelinux(),
    landlock: landlockKnown(),
    openFiles: openFilesAtStart(),
    filesystems: parseFilesystems(readText('/proc/filesystems')),
  }
}

/** Whether this process is in a user namespace that is not the first one. */
export const isInUserNamespace = (): boolean => readLink('/proc/self/ns/user') !== FIRST_USER_NAMESPACE

function parseRelease(release: string): [number, number] {
  const [major = 0, minor = 0] = release.split(/[.-]/).map(Number)
  return [major, minor]
}

function capabilitySet(status: string, name: string): bigint {
  const line = status.split('\n').find(candidate => candidate.startsWith(`${name}:`))
  return BigInt(`0x${line?.slice(name.length + 1).trim() ?? '0'}`)
}

function hasSelinux(): boolean {
  try {
    return listDirectory('/sys/fs/selinux').length > 0
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EACCES')) return false
    throw error
  }
}

/** Lines are `nodev\tNAME` or `\tNAME`. */
function parseFilesystems(text: string): string[] {
  return text.split('\n').flatMap(line => line.split('\t')[1] ?? [])
}
