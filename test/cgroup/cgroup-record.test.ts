import t from 'tap'
import { openCgroup } from '../../lib/cgroup/index.js'
import { resources } from './resources.js'

const place = { version: 2, controllers: ['cpu'], mountpoint: '/sys/fs/cgroup', path: 'a/b', made: 2 }
const record = { id: 'one', isOurs: true, places: [place], scope: null }

t.test('A record is read as it was written.', async t => {
  t.same(openCgroup({ recorded: JSON.parse(JSON.stringify(record)) }).toJSON(), record)
  t.same(openCgroup({ recorded: { ...record, places: [] } }).toJSON().places, [])
})

t.test('A record of a scope is read as it was written, and one without is none of systemd.', async t => {
  const scope = { unit: 'tsrun-one.scope', manager: 'user' }
  t.same(openCgroup({ recorded: { ...record, scope } }).toJSON().scope, scope)
  const { scope: _, ...older } = record
  t.same(openCgroup({ recorded: older }).toJSON().scope, null)
})

const broken: Readonly<Record<string, unknown>> = {
  'a scope without a manager': { ...record, scope: { unit: 'one.scope' } },
  'a scope of nobody': { ...record, scope: { unit: 'one.scope', manager: 'other' } },
  nothing: null,
  'a text': 'x',
  'a list': [],
  'no places': { id: 'one', isOurs: true },
  'no id': { ...record, id: 5 },
  'no owner': { ...record, isOurs: 'yes' },
  'a place that is none': { ...record, places: [null] },
  'another version': { ...record, places: [{ ...place, version: 3 }] },
  'a controller that is no text': { ...record, places: [{ ...place, controllers: [1] }] },
  'a relative mount point': { ...record, places: [{ ...place, mountpoint: 'sys' }] },
  'a way up': { ...record, places: [{ ...place, path: 'a/../../b' }] },
  'an absolute path': { ...record, places: [{ ...place, path: '/a' }] },
  'no path': { ...record, places: [{ ...place, path: '' }] },
  'more levels than there are': { ...record, places: [{ ...place, made: 3 }] },
  'a negative level': { ...record, places: [{ ...place, made: -1 }] },
  'half a level': { ...record, places: [{ ...place, made: 0.5 }] },
}

for (const [title, recorded] of Object.entries(broken)) {
  t.test(`A record with ${title} is refused as corrupt.`, async t => {
    t.throws(() => openCgroup({ recorded }), { name: 'StateError', code: 'ERR_STATE_CORRUPT' })
  })
}

t.test('A record of a directory that is no cgroup is not touched.', async t => {
  const directory = t.testdir({ cg: { memory: {} } })
  const recorded = { ...record, places: [{ ...place, mountpoint: directory, path: 'cg', made: 1 }] }
  const cgroup = openCgroup({ recorded })
  await t.rejects(cgroup.remove(), { code: 'ERR_HOST_CGROUP' })
  await t.rejects(cgroup.destroy(), { code: 'ERR_HOST_CGROUP' })
})

const none = { mode: 'none', hierarchies: [] } as const

t.test('Without cgroups a container that asks for none can do without, and is told what needs them else.', async t => {
  const cgroup = openCgroup({ facts: none, path: null, id: 'one' })
  cgroup.create({ resources: resources() })
  t.equal(cgroup.directoryFd(), null)
  t.equal(cgroup.joinFds().size, 0)
  t.throws(() => cgroup.pids({ recursive: true }), { code: 'ERR_HOST_CGROUP' })
  t.notOk(cgroup.frozen())
  t.equal(cgroup.oomKills(), 0)
  await cgroup.destroy()
  await t.rejects(cgroup.freeze(), { code: 'ERR_HOST_CGROUP' })
  t.throws(() => cgroup.create({ resources: resources({ pids: { limit: 5n } }) }), {
    code: 'ERR_HOST_CGROUP',
    needs: 'cgroups, for /linux/resources/pids/limit',
  })
})
