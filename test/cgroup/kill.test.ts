import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { type Cgroup, openCgroup } from '../../lib/cgroup/index.js'
import { missing } from '../needs.js'
import { STAY_BUSY } from '../until.js'
import { resources } from './resources.js'
import { directoriesOf, directoryIn, facts, fileOf, pathOf, runIn, sleeperIn, testCgroup, until } from './sandbox.js'

const skip = missing('root', 'cgroup-v1')
const test = (title: string, run: (t: Test) => Promise<void>) => t.test(title, { skip }, run)

function created(t: Test): Cgroup {
  const cgroup = testCgroup(t)
  cgroup.create({ resources: resources() })
  return cgroup
}

/** As another process would see it. */
const reopened = (cgroup: Cgroup): Cgroup => openCgroup({ recorded: JSON.parse(JSON.stringify(cgroup)) })

/** Cgroups below these, as a container would make them for one of its own. */
function child(directories: readonly string[]): string[] {
  for (const directory of directories) {
    mkdirSync(`${directory}/child`)
    for (const file of ['cpuset.cpus', 'cpuset.mems'].filter(file => existsSync(`${directory}/${file}`))) {
      writeFileSync(`${directory}/child/${file}`, readFileSync(`${directory}/${file}`))
    }
  }
  return directories.map(directory => `${directory}/child`)
}

test('Processes are listed, and with the cgroups below if that is asked for.', async t => {
  const cgroup = created(t)
  t.same(cgroup.pids({ recursive: true }), [])
  const outer = await sleeperIn(t, directoriesOf(cgroup))
  const inner = await sleeperIn(t, child(directoriesOf(cgroup)))
  t.same(cgroup.pids({ recursive: false }), [outer.pid])
  t.same(cgroup.pids({ recursive: true }).toSorted(), [outer.pid, inner.pid].toSorted())
})

test('Freezing stops the processes until they are thawed.', async t => {
  const cgroup = created(t)
  const member = runIn(t, directoriesOf(cgroup), STAY_BUSY)
  await until(() => cgroup.pids({ recursive: false }).includes(member.pid))
  t.notOk(cgroup.frozen())
  await cgroup.freeze()
  t.ok(cgroup.frozen())
  t.ok(reopened(cgroup).frozen())
  const spent = fileOf(cgroup, 'cpuacct', 'cpuacct.usage')
  await new Promise(resolve => setTimeout(resolve, 50))
  t.equal(fileOf(cgroup, 'cpuacct', 'cpuacct.usage'), spent)
  await cgroup.thaw()
  t.notOk(cgroup.frozen())
  await until(() => fileOf(cgroup, 'cpuacct', 'cpuacct.usage') !== spent)
})

test('Killing ends all processes, also frozen ones and those below that were moved in some hierarchies only.', async t => {
  const cgroup = created(t)
  const first = await sleeperIn(t, directoriesOf(cgroup))
  const below = child(directoriesOf(cgroup))
  const second = await sleeperIn(t, below)
  const stray = await sleeperIn(t, [`${directoryIn(cgroup, 'devices')}/child`])
  writeFileSync(`${directoryIn(cgroup, 'freezer')}/child/freezer.state`, 'FROZEN')
  await cgroup.freeze()
  await reopened(cgroup).kill()
  for (const member of [first, second, stray]) t.equal(await member.ended, 'SIGKILL')
  t.notOk(cgroup.frozen())
})

/**
 * Chains of processes that each start the next one and end: a list of their pids is wrong as soon as it is read. A chain ends
 * where it can't fork, and the zombies that a busy init leaves lying count.
 */
const RELAY = 'relay() { relay & }; for chain in 1 2 3 4 5 6; do relay & done 2>/dev/null; wait'

test('Processes that start others all the time are killed.', async t => {
  const cgroup = testCgroup(t)
  cgroup.create({ resources: resources({ pids: { limit: 4000n } }) })
  const member = runIn(t, directoriesOf(cgroup), RELAY)
  await until(() => cgroup.pids({ recursive: true }).length > 3)
  await cgroup.destroy()
  await member.ended
  for (const directory of directoriesOf(cgroup)) t.notOk(existsSync(directory), directory)
})

