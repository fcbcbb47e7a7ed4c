/** Run by unified.test.ts where the host's cgroups are mounted as version 2 only. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { type Cgroup, openCgroup } from '../../lib/cgroup/index.js'
import { witnessOom } from '../../lib/cgroup/oom.js'
import type { Place } from '../../lib/cgroup/place.js'
import { witnessUsage } from '../../lib/cgroup/stats/usage.js'
import { closeFd } from '../../lib/sys/beneath.js'
import { deviceFilters } from '../../lib/sys/bpf.js'
import { resources, rules } from './resources.js'
import { change, facts, keepSubtreeControl, PARENT, pathOf, runIn, sleeperIn, testCgroup, until } from './sandbox.js'

const ROOT = '/sys/fs/cgroup'
const available = readFileSync(`${ROOT}/cgroup.controllers`, 'utf8').trim().split(' ')
const hasHugetlb = available.includes('hugetlb')
const skipHugetlb = hasHugetlb ? false : 'needs the hugetlb controller in version 2'

t.after(keepSubtreeControl(ROOT))

function created(t: Test, asked: Parameters<typeof resources>[0] = {}): Cgroup {
  const cgroup = testCgroup(t)
  cgroup.create({ resources: resources(asked) })
  return cgroup
}

const text = (cgroup: Cgroup, file: string): string => readFileSync(`${cgroup.pathIn(0)}/${file}`, 'utf8').trim()

const filtersOf = (cgroup: Cgroup): readonly number[] => {
  const directory = cgroup.directoryFd() ?? -1
  try {
    return deviceFilters(directory)
  } finally {
    closeFd(directory)
  }
}

t.test('There is one hierarchy, of version 2.', async t => {
  t.equal(facts.mode, 'v2')
  t.equal(facts.hierarchies.length, 1)
})

t.test('The cgroup is one directory, which takes processes by descriptor, and goes with those above it.', async t => {
  const cgroup = testCgroup(t, `/${PARENT}/above/one`)
  cgroup.create({ resources: resources() })
  t.equal(cgroup.pathIn(0), `${ROOT}/${PARENT}/above/one`)
  t.equal(cgroup.joinFds().size, 0)
  const directory = cgroup.directoryFd() ?? -1
  t.ok(existsSync(`/proc/self/fd/${directory}/cgroup.procs`))
  closeFd(directory)
  await cgroup.remove()
  t.notOk(existsSync(`${ROOT}/${PARENT}`))
})

t.test('Devices are denied and allowed for real, and a new list replaces the old one at once.', async t => {
  const cgroup = created(t, { devices: rules('deny a') })
  const read = 'head -c1 /dev/zero >/dev/null && echo zero; (: </dev/kmsg) && echo kmsg; true'
  const denied = await runIn(t, [cgroup.pathIn(0)], read).output
  t.match(denied, /^zero$/m)
  t.match(denied, /kmsg.*Operation not permitted/)
  const [first] = filtersOf(cgroup)
  await change(cgroup, resources({ devices: rules('deny a', 'allow c 1:11 r') }))
  const [second, ...more] = filtersOf(cgroup)
  t.not(second, first)
  t.same(more, [])
  const allowed = await runIn(t, [cgroup.pathIn(0)], `${read}; : >/dev/kmsg && echo written; true`).output
  t.match(allowed, /^kmsg$/m)
  t.notMatch(allowed, /^written$/m)
})

t.test('Reading and writing at once is denied where writing is.', async t => {
  const cgroup = created(t, { devices: rules('allow a', 'deny c 1:11 w') })
  const output = await runIn(t, [cgroup.pathIn(0)], 'exec 3<>/dev/kmsg && echo both').output
  t.notMatch(output, /^both$/m)
  t.match(output, /Operation not permitted/)
})

t.test('A list is loaded once for all cgroups that have it, and only a few are kept.', async t => {
  const [one, other] = [created(t, { devices: rules('deny a') }), created(t, { devices: rules('deny a') })]
  t.same(filtersOf(one), filtersOf(other))
  const before = readdirSync('/proc/self/fd').length
  for (let minor = 0; minor < 20; minor++) await change(one, resources({ devices: rules(`allow c 250:${minor}`) }))
  t.ok(readdirSync('/proc/self/fd').length <= before + 8)
  await change(one, resources({ devices: rules('deny a') }))
  t.equal(filtersOf(one).length, 1)
  t.not(filtersOf(one)[0], filtersOf(other)[0], 'loaded again: the first one is not kept any more')
})

t.test('An empty cgroup that is used again has the new filter only.', async t => {
  const first = created(t, { devices: rules('deny a') })
  const [before] = filtersOf(first)
  const again = openCgroup({ facts, path: pathOf(first), id: 'again' })
  again.create({ resources: resources({ devices: rules('allow a') }) })
  t.equal(filtersOf(again).length, 1)
  t.not(filtersOf(again)[0], before)
})

t.test('Freezing, thawing and killing reach the cgroups below.', async t => {
  const cgroup = created(t)
  mkdirSync(`${cgroup.pathIn(0)}/child`)
  const outer = await sleeperIn(t, [cgroup.pathIn(0)])
  const inner = await sleeperIn(t, [`${cgroup.pathIn(0)}/child`])
  t.same(cgroup.pids({ recursive: false }), [outer.pid])
  t.same(cgroup.pids({ recursive: true }).toSorted(), [outer.pid, inner.pid].toSorted())
  await cgroup.freeze()
  t.ok(cgroup.frozen())
  t.match(text(cgroup, 'child/cgroup.events'), /^frozen 1$/m)
  await cgroup.thaw()
  t.notOk(cgroup.frozen())
  await cgroup.freeze()
  await openCgroup({ recorded: JSON.parse(JSON.stringify(cgroup)) }).destroy()
  t.same([await outer.ended, await inner.ended], ['SIGKILL', 'SIGKILL'])
  t.notOk(existsSync(cgroup.pathIn(0)))
})

t.test('Counters of a process that cannot be followed are closed again.', async t => {
  const cgroup = created(t)
  const path = pathOf(cgroup).slice(1)
  const place: Place = { version: 2, controllers: available, mountpoint: ROOT, path }
  const before = readdirSync('/proc/self/fd').length
  await t.rejects(witnessUsage([place], -1), /EBADF/)
  if (existsSync(`${cgroup.pathIn(0)}/memory.events`)) await t.rejects(witnessOom([place], -1), /EBADF/)
  t.equal(readdirSync('/proc/self/fd').length, before)
})

t.test('A frozen cgroup and one in use are refused.', async t => {
  const frozen = created(t)
  await frozen.freeze()
  const other = openCgroup({ facts, path: pathOf(frozen), id: 'other' })
  t.throws(() => other.create({ resources: resources() }), { message: /unexpectedly frozen/ })
  await frozen.thaw()
  const sleeper = await sleeperIn(t, [frozen.pathIn(0)])
  t.throws(() => other.create({ resources: resources() }), { message: /is not empty: 1 process/ })
  await other.destroy()
  t.same(frozen.pids({ recursive: true }), [sleeper.pid])
})

t.test('A process in a cgroup below is enough to refuse the cgroup.', async t => {
  const cgroup = created(t)
  mkdirSync(`${cgroup.pathIn(0)}/child`)
  await sleeperIn(t, [`${cgroup.pathIn(0)}/child`])
  const other = openCgroup({ facts, path: pathOf(cgroup), id: 'other' })
  t.throws(() => other.create({ resources: resources() }), { message: /is not empty: 1 process/ })
})

t.test('Controllers are handed down to the cgroup, and limits are set.', { skip: skipHugetlb }, async t => {
  const limit = { pageSize: '2MB', limit: 4194304n, origin: '/linux/resources/hugepageLimits/0' }
  const unified = [{ file: 'cgroup.max.depth', value: '3', origin: '/linux/resources/unified/cgroup.max.depth' }]
  const cgroup = testCgroup(t, `/${PARENT}/above/limited`)
  cgroup.create({ resources: resources({ hugepageLimits: [limit], unified }) })
  t.equal(text(cgroup, 'hugetlb.2MB.max'), '4194304')
  t.equal(text(cgroup, 'hugetlb.2MB.rsvd.max'), '4194304')
  t.equal(text(cgroup, 'cgroup.max.depth'), '3')
  await change(cgroup, resources({ hugepageLimits: [{ ...limit, limit: 0n }] }))
  t.equal(text(cgroup, 'hugetlb.2MB.max'), '0')
})

t.test('A page size that the kernel does not have is an error of its field.', { skip: skipHugetlb }, async t => {
  const cgroup = testCgroup(t)
  const origin = '/linux/resources/hugepageLimits/0'
  const create = () =>
    cgroup.create({ resources: resources({ hugepageLimits: [{ pageSize: '3MB', limit: 1n, origin }] }) })
  t.throws(create, { code: 'ERR_CGROUP_WRITE', configPath: origin })
  t.notOk(existsSync(cgroup.pathIn(0)))
})

t.test('A unified file that does not exist is an error of its field.', async t => {
  const cgroup = testCgroup(t)
  const origin = '/linux/resources/unified/cgroup.nothing'
  const create = () =>
    cgroup.create({ resources: resources({ unified: [{ file: 'cgroup.nothing', value: '1', origin }] }) })
  t.throws(create, { code: 'ERR_CGROUP_WRITE', configPath: origin })
})

t.test('A controller that is not there is an error of each field that needs it.', async t => {
  if (available.includes('pids')) return t.pass('this host has them all')
  const create = () => testCgroup(t).create({ resources: resources({ pids: { limit: 5n }, cpu: { shares: 5n } }) })
  t.throws(create, {
    code: 'ERR_CONFIG_UNSUPPORTED',
    issues: [{ path: '/linux/resources/cpu/shares' }, { path: '/linux/resources/pids/limit' }],
  })
})

t.test(
  'A cgroup above that has processes of its own can not hand controllers down.',
  { skip: skipHugetlb },
  async t => {
    const parent = created(t)
    await sleeperIn(t, [parent.pathIn(0)])
    const below = openCgroup({ facts, path: `${pathOf(parent)}/below`, id: 'below' })
    below.create({ resources: resources() })
    t.equal(text(parent, 'cgroup.type'), 'domain', 'what nobody needs is not forced on it')
    await below.remove()
    const origin = '/linux/resources/hugepageLimits/0'
    const asked = resources({ hugepageLimits: [{ pageSize: '2MB', limit: 1n, origin }] })
    t.throws(() => below.create({ resources: asked }), {
      code: 'ERR_HOST_CGROUP',
      message: /controller hugetlb .*EBUSY.*processes of its own/,
    })
    t.notOk(existsSync(below.pathIn(0)))
  },
)

t.test('A cgroup in threaded mode is refused in so many words.', async t => {
  const parent = created(t)
  for (const name of ['threaded', 'below']) mkdirSync(`${parent.pathIn(0)}/${name}`)
  writeFileSync(`${parent.pathIn(0)}/threaded/cgroup.type`, 'threaded')
  const below = openCgroup({ facts, path: `${pathOf(parent)}/below`, id: 'below' })
  t.throws(() => below.create({ resources: resources() }), {
    message: /threaded mode \(cgroup.type is "domain invalid"\)/,
  })
})

t.test('A relative path starts beside our own cgroup.', async t => {
  const cgroup = openCgroup({ facts, path: `${PARENT}/relative`, id: 'one' })
  const own = facts.hierarchies[0]?.own ?? '/'
  t.equal(cgroup.pathIn(0), `${ROOT}${own.slice(0, own.lastIndexOf('/'))}/${PARENT}/relative`)
})

t.test('A process that was started in the cgroup has left it when remove returns.', async t => {
  const cgroup = created(t)
  const member = runIn(t, [cgroup.pathIn(0)], 'exec sleep 1')
  await until(() => cgroup.pids({ recursive: false }).includes(member.pid))
  await cgroup.remove()
  t.notOk(existsSync(cgroup.pathIn(0)))
})
