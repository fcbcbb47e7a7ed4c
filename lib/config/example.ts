/** A configuration to begin with. */
import type { OciConfig, OciLinux, OciMount } from './oci-config.js'
import { OCI_VERSION_MAX } from './oci-version.js'
import { seccompProfile } from './seccomp-profile.js'

export interface ExampleOptions {
  /** The program and its arguments. Default `sh`. */
  readonly args?: readonly string[]
  /** Default true. */
  readonly terminal?: boolean
  /** For a user without privileges, who becomes root in a user namespace. Default: for root. */
  readonly rootless?: { readonly uid: number; readonly gid: number }
  /**
   * Directories and files of the host that the container sees at the same paths, read-only, so that it needs no root file system
   * but an empty directory. Default none.
   */
  readonly hostPaths?: readonly string[]
  /** Limits: 1024 processes and 1 GiB of memory. Default true; without privileges there are none, since they need a cgroup. */
  readonly limits?: boolean
  /** A filter of system calls, which needs libseccomp on the host (ERR_HOST_KERNEL without it). Default true. */
  readonly seccomp?: boolean
}

/**
 * A complete and cautious configuration: new namespaces, few capabilities, no_new_privs, masked paths, no devices but the
 * usual ones, a filter of system calls, limits; the root file system is expected in `rootfs`, read-only, with a `/tmp` in memory.
 */
export function exampleConfig(options: ExampleOptions = {}): OciConfig {
  const { args = ['sh'], terminal = true, rootless, hostPaths = [], limits = true, seccomp = true } = options
  const mounts = rootless === undefined ? MOUNTS : MOUNTS.map(forRootless)
  return {
    ociVersion: OCI_VERSION_MAX,
    process: {
      terminal,
      user: { uid: 0, gid: 0 },
      args,
      env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'TERM=xterm'],
      cwd: '/',
      capabilities: { bounding: CAPABILITIES, effective: CAPABILITIES, permitted: CAPABILITIES },
      rlimits: [{ type: 'RLIMIT_NOFILE', hard: 1024, soft: 1024 }],
      noNewPrivileges: true,
    },
    root: { path: 'rootfs', readonly: true },
    hostname: 'tsrun',
    mounts: [...mounts, ...hostPaths.map(bindReadonly), TMP],
    linux: { ...linuxFor(rootless, limits), ...(seccomp && { seccomp: seccompProfile() }) },
  }
}

const CAPABILITIES = ['CAP_AUDIT_WRITE', 'CAP_KILL', 'CAP_NET_BIND_SERVICE']

const MOUNTS: readonly OciMount[] = [
  { destination: '/proc', type: 'proc', source: 'proc' },
  {
    destination: '/dev',
    type: 'tmpfs',
    source: 'tmpfs',
    options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
  },
  {
    destination: '/dev/pts',
    type: 'devpts',
    source: 'devpts',
    options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
  },
  {
    destination: '/dev/shm',
    type: 'tmpfs',
    source: 'shm',
    options: ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=65536k'],
  },
  { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
  { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
  {
    destination: '/sys/fs/cgroup',
    type: 'cgroup',
    source: 'cgroup',
    options: ['nosuid', 'noexec', 'nodev', 'relatime', 'ro'],
  },
]

/** Without privileges over the network namespace there is no sysfs to mount, and group 5 is not mapped. */
function forRootless(mount: OciMount): OciMount {
  if (mount.type === 'sysfs') {
    return { destination: '/sys', type: 'none', source: '/sys', options: ['rbind', 'nosuid', 'noexec', 'nodev', 'ro'] }
  }
  const { options } = mount
  return options === undefined ? mount : { ...mount, options: options.filter(option => option !== 'gid=5') }
}

const bindReadonly = (path: string): OciMount => ({
  destination: path,
  type: 'bind',
  source: path,
  options: ['rbind', 'rro', 'rnosuid', 'rnodev'],
})

/** Everything else is read-only, and programs want a place to write to. */
const TMP: OciMount = {
  destination: '/tmp',
  type: 'tmpfs',
  source: 'tmpfs',
  options: ['nosuid', 'nodev', 'mode=1777', 'size=65536k'],
}

const LIMITS = { pids: { limit: 1024 }, memory: { limit: 2 ** 30 } } as const

function linuxFor(rootless: ExampleOptions['rootless'], limits: boolean): OciLinux {
  const types = ['pid', 'network', 'ipc', 'uts', 'mount', 'cgroup'] as const
  const common = { maskedPaths: MASKED_PATHS, readonlyPaths: READONLY_PATHS }
  if (rootless === undefined) {
    const resources = { devices: [{ allow: false, access: 'rwm' }], ...(limits && LIMITS) }
    return { resources, namespaces: types.map(type => ({ type })), ...common }
  }
  const { uid, gid } = rootless
  return {
    uidMappings: [{ containerID: 0, hostID: uid, size: 1 }],
    gidMappings: [{ containerID: 0, hostID: gid, size: 1 }],
    namespaces: [...types.filter(type => type !== 'network'), 'user' as const].map(type => ({ type })),
    ...common,
  }
}

/** What the kernel shows there tells of the host or of other containers. */
const MASKED_PATHS = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
]

const READONLY_PATHS = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']
