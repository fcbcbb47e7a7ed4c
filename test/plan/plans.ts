/** Small plans to start from. */
import { CLONE, MS } from '../../lib/plan/flags.js'
import type { Op, OpArgs, OpName } from '../../lib/plan/ops.js'
import { makeOp, type Plan, type Slot } from '../../lib/plan/plan.js'

export const NO_ATTRIBUTES = { set: 0n, clear: 0n, implied: 0n, recSet: 0n, recClear: 0n, propagation: 0 } as const

const SLOTS: readonly Slot[] = [
  { kind: 'tree', path: '/rootfs', recursive: true, nofollow: false, origin: '/root/path' },
  { kind: 'tree', path: '/srv', recursive: false, nofollow: false, origin: '/mounts/0/source' },
  { kind: 'filter', origin: '/linux/seccomp' },
  { kind: 'start', origin: '' },
]

const OPS: readonly Op[] = [
  makeOp('not_dumpable', {}),
  makeOp('setsid', {}),
  makeOp('propagation', { flags: MS.SLAVE | MS.REC }),
  makeOp('root', { slot: 0 }, '/root/path'),
  makeOp('attach', { slot: 1, path: '/srv', ...NO_ATTRIBUTES, resolve: 0 }, '/mounts/0'),
  makeOp('pivot_root', {}),
  makeOp('hostname', { name: 'box' }, '/hostname'),
  makeOp('mask_path', { path: '/proc/kcore' }, '/linux/maskedPaths/0'),
  makeOp('root_attr', { set: 1n, propagation: 0 }, '/root/readonly'),
  makeOp('bounding_set', { keep: 1n }),
  makeOp('chdir', { path: '/', optional: 1 }),
  makeOp('groups', { gids: [7] }),
  makeOp('gid', { gid: 1 }),
  makeOp('uid', { uid: 1 }),
  makeOp('capabilities', { effective: 1n, permitted: 1n, inheritable: 0n, ambient: 0n }),
  makeOp('no_new_privs', {}),
  makeOp('chdir', { path: '/', optional: 0 }),
  makeOp('resolve_exec', { candidates: ['/bin/true'] }),
  makeOp('created', {}),
  makeOp('await_start', { slot: 3 }),
  makeOp('close_from', { first: 3 }),
  makeOp('seccomp', { slot: 2, flags: 0 }),
  makeOp('execve', { args: ['true'], env: ['A=secret', 'B='] }, '/process/args'),
]

/** A container's plan that has a bit of everything. */
export const GOOD: Plan = {
  cloneFlags: CLONE.NEWNS | CLONE.NEWUTS | CLONE.NEWPID,
  preserveFds: 0,
  ops: OPS,
  slots: SLOTS,
}

/** The good plan without the ops of that name. */
export function without(name: OpName): Plan {
  return { ...GOOD, ops: GOOD.ops.filter(({ op }) => op !== name) }
}

/** The good plan with other arguments for the ops of that name. */
export function withArgs<N extends OpName>(name: N, args: Partial<OpArgs<N>>): Plan {
  const ops = GOOD.ops.map(each => (each.op === name ? ({ ...each, args: { ...each.args, ...args } } as Op) : each))
  return { ...GOOD, ops }
}

/** The good plan with one more op before that of the given name. */
export function inserted(before: OpName, ...more: readonly Op[]): Plan {
  const at = GOOD.ops.findIndex(({ op }) => op === before)
  return { ...GOOD, ops: GOOD.ops.toSpliced(at, 0, ...more) }
}
