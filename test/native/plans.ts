/** Good plans that between them have every op. */
import { CLONE, MS } from '../../lib/plan/flags.js'
import { OPS, type Op, type OpArgs, type OpName } from '../../lib/plan/ops.js'
import { makeOp, type Plan, type Slot } from '../../lib/plan/plan.js'
import { SLOT_KINDS } from '../../lib/plan/rules.js'

const BLANK = { u32: 0, slot: 0, u64: 0n, text: '', texts: [], numbers: [] }

/** An op; the arguments that are left out are 0, empty or 0n. */
export function op<N extends OpName>(name: N, args: Partial<OpArgs<N>> = {}): Op {
  const blank = Object.fromEntries(Object.entries(OPS[name].args).map(([arg, kind]) => [arg, BLANK[kind]]))
  return makeOp(name, { ...blank, ...args } as OpArgs<N>)
}

const identity = [
  op('bounding_set', { keep: 0xffff_ffff_ffff_ffffn }),
  op('groups', { gids: [0, 23, 24, 255, 256, 65535, 65536, 4294967294] }),
  op('gid', { gid: 5 }),
  op('uid', { uid: 1000 }),
  op('capabilities', { effective: 1n << 40n, permitted: 1n << 40n }),
  op('chdir', { path: '/', optional: 1 }),
  op('resolve_exec', { candidates: ['/bin/sh', '/usr/bin/sh'] }),
]

const execution = [
  op('close_from', { first: 3 }),
  op('execve', { args: ['sh', '-c', 'echo "ä€😀"'], env: ['PATH=/bin', 'EMPTY='] }),
]

export type SamplePlan = Plan

/** Slots as the ops take them: of the first kind that the op that takes it allows. */
export function slotsOf(ops: readonly Op[], count: number): Slot[] {
  return Array.from({ length: count }, (_, index) => {
    const taker = ops.find(({ args }) => 'slot' in args && args.slot === index)
    const kind = (taker === undefined ? undefined : SLOT_KINDS[taker.op]?.[0]) ?? 'tree'
    const type = taker?.op === 'setns' ? taker.args.type : 0
    return { kind, type, origin: '' } as unknown as Slot
  })
}

interface Sample {
  readonly slotCount: number
  readonly ops: readonly Op[]
  readonly cloneFlags?: number
}

const sample = ({ slotCount, ops, cloneFlags = 0 }: Sample): SamplePlan => ({
  cloneFlags,
  preserveFds: 0,
  slots: slotsOf(ops, slotCount),
  ops,
})

const ALL = CLONE.NEWNS | CLONE.NEWPID | CLONE.NEWIPC | CLONE.NEWUTS | CLONE.NEWNET

/** What `create` sends: the namespaces are made by the first clone. */
export const createPlan: SamplePlan = sample({
  slotCount: 10,
  cloneFlags: ALL,
  ops: [
    op('cgroup_join', { slot: 0 }),
    op('cgroup_join', { slot: 1 }),
    op('not_dumpable'),
    op('unshare', { flags: CLONE.NEWCGROUP }),
    op('map'),
    op('become_root'),
    op('setsid'),
    op('subreaper'),
    op('propagation', { flags: MS.SLAVE | MS.REC }),
    op('root', { slot: 2 }),
    op('mount_fs', { type: 'proc', source: 'proc', path: '/proc', resolve: 1 }),
    op('mount_fs', { type: 'tmpfs', source: 'tmpfs', path: '/dev', options: ['mode=755', 'size=65536k'] }),
    op('attach', { slot: 3, path: '/data', set: 1n, clear: 0x70n }),
    op('attach', { slot: 4, path: '/more', propagation: MS.SLAVE }),
    op('set_attributes', { path: '/data', set: 1n }),
    op('reconfigure', { path: '/dev', options: ['size=1m'] }),
    op('mkdir', { path: '/run/lock', mode: 0o755 }),
    op('symlink', { target: '/proc/self/fd', path: '/dev/fd' }),
    op('mknod', { path: '/dev/null', mode: 0o020666, major: 1, minor: 3 }),
    op('place_root', { path: '/srv/rootfs' }),
    op('prepare'),
    op('pivot_root'),
    op('hostname', { name: 'box' }),
    op('domainname', { name: 'example' }),
    op('sysctl', { key: 'net/ipv4/ip_forward', value: '1' }),
    op('loopback_up'),
    op('console', { slot: 5, rows: 24, columns: 80, bind: 1 }),
    op('controlling_terminal'),
    op('reopen_null'),
    op('mkdir', { path: '/work' }),
    op('mask_path', { path: '/proc/kcore' }),
    op('readonly_path', { path: '/proc/sys' }),
    op('root_attr', { set: 1n, propagation: MS.PRIVATE }),
    op('keyring', { name: 'ses.box' }),
    op('personality', { persona: 8 }),
    op('open_files', { soft: 1024n }),
    op('memory_policy', { mode: 1, nodes: [0, 63, 64] }),
    op('umask', { mask: 0o22 }),
    op('stdio_owner', { uid: 1000 }),
    op('lsm_label', { file: 'exec', label: 'unconfined' }),
    ...identity,
    op('no_new_privs'),
    op('home_env'),
    op('landlock', { fs: 0xffffn, net: 3n, scope: 3n }),
    op('landlock_beneath', { access: 0xdn, paths: ['/', '/usr'] }),
    op('landlock_ports', { access: 2n, ports: [443, 0] }),
    op('landlock_restrict'),
    op('lifeline', { slot: 8 }),
    op('created'),
    op('await_start', { slot: 6 }),
    op('close_from', { first: 3 }),
    op('seccomp', { slot: 7, flags: 1 }),
    op('reap', { slot: 9 }),
    op('execve', { args: ['sh'], env: ['PATH=/bin'] }),
  ],
})

