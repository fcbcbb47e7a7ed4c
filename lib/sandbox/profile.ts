/** What every sandbox is made of, unless its options say otherwise. */

/** AF_* of <linux/socket.h>. */
export const SOCKET_FAMILIES = {
  unix: 1,
  inet: 2,
  inet6: 10,
  netlink: 16,
  packet: 17,
  can: 29,
  bluetooth: 31,
  alg: 38,
  vsock: 40,
  xdp: 44,
} as const

export type SocketFamily = keyof typeof SOCKET_FAMILIES

export interface SandboxProfile {
  /** Names such as `CAP_NET_BIND_SERVICE`. Default none. */
  readonly capabilities: readonly string[]
  /** A filter of system calls, which needs libseccomp on the host. Default true. */
  readonly seccomp: boolean
  /** System calls that the filter is to allow beside its own, by name, such as `ptrace`. Default none. */
  readonly systemCalls: readonly string[]
  /** Kinds of sockets that the filter allows. Default `unix`, `inet`, `inet6`, `netlink`. */
  readonly sockets: readonly SocketFamily[]
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
  systemCalls: [],
  sockets: ['unix', 'inet', 'inet6', 'netlink'],
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
