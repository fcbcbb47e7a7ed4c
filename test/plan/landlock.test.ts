/** What is to be so of plans with Landlock, and of those that stay in the root of the host. */
import t from 'tap'
import { makeOp, type Plan } from '../../lib/plan/plan.js'
import { verifyPlan } from '../../lib/plan/verify.js'
import { createPlan, hostedPlan, op } from '../native/plans.js'

const without = (plan: Plan, name: string): Plan => ({ ...plan, ops: plan.ops.filter(({ op }) => op !== name) })
const indexOf = (plan: Plan, name: string): number => plan.ops.findIndex(({ op }) => op === name)

function moved(plan: Plan, name: string, before: string): Plan {
  const found = plan.ops.filter(({ op }) => op === name)
  const rest = without(plan, name)
  return { ...rest, ops: rest.ops.toSpliced(indexOf(rest, before), 0, ...found) }
}

const changed = (plan: Plan, name: string, args: object): Plan => ({
  ...plan,
  ops: plan.ops.map(step => (step.op === name ? makeOp(step.op, { ...step.args, ...args } as never) : step)),
})

const refused = (plan: Plan, message: RegExp): void => {
  t.throws(() => verifyPlan(plan), { code: 'ERR_PLAN_REFUSED', message })
}

t.test('a ruleset that restricts nobody, comes too late or allows what it does not handle', async () => {
  verifyPlan(createPlan)
  refused(without(createPlan, 'landlock_restrict'), /restricts nobody/)
  refused(without(createPlan, 'landlock'), /landlock_beneath.*needs landlock/)
  refused(without(createPlan, 'no_new_privs'), /landlock.*needs no_new_privs/)
  refused(moved(createPlan, 'landlock_restrict', 'seccomp'), /may not come after close_from/)
  refused(moved(createPlan, 'landlock_ports', 'lifeline'), /may not come after landlock_restrict/)
  refused(moved(createPlan, 'home_env', 'lifeline'), /may not come after landlock_restrict/)
  refused(changed(createPlan, 'landlock', { fs: 0x1n }), /allows what the ruleset does not handle/)
  refused(changed(createPlan, 'landlock', { net: 0x1n }), /allows what the ruleset does not handle/)
  refused(changed(createPlan, 'landlock', { fs: 0x1_0000n }), /unknown bits/)
  refused(changed(createPlan, 'landlock_ports', { ports: [0x1_0000] }), /out of range/)
  refused(changed(createPlan, 'landlock_beneath', { paths: ['etc'] }), /not an absolute path/)
})

t.test('in the root of the host all of it is needed, and no namespace', async () => {
  verifyPlan(hostedPlan)
  refused(without(hostedPlan, 'host_root'), /has not been switched/)
  refused(changed(hostedPlan, 'landlock', { fs: 0x7fffn }), /the files of the host are free/)
  refused(changed(hostedPlan, 'landlock', { scope: 1n }), /the files of the host are free/)
  const unguarded = without(hostedPlan, 'guard')
  refused({ ...unguarded, slots: hostedPlan.slots.slice(1), ops: unguarded.ops.map(withoutSlot) }, /are free/)
  refused(without(without(without(hostedPlan, 'landlock'), 'landlock_beneath'), 'landlock_restrict'), /are free/)
  refused(moved(hostedPlan, 'guard', 'close_from'), /may not come after landlock/)
  refused(without(hostedPlan, 'subreaper'), /needs subreaper/)
  refused({ ...hostedPlan, cloneFlags: 0x2_0000 }, /in a namespace of its own/)
  const made = { ...hostedPlan, ops: [op('unshare', { flags: 0x400_0000 }), ...hostedPlan.ops] }
  refused(made, /in a namespace of its own/)
  const furnished = hostedPlan.ops.toSpliced(indexOf(hostedPlan, 'host_root') + 1, 0, op('hostname', { name: 'box' }))
  refused({ ...hostedPlan, ops: furnished }, /namespace of its own/)
})

const withoutSlot = (step: Plan['ops'][number]): Plan['ops'][number] =>
  step.op === 'seccomp' ? op('seccomp', { slot: 0 }) : step
