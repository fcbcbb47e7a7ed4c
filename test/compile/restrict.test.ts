/** The option landlock, on kernels that know less of it. */
import t from 'tap'
import { compile } from '../../lib/compile/index.js'
import { type LandlockOptions, readLandlock } from '../../lib/config/landlock-option.js'
import { verifyPlan } from '../../lib/plan/verify.js'
import { readCase } from './cases.js'

const FS: LandlockOptions = {
  fs: [
    { path: '/', access: ['read', 'execute'] },
    { path: '/work', access: ['read', 'write', 'ioctl'] },
  ],
}
const WHOLE: LandlockOptions = { ...FS, net: { connect: [443] }, scope: ['signal'] }

function compiled(landlock: LandlockOptions, version: number, { noNewPrivileges = true } = {}) {
  const { config, facts, options } = readCase('minimal')
  const { process } = config
  const { plan, warnings } = compile({
    config: {
      ...config,
      process: process === null ? null : { ...process, noNewPrivileges },
      linux: { ...config.linux, landlock: readLandlock(landlock) },
    },
    facts: { ...facts, landlock: version },
    options,
  })
  verifyPlan(plan)
  const ops = plan.ops.filter(({ op }) => op.startsWith('landlock'))
  return { ops: ops.map(({ op, args }) => ({ op, ...args })), warnings, names: plan.ops.map(({ op }) => op) }
}

const READ = 0xdn
const EVERYTHING = 0xffffn

t.test('all of it, in the order of the kernel, before the container is created', async t => {
  const { ops, names, warnings } = compiled(WHOLE, 6)
  t.same(ops, [
    { op: 'landlock', fs: EVERYTHING, net: 3n, scope: 2n },
    { op: 'landlock_beneath', access: READ, paths: ['/'] },
    { op: 'landlock_beneath', access: 0xf7ben, paths: ['/work'] },
    { op: 'landlock_ports', access: 2n, ports: [443] },
    { op: 'landlock_restrict' },
  ])
  t.same(warnings, [])
  t.ok(names.indexOf('landlock_restrict') < names.indexOf('created'))
  t.ok(names.indexOf('home_env') < names.indexOf('landlock'))
})

t.test('a kernel that knows less is an error, unless it is said to be enough, and then it is told', async t => {
  const refused = (landlock: LandlockOptions, version: number, needs: number) =>
    t.throws(() => compiled(landlock, version), {
      code: 'ERR_HOST_KERNEL',
      needs: new RegExp(`version ${needs} of Landlock`),
      remedy: new RegExp(`minimumAbi: ${version}`),
    })
  refused(FS, 4, 5)
  refused({ net: {} }, 3, 4)
  refused(WHOLE, 5, 6)
  refused({ ...WHOLE, minimumAbi: 3 }, 2, 3)
  refused(WHOLE, 0, 6)
  const third = compiled({ ...WHOLE, minimumAbi: 3 }, 3)
  t.same(third.ops[0], { op: 'landlock', fs: 0x7fffn, net: 0n, scope: 0n })
  t.same(third.warnings, [
    'landlock: this kernel does not restrict ioctl of devices',
    'landlock: this kernel does not restrict ports',
    'landlock: this kernel does not restrict signals and abstract sockets',
  ])
  t.equal(third.ops.filter(({ op }) => op === 'landlock_ports').length, 0)
  const first = compiled({ ...FS, minimumAbi: 1 }, 1)
  t.same(first.ops[0], { op: 'landlock', fs: 0x1fffn, net: 0n, scope: 0n })
  t.match(first.warnings, [/truncate/, /ioctl/])
  const none = compiled({ ...WHOLE, minimumAbi: 0 }, 0)
  t.same(none.ops, [])
  t.match(none.warnings, [/files/, /ports/, /signals/])
})

t.test('without no_new_privs it is an error', async t => {
  t.throws(() => compiled(FS, 6, { noNewPrivileges: false }), { code: 'ERR_CONFIG_INVALID', message: /landlock/ })
})
