/** Run by unified.test.ts where the host's cgroups are mounted as version 2 only: what each controller is told. */
import { existsSync, readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import type { Cgroup } from '../../lib/cgroup/index.js'
import { excused } from '../needs.js'
import { resources } from './resources.js'
import { change, facts, keepSubtreeControl, runIn, testCgroup } from './sandbox.js'

const available = facts.hierarchies[0]?.controllers ?? []
const MEBIBYTE = 1048576n

t.after(keepSubtreeControl('/sys/fs/cgroup'))

/** A test that needs these controllers; where version 1 has them, they can't be tried in version 2. */
const test = (title: string, controllers: readonly string[], run: (t: Test) => Promise<void>) => {
  const absent = controllers.filter(name => !available.includes(name))
  const skip = absent.length > 0 && excused(['cgroup-v2-controllers'], `needs ${absent.join(' and ')} in version 2`)
  return t.test(title, { skip }, run)
}

function created(t: Test, asked: Parameters<typeof resources>[0]): Cgroup {
  const cgroup = testCgroup(t)
  cgroup.create({ resources: resources(asked) })
  return cgroup
}

const text = (cgroup: Cgroup, file: string): string => readFileSync(`${cgroup.pathIn(0)}/${file}`, 'utf8').trim()

t.test('All controllers of the host are handed down.', async t => {
  t.same(text(created(t, {}), 'cgroup.controllers').split(' ').toSorted(), available.toSorted())
})

test('CPU time.', ['cpu'], async t => {
  const cgroup = created(t, { cpu: { shares: 512n, quota: 50000n, period: 200000n, burst: 10000n } })
  t.equal(text(cgroup, 'cpu.weight'), '59')
  t.equal(text(cgroup, 'cpu.max'), '50000 200000')
  t.equal(text(cgroup, 'cpu.max.burst'), '10000')
  await change(cgroup, resources({ cpu: { quota: 5000n, burst: 5000n } }))
  t.equal(text(cgroup, 'cpu.max'), '5000 200000')
  await change(cgroup, resources({ cpu: { quota: 100000n, burst: 90000n } }))
  t.equal(text(cgroup, 'cpu.max.burst'), '90000')
  await change(cgroup, resources({ cpu: { burst: 0n, quota: -1n } }))
  t.equal(text(cgroup, 'cpu.max'), 'max 200000')
  await change(cgroup, resources({ cpu: { idle: 1n } }))
  t.equal(text(cgroup, 'cpu.idle'), '1')
})

test('CPUs and memory nodes.', ['cpuset'], async t => {
  const cgroup = created(t, { cpu: { cpus: '0', mems: '0' } })
  t.equal(text(cgroup, 'cpuset.cpus'), '0')
  t.equal(text(cgroup, 'cpuset.mems'), '0')
})

test('Memory, raised and lowered.', ['memory'], async t => {
  const cgroup = created(t, {
    memory: { limit: 64n * MEBIBYTE, swap: 96n * MEBIBYTE, reservation: 32n * MEBIBYTE },
  })
  t.equal(text(cgroup, 'memory.max'), String(64n * MEBIBYTE))
  t.equal(text(cgroup, 'memory.low'), String(32n * MEBIBYTE))
  t.equal(text(cgroup, 'memory.swap.max'), String(32n * MEBIBYTE))
  await change(cgroup, resources({ memory: { limit: 16n * MEBIBYTE, swap: 16n * MEBIBYTE } }))
  t.equal(text(cgroup, 'memory.max'), String(16n * MEBIBYTE))
  t.equal(text(cgroup, 'memory.swap.max'), '0')
  await change(cgroup, resources({ memory: { limit: -1n } }))
  t.equal(text(cgroup, 'memory.max'), 'max')
  t.equal(text(cgroup, 'memory.swap.max'), 'max')
})

test('The memory limit kills, and the kills are counted.', ['memory'], async t => {
  const cgroup = created(t, { memory: { limit: 8n * MEBIBYTE, swap: 8n * MEBIBYTE } })
  t.equal(cgroup.oomKills(), 0)
  await runIn(t, [cgroup.pathIn(0)], 'exec head -c 100m /dev/zero | tail').ended
  t.ok(cgroup.oomKills() > 0)
})

test('The number of processes, and none at all once the process is in.', ['pids'], async t => {
  t.equal(text(created(t, { pids: { limit: 20n } }), 'pids.max'), '20')
  t.equal(text(created(t, { pids: { limit: -1n } }), 'pids.max'), 'max')
  const none = created(t, { pids: { limit: 0n } })
  t.equal(text(none, 'pids.max'), 'max')
  await none.settle()
  t.equal(text(none, 'pids.max'), '0')
})

test('Block I/O.', ['io'], async t => {
  const cgroup = created(t, { blockIO: { weight: 100 } })
  const bfq = existsSync(`${cgroup.pathIn(0)}/io.bfq.weight`)
  t.equal(text(cgroup, bfq ? 'io.bfq.weight' : 'io.weight'), bfq ? 'default 100' : 'default 910')
  const [device] = disks()
  if (device === undefined) return
  const [major = 0, minor = 0] = device.split(':').map(Number)
  const place = { major, minor, origin: '/linux/resources/blockIO' }
  await change(
    cgroup,
    resources({
      blockIO: {
        throttleReadBpsDevice: [{ ...place, rate: 1048576n }],
        throttleWriteIOPSDevice: [{ ...place, rate: 50n }],
      },
    }),
  )
  t.equal(text(cgroup, 'io.max'), `${device} rbps=1048576 wbps=max riops=max wiops=50`)
  await change(cgroup, resources({ blockIO: { throttleReadBpsDevice: [{ ...place, rate: 0n }] } }))
  t.equal(text(cgroup, 'io.max'), `${device} rbps=max wbps=max riops=max wiops=50`)
})

/** Whole disks, as `major:minor`. */
function disks(): readonly string[] {
  const lines = readFileSync('/proc/partitions', 'utf8').split('\n').slice(2)
  const partitions = lines.flatMap(line => {
    const [major, minor, , name = ''] = line.trim().split(/\s+/)
    return /^(vd|sd)[a-z]$/.test(name) ? [`${major}:${minor}`] : []
  })
  return partitions
}

test('Files of the unified hierarchy come last, and win.', ['memory'], async t => {
  const unified = [
    { file: 'memory.high', value: '50000000', origin: '/linux/resources/unified/memory.high' },
    { file: 'memory.max', value: 'max', origin: '/linux/resources/unified/memory.max' },
  ]
  const cgroup = created(t, { unified, memory: { limit: 64n * MEBIBYTE } })
  t.equal(text(cgroup, 'memory.high'), '49999872')
  t.equal(text(cgroup, 'memory.max'), 'max')
})
