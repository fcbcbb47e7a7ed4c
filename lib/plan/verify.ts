import { PlanError } from '../errors.js'
import { argumentsFault } from './arguments.js'
import { argFault } from './encode.js'
import { allFlags, CLONE, LANDLOCK_FS, LANDLOCK_SCOPE, SECCOMP_FILTER_FLAG } from './flags.js'
import { OP_ARGS, type Op, type OpName, PHASES, type Phase } from './ops.js'
import { phaseOf } from './phases.js'
import type { Plan, Slot } from './plan.js'
import {
  BY_UNSHARE,
  MAPPED,
  MOST_PRESERVED_FDS,
  MOST_SLOTS,
  NAMESPACES_NEEDED,
  NEVER_AFTER,
  REPEATABLE,
  REQUIRES,
  ROOT_SWITCHES,
  SLOT_KINDS,
  SYSCTL_NAMESPACE,
  SYSCTL_NAMESPACES,
} from './rules.js'

/** How far the walk through a plan has come. */
interface Walk {
  readonly plan: Plan
  readonly seen: Set<OpName>
  readonly usedSlots: Set<number>
  /** CLONE_NEW* of the namespaces that the process has left the host's for. */
  entered: number
  /** What the ruleset of Landlock handles; null: there is none. */
  handled: { readonly fs: bigint; readonly net: bigint; readonly scope: bigint } | null
  phase: Phase
}

/**
 * Checks a plan by the rules that the init helper checks it by (native/init/verify.c): ops and arguments are those of the
 * table, phases never go back, every slot fits its op and is used once, each op has its predecessors, and none changes a
 * namespace of the host. Anything less than that is not sent to the helper.
 *
 * @throws PlanError naming the op; it is always a bug of tsrun, never a fault of the configuration.
 */
export function verifyPlan(plan: Plan): void {
  verifyHeader(plan)
  const walk: Walk = {
    plan,
    seen: new Set(),
    usedSlots: new Set(),
    entered: plan.cloneFlags,
    handled: null,
    phase: 'SPAWN',
  }
  for (const [index, op] of plan.ops.entries()) {
    const fault = verifyOp(walk, op)
    if (fault !== null) throw new PlanError(`op ${index} (${String(op.op)}): ${fault}`, { op: String(op.op) })
    walk.seen.add(op.op)
  }
  verifyEnd(walk)
}

function verifyHeader({ cloneFlags, preserveFds, slots }: Plan): void {
  if (slots.length > MOST_SLOTS) refuse(`more than ${MOST_SLOTS} slots`)
  if (argFault('u32', cloneFlags) !== null || outside(cloneFlags, allFlags(CLONE)))
    refuse('clone flags are not namespaces')
  if (cloneFlags & BY_UNSHARE) refuse('time and cgroup namespaces are made by unshare')
  if (argFault('u32', preserveFds) !== null || preserveFds > MOST_PRESERVED_FDS) refuse('preserveFds is out of range')
}

function refuse(message: string, op = ''): never {
  throw new PlanError(message, { op })
}

function outside(flags: number, known: number): boolean {
  return (BigInt(flags) & ~BigInt(known)) !== 0n
}

function verifyOp(walk: Walk, op: Op): string | null {
  return (
    shapeFault(op) ??
    argumentsFault(op, walk.plan) ??
    phaseFault(walk, op.op) ??
    orderFault(walk, op.op) ??
    slotFault(walk, op) ??
    namespaceFault(walk, op) ??
    seccompFault(walk, op) ??
    landlockFault(walk, op) ??
    enter(walk, op)
  )
}

/** The op exists, and has exactly the arguments of the table. */
function shapeFault({ op, args }: Op): string | null {
  const known = OP_ARGS.get(op)
  if (known === undefined) return 'no such op'
  const values = args as Readonly<Record<string, unknown>>
  for (const name in values) {
    if (!known.some(([other]) => other === name)) return `has no argument ${name}`
  }
  for (const [name, kind] of known) {
    const fault = argFault(kind, values[name])
    if (fault !== null) return `${name} ${fault}`
  }
  return null
}

