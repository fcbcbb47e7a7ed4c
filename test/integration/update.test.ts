import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { createRuntime } from '../../lib/index.js'
import { makeBundle, type TestConfig } from '../bundle.js'
import { missing } from '../needs.js'
import { until } from '../until.js'

const skip = { skip: missing('root', 'busybox', 'cgroup-v1') }

async function running(t: Test, change: (config: TestConfig) => void = () => {}) {
  const made = makeBundle(t)
  made.configure(config => {
    config.process.args = ['/bin/sleep', '100']
    change(config)
  })
  const container = await made.runtime.create({ id: made.id(), bundle: made.bundle, stdio: 'ignore' })
  await container.start()
  const lines = readFileSync(`/proc/${container.pid}/cgroup`, 'utf8').trim().split('\n')
  const pathOf = (controller: string) =>
    lines.map(line => line.split(':')).find(([, names = '']) => names.split(',').includes(controller))?.[2] ?? ''
  const value = (file: string) => {
    const controller = file.split('.')[0] ?? ''
    return readFileSync(`/sys/fs/cgroup/${controller}${pathOf(controller)}/${file}`, 'utf8').trim()
  }
  return { ...made, container, value }
}

t.test('an update changes what it names, and nothing else', skip, async t => {
  const { container, value } = await running(t, config => {
    config.linux.resources = { memory: { limit: 64 << 20 }, pids: { limit: 50 }, cpu: { shares: 512 } }
  })
  await container.update({ memory: { limit: 96 << 20 }, cpu: { quota: 50_000 } })
  t.equal(value('memory.limit_in_bytes'), String(96 << 20))
  t.equal(value('cpu.cfs_quota_us'), '50000')
  t.equal(value('cpu.shares'), '512')
  t.equal(value('pids.max'), '50')
  await container.update('{"pids":{"limit":60},"memory":{"limit":0}}')
  t.equal(value('pids.max'), '60')
  t.equal(value('memory.limit_in_bytes'), String(96 << 20), '0 says nothing')
})

t.test('a container keeps what it was updated to', skip, async t => {
  const { container, runtime, value } = await running(t, config => {
    config.linux.resources = { memory: { limit: 64 << 20, swap: 128 << 20 } }
  })
  await container.update({ memory: { limit: 96 << 20 } })
  const other = await createRuntime({ root: runtime.root }).get(container.id)
  await t.rejects(other.update({ memory: { limit: 256 << 20 } }), { code: /ERR_/ }, 'more than with swap')
  await other.update({ memory: { swap: 100 << 20 } })
  t.equal(value('memory.memsw.limit_in_bytes'), String(100 << 20), 'the memory limit is known')
})

t.test('an update that the kernel refuses half-way leaves all limits as they were', skip, async t => {
  const { container, value } = await running(t, config => {
    config.linux.resources = { memory: { limit: 64 << 20, swap: 128 << 20 }, cpu: { shares: 512 } }
  })
  const files = ['cpu.shares', 'cpu.cfs_quota_us', 'memory.limit_in_bytes', 'memory.memsw.limit_in_bytes', 'pids.max']
  const before = files.map(value)
  const refused = { cpu: { shares: 2048, quota: 50_000 }, pids: { limit: 9 }, memory: { limit: 256 << 20 } }
  await t.rejects(container.update(refused), { code: 'ERR_CGROUP_WRITE' })
  t.same(files.map(value), before)
})

t.test('an update is checked before anything is written', skip, async t => {
  const { container, value } = await running(t, config => {
    config.linux.resources = { pids: { limit: 50 } }
  })
  await t.rejects(container.update({ pids: { limit: 70 }, memory: { limit: -2 } }), {
    code: 'ERR_CONFIG_INVALID',
    issues: [{ path: '/linux/resources/memory/limit' }],
  })
  t.equal(value('pids.max'), '50')
})

t.test('devices of an update come after those that there are', skip, async t => {
  const { container, value } = await running(t, config => {
    config.linux.resources = { devices: [{ allow: false, access: 'rwm' }] }
  })
  await container.update({ devices: [{ allow: true, type: 'c', major: 10, minor: 229, access: 'rw' }] })
  t.match(value('devices.list'), 'c 10:229 rw')
  t.match(value('devices.list'), 'c 1:3 rwm')
  await container.update({ pids: { limit: 40 } })
  t.match(value('devices.list'), 'c 10:229 rw', 'and stay')
})

t.test('a container that has ended can not be updated', skip, async t => {
  const { container } = await running(t)
  await container.kill('KILL')
  await container.wait()
  await t.rejects(container.update({ pids: { limit: 5 } }), {
    code: 'ERR_STATE_STATUS',
    message: /container not running/,
  })
})

t.test('a device that stays allowed is allowed at every moment of an update', skip, async t => {
  const { runtime, bundle, configure, id } = makeBundle(t)
  const write = 'echo >/dev/null || { echo refused; exit 1; }'
  configure(config => {
    config.process.args = [
      '/bin/sh',
      '-c',
      `echo ready; i=0; while [ $i -lt 1000000 ]; do ${write}; i=$((i + 1)); done`,
    ]
  })
  const container = await runtime.create({ id: id(), bundle, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [container.stdout, container.stderr]) stream?.on('data', chunk => (output += String(chunk)))
  await container.start()
  await until(() => output === 'ready\n')
  const fuse = { type: 'c', major: 10, minor: 229, access: 'rwm' } as const
  for (let round = 0; round < 30; round++) {
    await container.update({ devices: [{ ...fuse, allow: round % 2 === 0 }], pids: { limit: 30 + round } })
  }
  t.equal((await container.state()).status, 'running')
  await container.kill('KILL')
  await container.wait()
  t.equal(output, 'ready\n')
})
