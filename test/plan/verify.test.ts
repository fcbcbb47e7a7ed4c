import t from 'tap'
import { CLONE, MS, SOCKET_KINDS } from '../../lib/plan/flags.js'
import { OPS, type OpName, RESOLVE } from '../../lib/plan/ops.js'
import { makeOp, type Plan } from '../../lib/plan/plan.js'
import { verifyPlan } from '../../lib/plan/verify.js'
import { CASE_NAMES, compileCase } from '../compile/cases.js'
import { GOOD, inserted, NO_ATTRIBUTES, withArgs, without } from './plans.js'

const refusal = (plan: Plan): string => {
  try {
    verifyPlan(plan)
    return ''
  } catch (error) {
    return (error as { code?: string }).code === 'ERR_PLAN_REFUSED' ? (error as Error).message : String(error)
  }
}

t.test('the good plan is good', async t => t.equal(refusal(GOOD), ''))

/** What a container must not go without; the rest of a good plan is what the configuration happens to ask for. */
const CHAIN = [
  'not_dumpable',
  'setsid',
  'propagation',
  'root',
  'pivot_root',
  'bounding_set',
  'groups',
  'gid',
  'uid',
  'capabilities',
  'no_new_privs',
  'chdir',
  'resolve_exec',
  'created',
  'await_start',
  'close_from',
  'seccomp',
  'execve',
] as const satisfies OpName[]

for (const name of CHAIN) {
  t.test(`a plan without ${name} is refused`, async t => t.not(refusal(without(name)), ''))
}

t.test('no step of the chain of any reviewed plan can be taken out', async t => {
  for (const name of CASE_NAMES) {
    const { plan } = compileCase(name)
    const required = new Set<string>(CHAIN.filter(step => step !== 'no_new_privs' && step !== 'chdir'))
    for (const [index, { op }] of plan.ops.entries()) {
      const slotless = plan.ops.toSpliced(index, 1)
      const takesSlot = 'slot' in (plan.ops[index]?.args ?? {})
      if (required.has(op) || takesSlot) t.not(refusal({ ...plan, ops: slotless }), '', `${name}: ${op} at ${index}`)
    }
  }
})

t.test('no step of the chain can be replaced by another legal op', async t => {
  for (const [index, step] of GOOD.ops.entries()) {
    if (!(CHAIN as readonly string[]).includes(step.op)) continue
    for (const other of Object.keys(OPS) as OpName[]) {
      // --no-pivot is a choice that the caller may make; a chdir can't be told from the other one by its place.
      if (other === step.op || (step.op === 'pivot_root' && other === 'move_root')) continue
      if (step.op === 'chdir' || step.op === 'no_new_privs') continue
      const replaced = GOOD.ops.toSpliced(index, 1, makeOp(other, argsOf(other) as never))
      t.not(refusal({ ...GOOD, ops: replaced }), '', `${other} in place of ${step.op}`)
    }
  }
})

/** Arguments of the right kind for any op. */
function argsOf(name: OpName): object {
  const samples = { u32: 0, u64: 0n, text: '/x', texts: ['/x'], numbers: [0], slot: 0 }
  return Object.fromEntries(Object.entries(OPS[name].args).map(([arg, kind]) => [arg, samples[kind]]))
}

t.test('a phase never comes back', async t => {
  t.match(refusal(inserted('uid', makeOp('hostname', { name: 'late' }))), 'comes after phase IDENTITY')
  t.match(
    refusal(inserted('hostname', makeOp('attach', { slot: 0, path: '/x', ...NO_ATTRIBUTES, resolve: 0 }))),
    'phase',
  )
})

t.test('nothing comes after execve, and nothing comes twice that should not', async t => {
  t.match(refusal({ ...GOOD, ops: [...GOOD.ops, makeOp('close_from', { first: 3 })] }), 'after execve')
  t.match(refusal(inserted('uid', makeOp('gid', { gid: 0 }))), 'comes twice')
  t.match(refusal(inserted('hostname', makeOp('chroot', {}))), 'root')
})

t.test('ops and arguments are those of the table', async t => {
  const odd = (op: string, args: object) =>
    ({ ...GOOD, ops: [{ op, args, origin: '' }, ...GOOD.ops] }) as unknown as Plan
  t.match(refusal(odd('toString', {})), 'no such op')
  t.match(refusal(odd('hostname', { name: 'x', more: 1 })), 'has no argument more')
  t.match(refusal(odd('hostname', {})), 'name must be a text')
  t.match(refusal(withArgs('hostname', { name: 'a\0' })), 'NUL')
  t.match(refusal(withArgs('gid', { gid: 2 ** 32 })), '32-bit')
})

