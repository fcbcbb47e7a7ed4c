import { spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { openCgroup } from '../../lib/cgroup/index.js'
import { missing } from '../needs.js'
import { resources, rules } from './resources.js'
import {
  directoriesOf,
  directoryIn,
  facts,
  fileOf,
  PARENT,
  pathOf,
  pidsIn,
  sleeperIn,
  testCgroup,
  until,
} from './sandbox.js'

const skip = missing('root', 'cgroup-v1')
const test = (title: string, run: (t: Test) => Promise<unknown>) => t.test(title, { skip }, run)

test('The cgroup is made in every hierarchy, and removed from all with the directories above it.', async t => {
  const cgroup = testCgroup(t, `/${PARENT}/above/one`)
  cgroup.create({ resources: resources() })
  t.equal(directoriesOf(cgroup).length, facts.hierarchies.length)
  for (const directory of directoriesOf(cgroup)) t.ok(existsSync(directory), directory)
  await cgroup.remove()
  for (const { mountpoint } of facts.hierarchies) t.notOk(existsSync(`${mountpoint}/${PARENT}`), mountpoint)
})

test('A directory above that another container uses stays until it is not used.', async t => {
  const [first, second] = [testCgroup(t), testCgroup(t)]
  first.create({ resources: resources() })
  second.create({ resources: resources() })
  await first.remove()
  for (const directory of directoriesOf(second)) t.ok(existsSync(directory), directory)
})

test('A cpuset that nobody asked for is filled from above, all the way down.', async t => {
  const cgroup = testCgroup(t, `/${PARENT}/cpuset/deep/down`)
  cgroup.create({ resources: resources() })
  t.equal(fileOf(cgroup, 'cpuset', 'cpuset.cpus'), fileOf(cgroup, 'cpuset', '../../../../cpuset.cpus'))
  t.equal(fileOf(cgroup, 'cpuset', 'cpuset.mems'), fileOf(cgroup, 'cpuset', '../cpuset.mems'))
})

test('A cpuset above that somebody left empty is filled too.', async t => {
  const cgroup = testCgroup(t)
  for (const { mountpoint } of facts.hierarchies) mkdirSync(`${mountpoint}/${PARENT}`)
  t.equal(fileOf(cgroup, 'cpuset', '../cpuset.cpus'), '')
  cgroup.create({ resources: resources() })
  t.not(fileOf(cgroup, 'cpuset', 'cpuset.cpus'), '')
  await cgroup.remove()
  for (const { mountpoint } of facts.hierarchies)
    t.ok(existsSync(`${mountpoint}/${PARENT}`), 'what we did not make stays')
})

test('A field whose controller is not mounted is refused before anything is made.', async t => {
  const names = facts.hierarchies.flatMap(({ controllers }) => controllers)
  if (names.includes('net_cls')) return t.pass('this host has net_cls')
  const cgroup = testCgroup(t)
  const create = () => cgroup.create({ resources: resources({ network: { classID: 5 } }) })
  t.throws(create, { code: 'ERR_CONFIG_UNSUPPORTED', issues: [{ path: '/linux/resources/network/classID' }] })
  for (const directory of directoriesOf(cgroup)) t.notOk(existsSync(directory), directory)
})

test('A cgroup with processes is refused, and neither they nor the cgroup are touched.', async t => {
  const owner = testCgroup(t)
  owner.create({ resources: resources() })
  const sleeper = await sleeperIn(t, directoriesOf(owner))
  const path = pathOf(owner)
  const intruder = openCgroup({ facts, path, id: 'intruder' })
  const record = intruder.toJSON()
  const message = "container's cgroup is not empty: 1 process(es) found"
  t.throws(() => intruder.create({ resources: resources() }), {
    code: 'ERR_STATE_EXISTS',
    id: 'intruder',
    message,
  })
  for (const cgroup of [intruder, openCgroup({ recorded: JSON.parse(JSON.stringify(record)) })]) {
    await cgroup.kill()
    await cgroup.remove()
    await cgroup.destroy()
  }
  for (const directory of directoriesOf(owner)) t.same(pidsIn(directory), [sleeper.pid])
})

test('A process in only one of the hierarchies is enough to refuse the cgroup.', async t => {
  const owner = testCgroup(t)
  owner.create({ resources: resources() })
  await sleeperIn(t, [directoryIn(owner, 'name=systemd')])
  const path = pathOf(owner)
  const create = () => openCgroup({ facts, path, id: 'intruder' }).create({ resources: resources() })
  t.throws(create, { message: /is not empty: 1 process/ })
})

test('A frozen cgroup is refused.', async t => {
  const owner = testCgroup(t)
  owner.create({ resources: resources() })
  await owner.freeze()
  const path = pathOf(owner)
  const create = () => openCgroup({ facts, path, id: 'intruder' }).create({ resources: resources() })
  t.throws(create, { message: "container's cgroup unexpectedly frozen" })
})

test('An empty cgroup that is there is used and left, unless that is not wanted.', async t => {
  const cgroup = testCgroup(t)
  for (const directory of directoriesOf(cgroup)) mkdirSync(directory, { recursive: true })
  t.throws(() => cgroup.create({ resources: resources(), allowExisting: false }), { message: /already exists/ })
  cgroup.create({ resources: resources({ pids: { limit: 5n }, devices: rules('deny a') }) })
  t.equal(fileOf(cgroup, 'pids', 'pids.max'), '5')
  t.notMatch(fileOf(cgroup, 'devices', 'devices.list'), /^a /m)
  const sleeper = await sleeperIn(t, directoriesOf(cgroup))
  await cgroup.destroy()
  t.equal(await sleeper.ended, 'SIGKILL')
  for (const directory of directoriesOf(cgroup)) t.ok(existsSync(directory), directory)
})

test('The join descriptors put a process into its hierarchies.', async t => {
  const cgroup = testCgroup(t)
  cgroup.create({ resources: resources() })
  const fds = cgroup.joinFds()
  t.same(
    [...fds.keys()],
    facts.hierarchies.flatMap(({ version }, index) => (version === 1 ? [index] : [])),
  )
  // The shell has no words for descriptors above 9.
  const script = `for (let fd = 3; fd < ${fds.size + 3}; fd++) fs.writeSync(fd, '0'); setTimeout(() => {}, 300000)`
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'ignore', 'inherit', ...fds.values()] })
  t.teardown(() => child.kill('SIGKILL'))
  for (const fd of fds.values()) closeSync(fd)
  for (const index of fds.keys()) await until(() => pidsIn(cgroup.pathIn(index)).includes(child.pid ?? 0))
  t.pass('in all of them')
})

test('What the container wrote to its files does not keep it from being found and removed.', async t => {
  const cgroup = testCgroup(t)
  cgroup.create({ resources: resources() })
  for (const directory of directoriesOf(cgroup)) mkdirSync(`${directory}/a/b`, { recursive: true })
  writeFileSync(`${directoryIn(cgroup, 'cpuset')}/cgroup.clone_children`, '1')
  await cgroup.remove()
  for (const directory of directoriesOf(cgroup)) t.notOk(existsSync(directory), directory)
})