function phaseFault(walk: Walk, name: OpName): string | null {
  const phase = phaseOf(name, walk.phase)
  if (phase === null) return `comes after phase ${walk.phase}`
  const inside = PHASES.indexOf(phase) > PHASES.indexOf('PIVOT')
  if (inside && !hasAny(walk, ROOT_SWITCHES)) return 'the root has not been switched'
  if (phase === 'PIVOT' && hasAny(walk, ROOT_SWITCHES)) return 'the root has been switched already'
  walk.phase = phase
  return null
}

function orderFault({ seen }: Walk, name: OpName): string | null {
  if (seen.has('execve')) return 'nothing comes after execve'
  if (seen.has(name) && !REPEATABLE.has(name)) return 'comes twice'
  for (const needed of REQUIRES[name] ?? []) {
    const choice = typeof needed === 'string' ? [needed] : needed
    if (!choice.some(other => seen.has(other))) return `needs ${choice.join(' or ')} before it`
  }
  const late = NEVER_AFTER.find(([first, second]) => first === name && seen.has(second))
  return late === undefined ? null : `may not come after ${late[1]}`
}

function hasAny({ seen }: Walk, names: readonly OpName[]): boolean {
  return names.some(name => seen.has(name))
}

function slotFault(walk: Walk, op: Op): string | null {
  if (!('slot' in op.args)) return null
  const index = op.args.slot
  const slot = walk.plan.slots[index]
  if (slot === undefined) return `there is no slot ${index}`
  if (!SLOT_KINDS[op.op]?.includes(slot.kind)) return `slot ${index} is a ${slot.kind}`
  if (walk.usedSlots.has(index)) return `slot ${index} is used twice`
  walk.usedSlots.add(index)
  return op.op === 'setns' ? setnsFault(slot, op.args.type) : null
}

function setnsFault(slot: Slot, type: number): string | null {
  return slot.kind === 'namespace' && slot.type !== type ? 'type is not that of the slot' : null
}

/** Ops that would change the host's own namespace, were the process still in it. */
function namespaceFault({ entered }: Walk, op: Op): string | null {
  const needed = neededNamespace(op)
  if ((entered & needed) === needed) return null
  const [name = ''] = Object.entries(CLONE).find(([, flag]) => flag === needed) ?? []
  return `the process is not in a namespace of its own (CLONE_${name})`
}

function neededNamespace(op: Op): number {
  if (op.op === 'console') return op.args.bind === 1 ? CLONE.NEWNS : 0
  if (op.op === 'sysctl') return sysctlNamespace(op.args.key)
  return NAMESPACES_NEEDED[op.op] ?? 0
}

function sysctlNamespace(key: string): number {
  const found = SYSCTL_NAMESPACES.find(([prefix]) => key.startsWith(prefix))
  return found === undefined ? SYSCTL_NAMESPACE : found[1]
}

/**
 * Without no_new_privs a filter needs CAP_SYS_ADMIN, so it comes before `capabilities`; with it, last before `execve`, but
 * that one with a listener comes before `created`.
 */
function seccompFault({ seen }: Walk, op: Op): string | null {
  if (op.op !== 'seccomp') return null
  const listens = (op.args.flags & SECCOMP_FILTER_FLAG.NEW_LISTENER) !== 0
  if (listens && seen.has('created')) return 'a filter with a listener comes after created'
  if (!seen.has('capabilities')) return null
  const needed = listens ? (['no_new_privs'] as const) : (['no_new_privs', 'close_from'] as const)
  const missing = needed.find(name => !seen.has(name))
  return missing === undefined ? null : `needs ${missing} before it`
}

