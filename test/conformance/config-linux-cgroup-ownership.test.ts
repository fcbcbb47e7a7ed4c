import { readFileSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { makeBundle } from '../bundle.js'
import { missing } from '../needs.js'
import { createSleeper } from './attempt.js'

const skip = missing('root', 'busybox', 'cgroup-v2')
const mount = 'umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup && exec "$@"'
const view = fileURLToPath(new URL('cgroup-ownership-view.ts', import.meta.url))

t.test('config-linux.md#cgroup-ownership: if only version 2 is mounted', { skip }, async t => {
  const command = ['-m', 'sh', '-c', mount, 'sh', process.execPath, ...process.execArgv, view]
  await t.spawn('unshare', command, 'the tests in that view')
})

const withV1 = { skip: missing('root', 'busybox', 'cgroup-v1') }

t.test('config-linux.md#cgroup-ownership: with version 1 the owner stays', withV1, async t => {
  const bundle = makeBundle(t)
  const path = `/${bundle.id('v1')}`
  const container = await createSleeper(bundle, config => {
    config.process.user = { uid: 1234, gid: 1234 }
    config.linux.namespaces?.push({ type: 'cgroup' })
    config.mounts.push({ destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['ro'] })
    config.mounts.push({ destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['rw'] })
    config.linux.cgroupsPath = path
  })
  const places = readFileSync(`/proc/${container.pid}/cgroup`, 'utf8').match(/(?<=:)[^:\n]*(?=:\/)/g) ?? []
  const owners = places.flatMap(names => {
    const directory = `/sys/fs/cgroup/${names.replace(/^name=/, '') || 'unified'}${path}`
    const found = statSync(directory, { throwIfNoEntry: false })
    return found === undefined ? [] : [found.uid]
  })
  t.ok(owners.length > 3, 'its directories were found')
  t.same([...new Set(owners)], [0])
})