/** What `exec` and hooks send: the namespaces and the root are those of a process that is there. */
export const joinPlan: SamplePlan = sample({
  slotCount: 2,
  ops: [
    op('not_dumpable'),
    op('setns', { slot: 0, type: CLONE.NEWNS | CLONE.NEWPID }),
    op('clone'),
    op('setsid'),
    op('join_root', { slot: 1 }),
    ...identity,
    ...execution,
  ],
})

/** The same, if the process is born in the pid namespace as the user that it is going to be. */
export const bornLastPlan: SamplePlan = sample({
  slotCount: 3,
  ops: [
    op('not_dumpable'),
    op('setns', { slot: 0, type: CLONE.NEWNS | CLONE.NEWPID }),
    op('setsid'),
    op('join_root', { slot: 1 }),
    op('console', { slot: 2, rows: 24, columns: 80 }),
    ...identity.slice(0, -1),
    op('clone'),
    op('controlling_terminal'),
    op('subreaper'),
    op('map'),
    ...identity.slice(-1),
    ...execution,
  ],
})

/** Without a mount namespace, and without a process to start. */
export const waitingPlan: SamplePlan = sample({
  slotCount: 2,
  ops: [
    op('not_dumpable'),
    op('setsid'),
    op('root_dir', { slot: 0 }),
    op('chroot'),
    ...identity.slice(0, -1),
    op('created'),
    op('await_start', { slot: 1 }),
  ],
})

/** Without a mount namespace, but with mounts. */
export const coveredPlan: SamplePlan = sample({
  slotCount: 2,
  ops: [
    op('not_dumpable'),
    op('setsid'),
    op('root_over', { slot: 0 }),
    op('mount_fs', { type: 'proc', source: 'proc', path: '/proc', resolve: 1 }),
    op('chroot'),
    op('root_attr', { set: 1n }),
    ...identity.slice(0, -1),
    op('created'),
    op('await_start', { slot: 1 }),
  ],
})

/** Without pivot_root. */
export const movePlan: SamplePlan = sample({
  slotCount: 1,
  cloneFlags: ALL,
  ops: [
    op('not_dumpable'),
    op('setsid'),
    op('propagation', { flags: MS.SLAVE | MS.REC }),
    op('root', { slot: 0 }),
    op('move_root'),
    ...identity,
    ...execution,
  ],
})

/** A program in the root of the host, where there are no namespaces. */
export const hostedPlan: SamplePlan = sample({
  slotCount: 2,
  ops: [
    op('not_dumpable'),
    op('setsid'),
    op('host_root'),
    ...identity.filter(({ op }) => op !== 'groups' && op !== 'resolve_exec'),
    op('no_new_privs'),
    op('subreaper'),
    ...identity.slice(-1),
    op('guard', { slot: 0 }),
    op('landlock', { fs: 0xffffn, net: 3n, scope: 3n }),
    op('landlock_beneath', { access: 0xdn, paths: ['/usr'] }),
    op('landlock_restrict'),
    op('close_from', { first: 3 }),
    op('seccomp', { slot: 1 }),
    op('execve', { args: ['sh'], env: ['PATH=/bin'] }),
  ],
})

/** Nothing but sockets, in a network namespace that is there. */
export const socketsPlan: SamplePlan = sample({
  slotCount: 2,
  ops: [
    op('not_dumpable'),
    op('setns', { slot: 0, type: CLONE.NEWNET | CLONE.NEWUSER }),
    op('become_root'),
    op('sockets', { slot: 1, kinds: [0, 1, 2, 3, 4] }),
  ],
})

/** As a runtime without privileges sends it. */
export const rootlessPlan: SamplePlan = sample({
  slotCount: 3,
  cloneFlags: ALL | CLONE.NEWUSER,
  ops: [
    op('map'),
    op('become_root', { uid: 1000, gid: 1000 }),
    op('not_dumpable'),
    op('setsid'),
    op('propagation', { flags: MS.SLAVE | MS.REC }),
    op('root_checked', { slot: 0, source: '/srv/rootfs' }),
    op('attach_checked', { slot: 1, source: '/srv/data', recursive: 1, path: '/data', set: 1n }),
    op('attach_inside', { source: '/data', recursive: 0, path: '/again', set: 1n }),
    op('attach_mapped', { slot: 2, source: '/data', below: ['a', 'b/c'], path: '/mapped' }),
    op('pivot_root'),
    ...identity,
    ...execution,
  ],
})

/** As a runtime without privileges sends it for a root of layers: written to a directory, or to memory. */
export const layeredPlan = layered(op('root_layered', { slot: 2, source: '/srv/upper', list: 1 }))
export const memoryPlan = layered(op('root_in_memory', { slot: 2, options: ['mode=0755', 'size=4096'] }))

function layered(root: Op): SamplePlan {
  const ops = [
    op('map'),
    op('become_root'),
    op('not_dumpable'),
    op('setsid'),
    op('propagation', { flags: MS.SLAVE | MS.REC }),
    op('layer', { slot: 0, source: '/srv/base' }),
    op('layer', { slot: 1, source: '/srv/top' }),
    root,
    op('pivot_root'),
  ]
  return sample({ slotCount: 3, cloneFlags: ALL | CLONE.NEWUSER, ops: [...ops, ...identity, ...execution] })
}

/** All of them. */
export const SAMPLES = {
  bornLastPlan,
  coveredPlan,
  createPlan,
  hostedPlan,
  joinPlan,
  layeredPlan,
  memoryPlan,
  movePlan,
  rootlessPlan,
  socketsPlan,
  waitingPlan,
}