/** The kernel's own rule: what is not handled can't be allowed either. */
function landlockFault(walk: Walk, op: Op): string | null {
  if (op.op === 'landlock') walk.handled = op.args
  const { fs, net } = walk.handled ?? { fs: 0n, net: 0n }
  const isOutside =
    (op.op === 'landlock_beneath' && (op.args.access & ~fs) !== 0n) ||
    (op.op === 'landlock_ports' && (op.args.access & ~net) !== 0n)
  return isOutside ? 'allows what the ruleset does not handle' : null
}

function enter(walk: Walk, op: Op): string | null {
  if (op.op === 'cgroup_join' && walk.entered & CLONE.NEWCGROUP) return 'comes after the cgroup namespace'
  if (op.op === 'unshare' && op.args.flags & MAPPED && walk.seen.has('map'))
    return 'makes after map what is mapped there'
  if (op.op === 'unshare') walk.entered |= op.args.flags
  if (op.op === 'setns') walk.entered |= op.args.type
  // In a mount of the container's own those of the host are out of reach.
  if (op.op === 'root_over') walk.entered |= CLONE.NEWNS
  if (op.op === 'host_root' && walk.entered !== 0) return 'the process is in a namespace of its own'
  return null
}

function verifyEnd(walk: Walk): void {
  const { plan, seen, usedSlots } = walk
  const last = plan.ops.at(-1)?.op ?? ''
  // A container without a process has nothing to execute: it waits for a start that the runtime refuses.
  const hasNoProgram = last === 'await_start' && !seen.has('resolve_exec')
  // Who only makes sockets in a container executes nothing.
  const onlyMakesSockets = last === 'sockets' && !seen.has('created')
  if (last !== 'execve' && !hasNoProgram && !onlyMakesSockets) refuse('the plan does not end with execve', last)
  if (seen.has('created') && !seen.has('await_start')) refuse('nothing waits for start', 'created')
  if (seen.has('host_root') && last === 'execve' && !isConfined(walk)) refuse('the files of the host are free', last)
  if (seen.has('landlock') && !seen.has('landlock_restrict')) refuse('the ruleset restricts nobody', 'landlock')
  const unused = plan.slots.findIndex((_, index) => !usedSlots.has(index))
  if (unused !== -1) refuse(`slot ${unused} (${plan.slots[unused]?.kind}) is not used`)
  verifyUserNamespace(walk)
  verifyChild(walk)
}

/** In the root of the host it is Landlock that keeps a program from its files and processes, all of it. */
const isConfined = ({ seen, handled }: Walk): boolean =>
  seen.has('guard') &&
  handled?.fs === BigInt(allFlags(LANDLOCK_FS)) &&
  handled.scope === BigInt(allFlags(LANDLOCK_SCOPE))

function verifyUserNamespace({ plan, seen, entered }: Walk): void {
  if ((entered & CLONE.NEWUSER) === 0) return
  if (!seen.has('become_root')) refuse('the user namespace has no root', 'become_root')
  if (made(plan) & CLONE.NEWUSER && !seen.has('map')) refuse('the new user namespace has no mappings', 'map')
}

/** A process is in a pid namespace that it joins or unshares, and in a time namespace that it unshares, from its next child on. */
function verifyChild({ plan, seen, entered }: Walk): void {
  const byChild = (entered & ~plan.cloneFlags & CLONE.NEWPID) | (made(plan) & CLONE.NEWTIME)
  if (byChild !== 0 && !seen.has('clone')) refuse('the pid or time namespace is not entered', 'clone')
  // The kernel refuses CLONE_PARENT to the first process of a pid namespace.
  if (plan.cloneFlags & CLONE.NEWPID && seen.has('clone'))
    refuse('the first process of a pid namespace is not replaced', 'clone')
}

function made({ cloneFlags, ops }: Plan): number {
  return ops.reduce((mask, op) => (op.op === 'unshare' ? mask | op.args.flags : mask), cloneFlags)
}
