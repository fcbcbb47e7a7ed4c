import { readFileSync } from 'node:fs'
import t from 'tap'
import { makeBundle, type TestConfig } from '../bundle.js'
import { missing } from '../needs.js'
import { createError, createSleeper, invalid, lines } from './attempt.js'

const skip = { skip: missing('root', 'busybox') }

type ProcessInput = TestConfig['process']

const processWith =
  (fields: Partial<ProcessInput>) =>
  (config: TestConfig): void => {
    Object.assign(config.process, fields)
  }

const ids = 'grep -E "^(Uid|Gid|Groups):" /proc/self/status'

t.test('config.md#posix-platform-user: uid, gid and additional groups, in all their variants', skip, async t => {
  const user = { uid: 1000, gid: 2000, additionalGids: [5, 4294967294, 0] }
  const { stdout } = await makeBundle(t).sh(ids, processWith({ user }))
  t.strictSame(
    lines(stdout).map(line => line.trim()),
    ['Uid:\t1000\t1000\t1000\t1000', 'Gid:\t2000\t2000\t2000\t2000', 'Groups:\t0 5 4294967294'],
  )
})

t.test('config.md#posix-platform-user: without a user it is root, without the groups of the caller', skip, async t => {
  const { stdout } = await makeBundle(t).sh(ids)
  t.strictSame(
    lines(stdout).map(line => line.trim()),
    ['Uid:\t0\t0\t0\t0', 'Gid:\t0\t0\t0\t0', 'Groups:'],
  )
})

t.test('config.md#posix-platform-user: the standard streams belong to the user', skip, async t => {
  const { sh } = makeBundle(t)
  const user = { uid: 1000, gid: 1000 }
  const { stdout } = await sh('stat -L -c %u /proc/self/fd/1; echo again > /proc/self/fd/1', processWith({ user }))
  t.equal(stdout, '1000\nagain\n')
})

t.test('config.md#posix-platform-user: umask if it is given', skip, async t => {
  for (const umask of [0, 0o22, 0o77, 0o777]) {
    const { stdout } = await makeBundle(t).sh('umask; > /tmp/x; stat -c %a /tmp/x', config => {
      config.process.user = { uid: 0, gid: 0, umask }
    })
    t.equal(stdout, `${umask.toString(8).padStart(4, '0')}\n${(0o666 & ~umask).toString(8)}\n`)
  }
})

t.test('config.md#posix-platform-user: without umask it is that of the caller', skip, async t => {
  const before = process.umask(0o027)
  t.teardown(() => process.umask(before))
  t.match(await makeBundle(t).sh('umask'), { stdout: '0027\n' })
})

t.test('config.md#posix-platform-user: ids that there are not are errors, all at once', skip, async t => {
  const bundle = makeBundle(t)
  const user = { uid: -1, gid: 4294967295, additionalGids: [1, 1.5], umask: 0o1000 }
  const paths = ['uid', 'gid', 'umask', 'additionalGids/1'].map(field => `/process/user/${field}`)
  t.match(await createError(bundle, processWith({ user })), invalid(...paths))
})

const SETS = ['bounding', 'effective', 'inheritable', 'permitted', 'ambient'] as const
const LABELS = { bounding: 'Bnd', effective: 'Eff', inheritable: 'Inh', permitted: 'Prm', ambient: 'Amb' } as const
const bits = (...numbers: readonly number[]): string =>
  numbers
    .reduce((mask, number) => mask | (1n << BigInt(number)), 0n)
    .toString(16)
    .padStart(16, '0')

/** The five sets that the program was started with. */
async function capabilitiesOf(t: Parameters<typeof makeBundle>[0], fields: Partial<ProcessInput>) {
  const { runtime, bundle, configure, log } = makeBundle(t)
  configure(processWith({ ...fields, args: ['/bin/cat', '/proc/self/status'] }))
  const { stdout } = await runtime.run({ bundle })
  const sets = SETS.map(name => [name, new RegExp(`^Cap${LABELS[name]}:\t(.*)$`, 'm').exec(stdout)?.[1]])
  return { sets: Object.fromEntries(sets), log }
}

