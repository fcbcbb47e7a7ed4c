/** What every sandbox is made of, unless its options say otherwise. */

export interface SandboxProfile {
  /** Names such as `CAP_NET_BIND_SERVICE`. Default none. */
  readonly capabilities: readonly string[]
  /** A filter of system calls, which needs libseccomp on the host. Default true. */
  readonly seccomp: boolean
  /** The program can not get privileges by executing another one. Default true. */
  readonly noNewPrivileges: boolean
  /** Processes and threads. Default 256. */
  readonly pids: number
  /** Bytes of memory, with what is written to the root. Default 512 MiB. */
  readonly memory: number
  /** Bytes that may be written to the root. Default 256 MiB. */
  readonly disk: number
  /** Open files of a process. Default 1024. */
  readonly openFiles: number
}

const MIB = 1024 * 1024

export const PROFILE: SandboxProfile = {
  capabilities: [],
  seccomp: true,
  noNewPrivileges: true,
  pids: 256,
  memory: 512 * MIB,
  disk: 256 * MIB,
  openFiles: 1024,
}

/** The host's programs, for a sandbox that has no root of its own; those that the host has. */
export const HOST_PATHS: readonly string[] = [
  ...['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'],
  ...['/etc/alternatives', '/etc/ssl', '/etc/ca-certificates', '/etc/ld.so.cache', '/etc/localtime'],
]
