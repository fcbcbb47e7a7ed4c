import t from 'tap'
import { makeOp } from '../../lib/plan/plan.js'
import { planToJson, printPlan } from '../../lib/plan/print.js'
import { GOOD, inserted } from './plans.js'

t.test('a plan is printed under its phases, an op a line, with the field it came from', async t => {
  const lines = printPlan(GOOD).split('\n')
  t.equal(lines[0], 'clone CLONE_NEWNS|CLONE_NEWUTS|CLONE_NEWPID')
  t.ok(lines.includes('  0: tree /rootfs recursive  # /root/path'))
  t.same(
    lines.filter(line => /^[A-Z]+$/.test(line)),
    ['SLOTS', 'SPAWN', 'MOUNT', 'PIVOT', 'INSIDE', 'IDENTITY', 'EXEC'],
  )
  t.ok(lines.includes('  hostname name=box  # /hostname'))
  t.ok(lines.includes('  root_attr set=MOUNT_ATTR_RDONLY  # /root/readonly'))
  t.ok(lines.includes('  propagation flags=MS_REC|MS_SLAVE'))
  t.ok(lines.includes('  capabilities effective=CAP_CHOWN permitted=CAP_CHOWN inheritable=none ambient=none'))
})

t.test('values of the environment are hidden unless asked for', async t => {
  t.match(printPlan(GOOD), 'env=[A=<redacted>, B=<redacted>]')
  t.notMatch(printPlan(GOOD), 'secret')
  t.match(printPlan(GOOD, { showEnv: true }), 'env=[A=secret, B=]')
  t.notMatch(JSON.stringify(planToJson(GOOD)), 'secret')
  t.match(JSON.stringify(planToJson(GOOD, { showEnv: true })), 'A=secret')
})

t.test('only a set of capabilities is shown as one', async t => {
  const node = { path: '/x', mode: 0o020666, major: 1, minor: 3, uid: 0, gid: 0 }
  t.match(printPlan(inserted('pivot_root', makeOp('mknod', { ...node, keep: 1 }))), 'uid=0 gid=0 keep=1\n')
  t.match(printPlan(inserted('pivot_root', makeOp('mknod', { ...node, keep: 0 }))), 'uid=0 gid=0 keep=0\n')
  t.match(printPlan(GOOD), 'bounding_set keep=CAP_CHOWN\n')
})

t.test('texts that could be misread are quoted', async t => {
  const plan = inserted('hostname', makeOp('mkdir', { path: '/a b\n  execve', mode: 0o755, uid: 0, gid: 0 }))
  t.match(printPlan(plan), '  mkdir path="/a b\\n  execve" mode=0755 uid=0 gid=0\n')
  t.match(printPlan(inserted('hostname', makeOp('domainname', { name: '' }))), 'domainname name=""')
})

t.test('bits without a name are shown as a number', async t => {
  const plan = inserted('bounding_set', makeOp('personality', { persona: 0x40008 }))
  t.match(printPlan(plan), 'personality persona=0x40008')
  t.match(
    printPlan({ ...plan, ops: [makeOp('bounding_set', { keep: (1n << 50n) | 1n })] }),
    'keep=CAP_CHOWN|0x4000000000000',
  )
})

t.test('as JSON a plan has the phase of each op, and 64-bit numbers as texts', async t => {
  const { ops } = JSON.parse(JSON.stringify(planToJson(GOOD))) as { ops: object[] }
  t.equal(ops.length, GOOD.ops.length)
  const set = ops.find(op => (op as { op: string }).op === 'root_attr')
  t.same(set, { phase: 'INSIDE', op: 'root_attr', args: { set: '1', propagation: 0 }, origin: '/root/readonly' })
})
