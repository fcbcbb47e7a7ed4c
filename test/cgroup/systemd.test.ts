import { existsSync } from 'node:fs'
import t from 'tap'
import { openCgroup } from '../../lib/cgroup/index.js'
import { compileSettings } from '../../lib/cgroup/resources.js'
import { scopeOf } from '../../lib/cgroup/systemd/scope.js'
import { annotatedProperties, bitsOf, limitProperties } from '../../lib/cgroup/systemd/unit-properties.js'
import { createRuntime } from '../../lib/index.js'
import { resources } from './resources.js'

const manager = process.geteuid?.() === 0 ? 'system' : 'user'

t.test('cgroupsPath names the slice, the prefix and the name of the scope.', async t => {
  const of = (cgroupsPath: string | null, id = 'one') => scopeOf({ cgroupsPath, id })
  t.same(of('machine.slice:engine:one'), { slice: 'machine.slice', unit: 'engine-one.scope', manager })
  t.same(of(':engine:one'), { slice: `${manager}.slice`, unit: 'engine-one.scope', manager })
  t.same(of('a-b.slice::one'), { slice: 'a-b.slice', unit: 'one.scope', manager })
  t.same(of(null), { slice: `${manager}.slice`, unit: 'tsrun-one.scope', manager })
  t.equal(of(null, 'a+b').unit, 'tsrun-a\\x2bb.scope', 'what a unit can not be named is escaped')
})

t.test('A cgroupsPath that names no scope is refused.', async t => {
  const bad = [
    '/a/b',
    'a:b',
    'a.slice:b:',
    'a.slice:b:c:d',
    'a:b:c',
    '-a.slice:b:c',
    'a--b.slice:b:c',
    'a.slice:b:c/d',
    'a.slice:b:c d',
  ]
  for (const cgroupsPath of bad) {
    t.throws(
      () => scopeOf({ cgroupsPath, id: 'one' }),
      { code: 'ERR_CONFIG_INVALID', issues: [{ path: '/linux/cgroupsPath' }] },
      cgroupsPath,
    )
  }
})

const available = { v1: new Set<string>(), v2: new Set(['cpu', 'cpuset', 'memory', 'pids', 'io']) }
const told = (asked: Parameters<typeof resources>[0]) =>
  Object.fromEntries(
    limitProperties(compileSettings(resources(asked), available)).map(({ name, value }) => [name, value]),
  )

t.test('systemd is told of the limits that it has words for.', async t => {
  t.same(told({ memory: { limit: 1048576n, reservation: 4096n, swap: 2097152n } }), {
    MemoryMax: 1048576n,
    MemoryLow: 4096n,
    MemorySwapMax: 1048576n,
  })
  t.same(told({ memory: { limit: -1n } }), { MemoryMax: 2n ** 64n - 1n, MemorySwapMax: 2n ** 64n - 1n })
  t.same(told({ cpu: { shares: 1024n, cpus: '0-1,9', mems: '0' } }), {
    CPUWeight: 100n,
    AllowedCPUs: [3, 2],
    AllowedMemoryNodes: [1],
  })
  t.same(told({ cpu: { quota: 50000n, period: 200000n } }), {
    CPUQuotaPerSecUSec: 250000n,
    CPUQuotaPeriodUSec: 200000n,
  })
  t.same(told({ cpu: { quota: 50000n } }), { CPUQuotaPerSecUSec: 500000n, CPUQuotaPeriodUSec: 2n ** 64n - 1n })
  t.same(told({ cpu: { quota: -1n } }).CPUQuotaPerSecUSec, 2n ** 64n - 1n)
  t.same(told({ cpu: { idle: 1n } }), { CPUWeight: 0n })
  t.same(told({ pids: { limit: 10n } }), { TasksMax: 10n })
  t.same(told({ pids: { limit: 0n } }), { TasksMax: 1n }, 'it has no word for none')
  t.same(told({ pids: { limit: -1n } }), { TasksMax: 2n ** 64n - 1n })
  t.same(told({ blockIO: { weight: 10 } }), { IOWeight: 1n })
})

t.test(
  'A file of `unified` counts more than a field, and a value of unknown form stays between it and the kernel.',
  async t => {
    const unified = (file: string, value: string) => [{ file, value, origin: '/linux/resources/unified' }]
    t.same(told({ memory: { limit: 4096n }, unified: unified('memory.max', '8192') }), { MemoryMax: 8192n })
    t.same(told({ unified: unified('io.weight', 'default 50') }), { IOWeight: 50n })
    t.same(told({ unified: unified('memory.max', '8M') }), {})
    t.same(told({ unified: unified('cpu.max', 'max') }), {
      CPUQuotaPerSecUSec: 2n ** 64n - 1n,
      CPUQuotaPeriodUSec: 2n ** 64n - 1n,
    })
  },
)

t.test('A list of CPUs is a mask of bits.', async t => {
  t.same(bitsOf('0'), [1])
  t.same(bitsOf('8'), [0, 1])
  t.same(bitsOf('0-3,17'), [15, 0, 2])
  t.same(bitsOf(''), [])
})

t.test('Annotations name properties of the unit.', async t => {
  const annotations = {
    'org.systemd.property.TimeoutStopSec': '7',
    'org.systemd.property.CollectMode': "'inactive'",
    other: '[',
  }
  t.match(annotatedProperties(annotations), [
    {
      name: 'TimeoutStopUSec',
      signature: 't',
      value: 7000000n,
      origin: '/annotations/org.systemd.property.TimeoutStopSec',
    },
    { name: 'CollectMode', signature: 's', value: 'inactive' },
  ])
  t.match(annotatedProperties({ 'org.systemd.property.RuntimeMaxSec': '1.5' }), [
    { name: 'RuntimeMaxUSec', value: 1500000n },
  ])
})

t.test('Annotations that can not be read are told, all at once.', async t => {
  const names = {
    'org.systemd.property.X1': 'true',
    'org.systemd.property.Slice': '[',
    'org.systemd.property.StopSec': "'a'",
  }
  t.throws(() => annotatedProperties(names), {
    code: 'ERR_CONFIG_INVALID',
    issues: Object.keys(names).map(name => ({ path: `/annotations/${name}` })),
  })
})

t.test(
  'Without systemd as the init system there is a clear error.',
  { skip: existsSync('/run/systemd/system') && 'systemd runs here' },
  async t => {
    const facts = { mode: 'v2', hierarchies: [] } as const
    t.throws(() => openCgroup({ facts, path: null, id: 'one', manager: 'systemd' }), {
      name: 'HostError',
      code: 'ERR_HOST_CGROUP',
      found: 'no /run/systemd/system',
      remedy: /cgroupfs/,
    })
  },
)

t.test('A cgroup manager that nobody knows is refused.', async t => {
  t.throws(() => createRuntime({ cgroupManager: 'other' as 'systemd' }), {
    code: 'ERR_CONFIG_INVALID',
    message: /"other"/,
  })
})