t.test('a slot is there, fits its op, and is used once', async t => {
  t.match(refusal(withArgs('root', { slot: 9 })), 'no slot 9')
  t.match(refusal(withArgs('root', { slot: 2 })), 'slot 2 is a filter')
  t.match(refusal(withArgs('attach', { slot: 0 })), 'used twice')
  t.match(refusal({ ...GOOD, slots: [...GOOD.slots, { kind: 'start', origin: '' }] }), 'slot 4 (start) is not used')
})

const badArguments: readonly (readonly [Plan, string])[] = [
  [withArgs('attach', { path: 'relative' }), 'path is not an absolute path below the root'],
  [withArgs('attach', { path: '/.//..' }), 'path is not an absolute path below the root'],
  [withArgs('attach', { set: 1n << 20n }), 'set has unknown bits'],
  [withArgs('attach', { propagation: MS.SHARED | MS.SLAVE }), 'propagation is not a propagation'],
  [withArgs('attach', { resolve: 128 }), 'resolve has unknown bits'],
  [withArgs('attach', { resolve: RESOLVE.COPY_UP }), 'resolve has unknown bits'],
  [withArgs('attach', { resolve: RESOLVE.KEEP_MODE }), 'resolve has unknown bits'],
  [withArgs('propagation', { flags: MS.REC }), 'not a propagation'],
  [withArgs('uid', { uid: 0xffff_ffff }), 'not an id'],
  [withArgs('groups', { gids: [0xffff_ffff] }), 'not an id'],
  [withArgs('capabilities', { effective: 2n }), 'not within permitted'],
  [withArgs('capabilities', { ambient: 1n }), 'permitted and inheritable'],
  [withArgs('seccomp', { flags: 0x1000 }), 'flags has unknown bits'],
  [withArgs('close_from', { first: 4 }), 'first must be 3'],
  [withArgs('execve', { args: [] }), 'args is empty'],
  [withArgs('execve', { env: ['=x'] }), 'without a name'],
  [withArgs('chdir', { optional: 2 }), 'optional'],
  [inserted('hostname', makeOp('mkdir', { path: '/x', mode: 0o10000, uid: 0, gid: 0 })), 'mode is out of range'],
  [inserted('bounding_set', makeOp('keyring', { name: '.x' })), 'keyring'],
  [inserted('bounding_set', makeOp('umask', { mask: 0o1000 })), 'mask is out of range'],
  [inserted('bounding_set', makeOp('lsm_label', { file: 'current', label: 'x' })), 'file is not a file of'],
  [inserted('pivot_root', makeOp('symlink', { target: '', path: '/x' })), 'target is empty'],
  [
    inserted(
      'pivot_root',
      makeOp('mknod', { path: '/x', mode: 0o100644, major: 0, minor: 0, uid: 0, gid: 0, keep: 0 }),
    ),
    'mode',
  ],
]

for (const [plan, reason] of badArguments) {
  t.test(`arguments: ${reason}`, async t => t.match(refusal(plan), reason))
}

t.test('an op that would change the namespace of the host is refused', async t => {
  const none = { ...GOOD, cloneFlags: CLONE.NEWPID | CLONE.NEWUTS }
  t.match(refusal(none), 'CLONE_NEWNS')
  t.match(refusal({ ...GOOD, cloneFlags: CLONE.NEWNS }), 'CLONE_NEWUTS')
  t.match(refusal(inserted('hostname', makeOp('loopback_up', {}))), 'CLONE_NEWNET')
  const sysctl = (key: string) => refusal(inserted('hostname', makeOp('sysctl', { key, value: '1' })))
  t.match(sysctl('net/ipv4/ip_forward'), 'CLONE_NEWNET')
  t.match(sysctl('user/max_pid_namespaces'), 'CLONE_NEWUSER')
  t.match(sysctl('kernel/shmmax'), 'CLONE_NEWIPC')
  t.match(sysctl('vm/swappiness'), 'CLONE_NEWIPC')
  t.match(sysctl('net/../kernel/core_pattern'), 'not a relative path')
  t.equal(sysctl('kernel/domainname'), '')
})

t.test('a user namespace has mappings and a root', async t => {
  const cloneFlags = GOOD.cloneFlags | CLONE.NEWUSER
  const mapped = inserted('setsid', makeOp('map', {}), makeOp('become_root', { uid: 0, gid: 0 }))
  t.equal(refusal({ ...mapped, cloneFlags }), '')
  t.match(refusal({ ...inserted('setsid', makeOp('become_root', { uid: 0, gid: 0 })), cloneFlags }), 'no mappings')
  t.match(refusal({ ...GOOD, cloneFlags }), 'no root')
})