test('Without the unified hierarchy, processes are killed one by one.', async t => {
  const v1 = { mode: 'v1', hierarchies: facts.hierarchies.filter(({ version }) => version === 1) } as const
  const path = pathOf(testCgroup(t))
  const cgroup = openCgroup({ facts: v1, path, id: 'v1' })
  cgroup.create({ resources: resources({ pids: { limit: 4000n } }) })
  const directories = v1.hierarchies.map((_, index) => cgroup.pathIn(index))
  const sleeper = await sleeperIn(t, child(directories))
  // The last to be started: chains end when the zombies of their links have used up the limit.
  const relay = runIn(t, directories, RELAY)
  await until(() => cgroup.pids({ recursive: false }).length > 3)
  await cgroup.kill()
  t.equal(await sleeper.ended, 'SIGKILL')
  await relay.ended
  t.equal(readFileSync(`${directoryIn(cgroup, 'freezer')}/freezer.state`, 'utf8'), 'THAWED\n')
  await cgroup.remove()
  for (const directory of directories) t.notOk(existsSync(directory), directory)
})

test('Removing waits for processes that are about to end, and destroying ends them.', async t => {
  const cgroup = created(t)
  const member = runIn(t, directoriesOf(cgroup), 'exec sleep 1')
  await until(() => cgroup.pids({ recursive: false }).includes(member.pid))
  await cgroup.remove()
  for (const directory of directoriesOf(cgroup)) t.notOk(existsSync(directory), directory)
  const other = created(t)
  const sleeper = await sleeperIn(t, directoriesOf(other))
  await reopened(other).destroy()
  t.equal(await sleeper.ended, 'SIGKILL')
  for (const directory of directoriesOf(other)) t.notOk(existsSync(directory), directory)
})

test('A process that nobody ends keeps its cgroup, and the error says so after five seconds.', async t => {
  const cgroup = created(t)
  await sleeperIn(t, [directoryIn(cgroup, 'pids')])
  await t.rejects(cgroup.remove(), { code: 'ERR_CGROUP_WRITE', errno: 'EBUSY', file: directoryIn(cgroup, 'pids') })
})

test('A cgroup that somebody else removed is empty, not frozen, and removed.', async t => {
  const cgroup = created(t)
  for (const directory of directoriesOf(cgroup)) rmdirSync(directory)
  t.same(cgroup.pids({ recursive: true }), [])
  t.notOk(cgroup.frozen())
  t.equal(cgroup.oomKills(), 0)
  await cgroup.kill()
  await cgroup.remove()
  await cgroup.destroy()
})

test('A record written before the create is enough to undo it.', async t => {
  const cgroup = testCgroup(t)
  const recorded = JSON.parse(JSON.stringify(cgroup))
  for (const directory of directoriesOf(cgroup)) t.notOk(existsSync(directory), 'keeping a record makes nothing')
  cgroup.create({ resources: resources() })
  const sleeper = await sleeperIn(t, directoriesOf(cgroup))
  await openCgroup({ recorded }).destroy()
  t.equal(await sleeper.ended, 'SIGKILL')
  for (const { mountpoint } of facts.hierarchies) t.notOk(existsSync(mountpoint + pathOf(cgroup)), mountpoint)
})

test('What is left of a container whose record is lost can be killed and removed by its path.', async t => {
  const cgroup = created(t)
  const sleeper = await sleeperIn(t, directoriesOf(cgroup))
  await openCgroup({ facts, path: pathOf(cgroup), id: 'lost' }).destroy()
  t.same(cgroup.pids({ recursive: false }), [sleeper.pid], 'but not without saying so')
  await openCgroup({ facts, path: pathOf(cgroup), id: 'lost', isLost: true }).destroy()
  t.equal(await sleeper.ended, 'SIGKILL')
  for (const directory of directoriesOf(cgroup)) t.notOk(existsSync(directory), directory)
})
