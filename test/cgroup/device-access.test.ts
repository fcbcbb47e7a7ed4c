import { existsSync, mkdirSync } from 'node:fs'
import t, { type Test } from 'tap'
import { openCgroup } from '../../lib/cgroup/index.js'
import { missing } from '../needs.js'
import { resources, rules } from './resources.js'
import { change, directoryIn, facts, fileOf, pathOf, runIn, testCgroup } from './sandbox.js'

const skip = missing('root', 'cgroup-v1')
const test = (title: string, run: (t: Test) => Promise<void>) => t.test(title, { skip }, run)

const DENY_ALL = rules('deny a')

test('Devices are denied and allowed for real.', async t => {
  const cgroup = testCgroup(t)
  cgroup.create({ resources: resources({ devices: [...DENY_ALL, ...rules('allow c 1:11 w')] }) })
  const directories = [directoryIn(cgroup, 'devices')]
  const script = 'head -c1 /dev/zero >/dev/null && echo zero; head -c1 /dev/kmsg >/dev/null && echo kmsg'
  const output = await runIn(t, directories, script).output
  t.match(output, /^zero$/m)
  t.notMatch(output, /^kmsg$/m)
  t.match(output, /kmsg.*Operation not permitted/)
  const writing = await runIn(t, directories, ': >/dev/kmsg && echo written').output
  t.match(writing, /^written$/m)
})

test('The device list can be changed while the container has cgroups below its own.', async t => {
  const cgroup = testCgroup(t)
  cgroup.create({ resources: resources({ devices: DENY_ALL }) })
  const before = fileOf(cgroup, 'devices', 'devices.list')
  mkdirSync(`${directoryIn(cgroup, 'devices')}/child`)
  await change(cgroup, resources({ devices: [...DENY_ALL, ...rules('allow c 1:11')] }))
  t.equal(fileOf(cgroup, 'devices', 'devices.list'), `${before}\nc 1:11 rwm`)
  await change(cgroup, resources({ devices: DENY_ALL }))
  t.equal(fileOf(cgroup, 'devices', 'devices.list'), before)
  const allowAll = change(cgroup, resources({ devices: rules('allow a') }))
  await t.rejects(
    allowAll,
    { code: 'ERR_CGROUP_WRITE', value: 'a', errno: 'EINVAL' },
    'the kernel refuses a new default there',
  )
})

test('A device that the cgroup above does not have can not be given, by an error of its rule.', async t => {
  const parent = testCgroup(t)
  parent.create({ resources: resources({ devices: DENY_ALL }) })
  const child = openCgroup({ facts, path: `${pathOf(parent)}/child`, id: 'child' })
  const create = () => child.create({ resources: resources({ devices: rules('deny a', 'allow c 1:11') }) })
  t.throws(create, { code: 'ERR_CGROUP_WRITE', configPath: '/linux/resources/devices/1', value: 'c 1:11 rwm' })
  t.notOk(existsSync(directoryIn(child, 'devices')))
})