t.test('pid and time namespaces are entered by a child, and never by the child of a first process', async t => {
  const unshare = makeOp('unshare', { flags: CLONE.NEWPID })
  const cloneFlags = CLONE.NEWNS | CLONE.NEWUTS
  t.match(refusal({ ...inserted('setsid', unshare), cloneFlags }), 'not entered')
  t.equal(refusal({ ...inserted('setsid', unshare, makeOp('clone', {})), cloneFlags }), '')
  t.match(refusal({ ...inserted('setsid', makeOp('clone', {}), unshare), cloneFlags }), 'may not come after clone')
  t.match(refusal(inserted('setsid', makeOp('clone', {}))), 'first process')
  t.match(refusal({ ...GOOD, cloneFlags: GOOD.cloneFlags | CLONE.NEWTIME }), 'unshare')
})

t.test('a cgroup namespace is made in the cgroup that it is to show', async t => {
  const slots = [...GOOD.slots, { kind: 'cgroup', hierarchy: 0, origin: '' } as const]
  const join = makeOp('cgroup_join', { slot: 4 })
  const unshare = makeOp('unshare', { flags: CLONE.NEWCGROUP })
  t.equal(refusal({ ...inserted('setsid', join, unshare), slots }), '')
  t.match(refusal({ ...inserted('setsid', unshare, join), slots }), 'after the cgroup namespace')
})

t.test('a namespace is joined by a slot of its type, and only while not dumpable', async t => {
  const slots = [...GOOD.slots, { kind: 'namespace', path: '/n', type: CLONE.NEWNET, origin: '' } as const]
  const join = (type: number) => makeOp('setns', { slot: 4, type })
  t.equal(refusal({ ...inserted('setsid', join(CLONE.NEWNET)), slots }), '')
  t.match(refusal({ ...inserted('setsid', join(CLONE.NEWIPC)), slots }), 'not that of the slot')
  t.match(refusal({ ...inserted('not_dumpable', join(CLONE.NEWNET)), slots }), 'needs not_dumpable')
})

t.test('a filter comes while it is allowed, or last', async t => {
  const early = without('seccomp').ops
  const filter = makeOp('seccomp', { slot: 2, flags: 0 })
  const at = (name: OpName) => early.findIndex(({ op }) => op === name)
  const place = (index: number) => refusal({ ...GOOD, ops: early.toSpliced(index, 0, filter) })
  t.equal(place(at('uid')), '')
  t.match(place(at('resolve_exec')), 'needs close_from')
  t.match(place(at('close_from')), 'needs close_from')
  t.match(refusal(without('no_new_privs')), 'needs no_new_privs')
})

t.test('a plan ends with execve, or waits for a start that will not come', async t => {
  t.match(refusal(without('execve')), 'does not end with execve')
  const parts = ['execve', 'seccomp', 'close_from', 'resolve_exec']
  const ops = GOOD.ops.filter(({ op }) => !parts.includes(op))
  const moved = ops.map(each => (each.op === 'await_start' ? makeOp('await_start', { slot: 2 }) : each))
  t.equal(refusal({ ...GOOD, ops: moved, slots: GOOD.slots.filter(({ kind }) => kind !== 'filter') }), '')
})

t.test(
  'sockets are made in a network namespace of the container only, and nothing but them needs no program',
  async t => {
    const joins = makeOp('setns', { slot: 0, type: CLONE.NEWNET })
    const sockets = makeOp('sockets', { slot: 1, kinds: [0] })
    const plan: Plan = {
      ...{ cloneFlags: 0, preserveFds: 0 },
      slots: [
        { kind: 'init', origin: '' },
        { kind: 'sockets', origin: '' },
      ],
      ops: [makeOp('not_dumpable', {}), joins, sockets],
    }
    t.equal(refusal(plan), '')
    const elsewhere = makeOp('setns', { slot: 0, type: CLONE.NEWNS })
    t.match(refusal({ ...plan, ops: [makeOp('not_dumpable', {}), elsewhere, sockets] }), /namespace of its own/)
    t.match(refusal({ ...plan, ops: [makeOp('not_dumpable', {}), sockets, joins] }), /namespace of its own/)
    const none = makeOp('sockets', { slot: 1, kinds: [] })
    t.match(refusal({ ...plan, ops: [makeOp('not_dumpable', {}), joins, none] }), /empty/)
    const unknown = makeOp('sockets', { slot: 1, kinds: [SOCKET_KINDS.length] })
    t.match(refusal({ ...plan, ops: [makeOp('not_dumpable', {}), joins, unknown] }), /out of range/)
    t.match(refusal({ ...plan, ops: [joins, sockets] }), /not_dumpable/)
  },
)
