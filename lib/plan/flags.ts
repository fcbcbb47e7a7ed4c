/** Numbers of the kernel's interface that appear in plans; all of them are the same on every architecture. */

/** Namespace types of clone(2), unshare(2) and setns(2). */
export const CLONE = {
  NEWTIME: 0x80,
  NEWNS: 0x2_0000,
  NEWCGROUP: 0x200_0000,
  NEWUTS: 0x400_0000,
  NEWIPC: 0x800_0000,
  NEWUSER: 0x1000_0000,
  NEWPID: 0x2000_0000,
  NEWNET: 0x4000_0000,
} as const

/** Propagation flags of mount(2) and mount_setattr(2). */
export const MS = {
  REC: 0x4000,
  UNBINDABLE: 0x2_0000,
  PRIVATE: 0x4_0000,
  SLAVE: 0x8_0000,
  SHARED: 0x10_0000,
} as const

/** Mount attributes of fsmount(2) and mount_setattr(2). */
export const MOUNT_ATTR = {
  RDONLY: 0x1,
  NOSUID: 0x2,
  NODEV: 0x4,
  NOEXEC: 0x8,
  NOATIME: 0x10,
  STRICTATIME: 0x20,
  NODIRATIME: 0x80,
  NOSYMFOLLOW: 0x20_0000,
} as const

/** The field of the access time mode within the attributes: 0 is relatime. To change it, all of it must be cleared. */
export const MOUNT_ATTR_ATIME = 0x70

/** File types of mknod(2). */
export const S_IF = { IFIFO: 0o010000, IFCHR: 0o020000, IFBLK: 0o060000 } as const

export const S_IFMT = 0o170000

/** Flags of seccomp(2). */
export const SECCOMP_FILTER_FLAG = {
  TSYNC: 0x1,
  LOG: 0x2,
  SPEC_ALLOW: 0x4,
  NEW_LISTENER: 0x8,
  TSYNC_ESRCH: 0x10,
  WAIT_KILLABLE_RECV: 0x20,
} as const

/** Rights of Landlock (landlock(7)): LANDLOCK_ACCESS_FS_*, LANDLOCK_ACCESS_NET_*, LANDLOCK_SCOPE_*. */
export const LANDLOCK_FS = {
  EXECUTE: 0x1,
  WRITE_FILE: 0x2,
  READ_FILE: 0x4,
  READ_DIR: 0x8,
  REMOVE_DIR: 0x10,
  REMOVE_FILE: 0x20,
  MAKE_CHAR: 0x40,
  MAKE_DIR: 0x80,
  MAKE_REG: 0x100,
  MAKE_SOCK: 0x200,
  MAKE_FIFO: 0x400,
  MAKE_BLOCK: 0x800,
  MAKE_SYM: 0x1000,
  REFER: 0x2000,
  TRUNCATE: 0x4000,
  IOCTL_DEV: 0x8000,
} as const
export const LANDLOCK_NET = { BIND_TCP: 0x1, CONNECT_TCP: 0x2 } as const
export const LANDLOCK_SCOPE = { ABSTRACT_UNIX_SOCKET: 0x1, SIGNAL: 0x2 } as const

/** The value of (uid_t)-1, which the kernel reads as "leave unchanged". */
export const NO_ID = 0xffff_ffff

/**
 * Splits a mask into the names of its bits.
 * What has no name comes last, as a hexadecimal number.
 */
export function flagNames(flags: number | bigint, names: Readonly<Record<string, number>>, prefix: string): string[] {
  let rest = BigInt(flags)
  const found: string[] = []
  for (const [name, value] of Object.entries(names)) {
    const bit = BigInt(value)
    if ((rest & bit) !== bit) continue
    found.push(prefix + name)
    rest &= ~bit
  }
  return rest === 0n ? found : [...found, `0x${rest.toString(16)}`]
}

/** All bits of a table of flags. */
export function allFlags(names: Readonly<Record<string, number>>): number {
  return Object.values(names).reduce((mask, bit) => mask + bit, 0)
}

/** What `sockets` makes: each name is a family and a type, numbered by its place. `route` is rtnetlink(7), `packet` packet(7). */
export const SOCKET_KINDS = ['tcp4', 'tcp6', 'udp4', 'udp6', 'route', 'packet'] as const
export type SocketKind = (typeof SOCKET_KINDS)[number]