t.test('config.md#linux-process: the five sets of capabilities, each by itself', skip, async t => {
  const user = { uid: 1000, gid: 1000 }
  const capabilities = {
    bounding: ['CAP_CHOWN', 'CAP_KILL', 'CAP_SYS_ADMIN', 'CAP_CHECKPOINT_RESTORE'],
    effective: ['CAP_KILL'],
    inheritable: ['CAP_CHOWN', 'CAP_KILL'],
    permitted: ['CAP_KILL', 'CAP_CHOWN'],
    ambient: ['CAP_KILL'],
  }
  const { sets, log } = await capabilitiesOf(t, { user, capabilities, noNewPrivileges: false })
  t.strictSame(sets, {
    bounding: bits(0, 5, 21, 40),
    inheritable: bits(0, 5),
    // What a user other than root keeps across execve(2) are its ambient capabilities.
    effective: bits(5),
    permitted: bits(5),
    ambient: bits(5),
  })
  t.strictSame(log, [])
})

t.test('config.md#linux-process: of a user without ambient capabilities none is left by execve', skip, async t => {
  const names = ['CAP_CHOWN', 'CAP_NET_RAW']
  const capabilities = { bounding: names, effective: names, permitted: names }
  const { sets } = await capabilitiesOf(t, { user: { uid: 1000, gid: 1000 }, capabilities })
  t.strictSame(sets, {
    bounding: bits(0, 13),
    effective: bits(),
    permitted: bits(),
    inheritable: bits(),
    ambient: bits(),
  })
})

t.test('config.md#linux-process: before execve the sets are exactly those listed', skip, async t => {
  const capabilities = { bounding: ['CAP_KILL'], effective: ['CAP_CHOWN'], permitted: ['CAP_CHOWN', 'CAP_SETUID'] }
  const container = await createSleeper(makeBundle(t), processWith({ capabilities, user: { uid: 5, gid: 5 } }))
  const status = readFileSync(`/proc/${container.pid}/status`, 'utf8')
  t.match(
    status,
    `CapInh:\t${bits()}\nCapPrm:\t${bits(0, 7)}\nCapEff:\t${bits(0)}\nCapBnd:\t${bits(5)}\nCapAmb:\t${bits()}`,
  )
})

t.test('config.md#linux-process: root has no more than the bounding set', skip, async t => {
  const capabilities = { bounding: ['CAP_KILL'], effective: [], permitted: [] }
  const { sets } = await capabilitiesOf(t, { capabilities, noNewPrivileges: false })
  t.match(sets, { bounding: bits(5), permitted: bits(5), inheritable: bits(), ambient: bits() })
})

t.test('config.md#linux-process: without capabilities there are none', skip, async t => {
  const none = Object.fromEntries(SETS.map(name => [name, bits()]))
  const { runtime, bundle, configure } = makeBundle(t)
  configure(config => {
    delete config.process.capabilities
    config.process.args = ['/bin/cat', '/proc/self/status']
  })
  const { stdout } = await runtime.run({ bundle })
  for (const name of SETS) t.match(stdout, `Cap${LABELS[name]}:\t${none[name]}`)
  t.match((await capabilitiesOf(t, { capabilities: {} })).sets, none)
})

t.test('config.md#linux-process: an unknown capability is left out with a warning', skip, async t => {
  const names = ['CAP_KILL', 'CAP_NONSENSE', 'kill']
  const { sets, log } = await capabilitiesOf(t, {
    capabilities: { bounding: names, effective: ['CAP_KILL'], permitted: ['CAP_KILL'] },
  })
  t.equal(sets.bounding, bits(5))
  const warned = log.filter(({ level }) => level === 'warning').map(({ message }) => message)
  t.ok(warned.some(message => message.startsWith('/process/capabilities/bounding') && message.includes('CAP_NONSENSE')))
  t.equal(warned.filter(message => message.includes('CAP_NONSENSE')).length, 1, 'said once')
})

t.test(
  'config.md#linux-process: what can not be granted is left out with a warning, and is no error',
  skip,
  async t => {
    const capabilities = {
      bounding: ['CAP_KILL'],
      permitted: ['CAP_KILL', 'CAP_CHOWN'],
      effective: ['CAP_KILL', 'CAP_SYSLOG'],
      inheritable: ['CAP_KILL', 'CAP_CHOWN'],
      ambient: ['CAP_KILL', 'CAP_CHOWN'],
    }
    const { sets, log } = await capabilitiesOf(t, { capabilities, user: { uid: 7, gid: 7 } })
    t.strictSame([sets.bounding, sets.ambient], [bits(5), bits(5)])
    t.ok(log.some(({ message }) => /effective.*CAP_SYSLOG/.test(message)))
    t.ok(log.some(({ message }) => /inheritable.*CAP_CHOWN/.test(message)))
    t.ok(log.some(({ message }) => /ambient.*CAP_CHOWN/.test(message)))
  },
)
