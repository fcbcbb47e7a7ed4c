import type { NamespaceType } from './oci-config.js'

/** CLONE_NEW* of each namespace type (linux/sched.h). */
export const NAMESPACE_FLAGS = {
  time: 0x80,
  mount: 0x20000,
  cgroup: 0x2000000,
  uts: 0x4000000,
  ipc: 0x8000000,
  user: 0x10000000,
  pid: 0x20000000,
  network: 0x40000000,
} as const satisfies Record<NamespaceType, number>

/** The file of each namespace type in /proc/PID/ns. */
export const NAMESPACE_FILES = {
  time: 'time',
  mount: 'mnt',
  cgroup: 'cgroup',
  uts: 'uts',
  ipc: 'ipc',
  user: 'user',
  pid: 'pid',
  network: 'net',
} as const satisfies Record<NamespaceType, string>

export const NAMESPACE_TYPES = Object.keys(NAMESPACE_FLAGS) as NamespaceType[]
