/** The filter of system calls of a sandbox: that of `exampleConfig`, with fewer kinds of sockets, and what the profile adds by name. */
import { optionError } from '../config/option.js'
import type { OciConfig } from '../index.js'
import { PROFILE, type SandboxProfile, SOCKET_FAMILIES, type SocketFamily } from './profile.js'

/** @throws {ConfigError} naming the part of the profile */
export function checkFilter({ seccomp, systemCalls, sockets }: SandboxProfile): void {
  const isName = (name: unknown): boolean => typeof name === 'string' && /^[a-z][a-z0-9_]*$/.test(name)
  const wrong = (option: string, expected: string, received: unknown) =>
    optionError({ option: `profile.${option}`, expected, received })
  if (!Array.isArray(systemCalls) || !systemCalls.every(isName))
    throw wrong('systemCalls', 'an array of names of system calls, such as "ptrace"', systemCalls)
  const known = Object.keys(SOCKET_FAMILIES)
  if (!Array.isArray(sockets) || !sockets.every(family => known.includes(family)))
    throw wrong('sockets', `an array of ${known.join(', ')}`, sockets)
  if (!seccomp && systemCalls.length > 0) throw wrong('systemCalls', 'empty without seccomp', systemCalls)
}

type Seccomp = NonNullable<NonNullable<OciConfig['linux']>['seccomp']>

const words = (text: string): readonly string[] => text.trim().split(/\s+/)

/**
 * Where files, users and processes are those of the machine: what Landlock does not look at. Owners, modes, times and attributes of files,
 * watches of directories, and what several processes share by a number.
 */
const OF_THE_MACHINE = words(`
  chmod fchmod fchmodat fchmodat2 chown chown32 fchown fchown32 fchownat lchown lchown32 utime utimes futimesat utimensat
  utimensat_time64 setxattr setxattrat lsetxattr fsetxattr removexattr removexattrat lremovexattr fremovexattr
  inotify_add_watch fanotify_mark ipc shmget shmat shmctl semget semctl semop semtimedop semtimedop_time64 msgget msgctl
  msgrcv msgsnd mq_open mq_unlink
`)

const IS = 'SCMP_CMP_EQ' as const
const ALLOW = 'SCMP_ACT_ALLOW' as const
/** The same of other processes: which argument has the pid, where 0 is the caller. */
const BY_PID = {
  prlimit64: 0,
  sched_setaffinity: 0,
  sched_setattr: 0,
  sched_setparam: 0,
  sched_setscheduler: 0,
} as const
/** The first argument of these says what the second one is: a process. */
const BY_KIND = { setpriority: 0, ioprio_set: 1 } as const
/** Times of what is open: of what has a path they are refused. */
const OF_OPEN_FILES = ['utimensat', 'utimensat_time64'] as const
/** Without datagrams, which can be sent to any socket that has a path. */
const PAIRS = [1, 5] as const
const KIND_OF_SOCKET = 0xf
/**
 * The ioctl of terminals, pipes and sockets, by their kind, and of files FICLONE, FICLONERANGE, FS_IOC_FIEMAP, FS_IOC_GETFLAGS and
 * FS_IOC_FSGETXATTR. To change a file by another one takes no more than a descriptor to read, which is nothing to Landlock.
 */
const IOCTLS = [
  ...[0x5400, 0x8900].map(kind => [0xff00, kind] as const),
  ...[0x40049409, 0x4020940d, 0xc020660b, 0x80086601, 0x801c581f].map(call => [0xffffffff, call] as const),
]

/** What is left of calls that are taken out. */
const NARROW = [
  ...Object.entries(BY_PID).map(([name, index]) => ({ name, args: [{ index, value: 0, op: IS }] })),
  ...Object.entries(BY_KIND).map(([name, kind]) => ({
    name,
    args: [
      { index: 0, value: kind, op: IS },
      { index: 1, value: 0, op: IS },
    ],
  })),
  ...OF_OPEN_FILES.map(name => ({ name, args: [{ index: 1, value: 0, op: IS }] })),
  ...PAIRS.map(kind => ({
    name: 'socketpair',
    args: [{ index: 0, value: SOCKET_FAMILIES.unix, op: IS }, masked(KIND_OF_SOCKET, kind)],
  })),
  ...IOCTLS.map(([mask, value]) => ({ name: 'ioctl', args: [masked(mask, value)] })),
]

/** Of the second argument. */
function masked(mask: number, value: number) {
  return { index: 1, value: mask, valueTwo: value, op: 'SCMP_CMP_MASKED_EQ' as const }
}

/** In addition to what `filterOf` refuses: for a program in the root of the host. */
export function filterOnHost(filter: Seccomp, profile: SandboxProfile, isOpen: boolean): Seccomp {
  const { syscalls = [], ...rest } = filterOf(filter, { ...profile, sockets: socketsOnHost(profile, isOpen) })
  const refused = [...OF_THE_MACHINE, ...NARROW.map(({ name }) => name)]
  const isTaken = (name: string): boolean => refused.includes(name) && !profile.systemCalls.includes(name)
  const kept = syscalls
    .map(rule => ({ ...rule, names: rule.names.filter(name => !isTaken(name)) }))
    .filter(({ names }) => names.length > 0)
  const added = NARROW.filter(({ name }) => isTaken(name)).map(({ name, args }) => ({
    names: [name],
    action: ALLOW,
    args,
  }))
  return { ...rest, syscalls: [...kept, ...added] }
}

/** None by itself: at a path somebody of the machine may listen, who does what he is told. */
function socketsOnHost({ sockets }: SandboxProfile, isOpen: boolean): readonly SocketFamily[] {
  const asked = sockets === PROFILE.sockets ? (['inet', 'inet6'] as const) : sockets
  return asked.filter(family => isOpen || (family !== 'inet' && family !== 'inet6'))
}

export function filterOf(filter: Seccomp, { systemCalls, sockets }: SandboxProfile): Seccomp {
  const others = (filter.syscalls ?? []).filter(({ names }) => !names.includes('socket'))
  const named = sockets.map(family => ({
    names: ['socket'],
    action: 'SCMP_ACT_ALLOW' as const,
    args: [{ index: 0, value: SOCKET_FAMILIES[family], op: 'SCMP_CMP_EQ' as const }],
  }))
  const added = systemCalls.length === 0 ? [] : [{ names: [...systemCalls], action: 'SCMP_ACT_ALLOW' as const }]
  // What the filter refuses with an errno of its own or under a condition is allowed as a whole if it is named.
  const isReplaced = (name: string): boolean => systemCalls.includes(name)
  const kept = others
    .map(rule => ({ ...rule, names: rule.names.filter(name => !isReplaced(name)) }))
    .filter(({ names }) => names.length > 0)
  return { ...filter, syscalls: [...kept, ...named, ...added] }
}
